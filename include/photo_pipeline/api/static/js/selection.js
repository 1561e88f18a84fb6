// The selection: which photos are chosen, and what is done with them, or with the one that is shown large.

import { ApiError } from "./api.js";
import { announce, find, formatBytes, make } from "./dom.js";
import { Bar } from "./selection/bar.js";
import { putIntoBin, takeOutOfBin } from "./selection/bin.js";
import { Chosen } from "./selection/chosen.js";
import { Choosing } from "./selection/choosing.js";
import { keepAll } from "./selection/keeping.js";
import { Sharing } from "./selection/sharing.js";
import { downloadZip } from "./selection/zip.js";
import { BROUGHT_BACK, DELETED, tellMoved } from "./tabs.js";
import { control, Toast } from "./toast.js";

const NUMBER = new Intl.NumberFormat();

const counted = ({ length }) => (length === 1 ? "1 photo" : `${NUMBER.format(length)} photos`);
const are = ({ length }) => (length === 1 ? "is" : "are");

export class Selection {
  /** @param {object} gallery shows the photos */
  constructor(gallery) {
    this.gallery = gallery;
    this.toast = new Toast();
    this.sharing = new Sharing(() => gallery.onLoggedOut());
    this.chosen = new Chosen((photos) => this.changed(photos));
    this.bar = new Bar(this.chosen, {
      download: () => this.download(),
      delete: () => this.deleteChosen(),
      keep: () => this.keep(),
      share: () => this.sharing.open(this.chosen.all),
      clear: () => this.clear(),
    });
    this.choosing = new Choosing(gallery, this.chosen, { completing: () => this.tell(), chosen: () => this.bar.button("download").focus() });
    // Before anything that Escape closes is gone, and with it what it was meant for.
    document.addEventListener("keydown", (event) => this.pressed(event), { capture: true });
  }

  has = (photo) => this.chosen.has(photo);

  know(customer) {
    this.bar.mostKept = customer.holds_allowed;
    this.chosen.belongTo(customer.customer_id);
    this.bar.update();
  }

  /** Somebody has signed out. */
  forget() {
    this.chosen.forget();
  }

  /** Nothing is shown any more; what was chosen stays so for whoever comes back. */
  leave() {
    this.toast.hide();
    this.sharing.dialog.close();
  }

  /** The list has come to photos. */
  meet(photos) {
    if (this.chosen.count === 0) return;
    this.chosen.meet(photos);
    this.gallery.markDays(photos);
  }

  changed(photos) {
    const { count } = this.chosen;
    if (count === 0) this.choosing.end();
    for (const photo of photos) this.gallery.tiles.choose(photo);
    this.gallery.markDays(photos);
    this.gallery.root.classList.toggle("selecting", count > 0);
    // What failed was meant for what was chosen then.
    this.bar.notice.hide();
    this.tell();
    announce(count === 0 ? "Nothing is selected" : `${NUMBER.format(count)} selected`);
  }

  tell() {
    this.bar.isCompleting = this.choosing.completing !== null;
    this.bar.update();
  }

  pressed(event) {
    if (this.chosen.count === 0 || this.gallery.lightbox.isOpen || this.sharing.dialog.open) return;
    const isHere = event.target === document.body || this.gallery.root.contains(event.target) || this.bar.element.contains(event.target);
    // In a field of the search it ends what is typed there.
    if (event.key === "Escape" && !this.gallery.filters.form.contains(event.target)) this.clear();
    else if (event.key === "Delete" && isHere && this.bar.doing === "") this.deleteChosen();
  }

  /** Does what somebody asked for. It is not tried again behind their back. */
  async attempt(place, doing, failure, work) {
    place.begin(doing);
    try {
      await work();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401) this.gallery.onLoggedOut();
      else place.fail(`${failure()} ${error.message}`, () => this.attempt(place, doing, failure, work));
    } finally {
      place.end();
    }
  }

  clear() {
    const all = this.chosen.all;
    this.chosen.clear();
    this.findFocus(all[0]);
    this.toast.show(`${counted(all)} ${are(all)} no longer selected.`, control("Undo", () => {
      this.toast.hide();
      this.chosen.add(all);
      this.findFocus(all[0]);
    }));
  }

  /** What had the focus may be gone; whoever goes by keys goes on from a photo. */
  findFocus(photo) {
    const { activeElement } = document;
    if (activeElement !== document.body && !this.bar.element.contains(activeElement)) return;
    if (!this.gallery.focus(photo)) find("#gallery-heading").focus({ preventScroll: true });
  }

  download() {
    const photos = this.chosen.all;
    this.bar.notice.hide();
    this.toast.show(`Your browser is asked to save ${counted(photos)} (${formatBytes(this.chosen.bytes)}) as one ZIP. It lists the download, `
      + "and says so if it breaks off.");
    downloadZip(photos, (error) => {
      this.toast.hide();
      if (error.status === 401) this.gallery.onLoggedOut();
      else this.bar.fail(`The ZIP could not be downloaded. ${error.message}`, () => this.download());
    });
  }

  deleteChosen() {
    return this.delete(this.chosen.all, this.bar);
  }

  /** @param {Bar|Toast} place where it is told if it fails */
  delete(photos, place) {
    const [left, done] = [[...photos], []];
    const wereChosen = new Set(photos.filter(this.has));
    return this.attempt(place, `Deleting ${counted(photos)} …`, () => `${counted(left)} could not be deleted.`, async () => {
      await putIntoBin(left, (piece, moved) => {
        done.push(...moved);
        this.takeAway(piece);
        tellMoved(DELETED, piece);
        this.offerUndo(done, wereChosen);
      });
    });
  }

  takeAway(photos) {
    const { isOpen } = this.gallery.lightbox;
    const next = this.drop(photos);
    if (!isOpen && this.chosen.count === 0) this.findFocus(next);
  }

  /** Photos have been deleted, here or in another tab; which one is in the place of the first. */
  drop(photos) {
    this.chosen.remove(photos);
    const next = this.gallery.remove(photos);
    if (this.gallery.lightbox.isOpen) this.gallery.lightbox.moveOn(next);
    return next;
  }

  offerUndo(done, wereChosen) {
    if (done.length === 0) {
      this.toast.show("What was to be deleted was gone already.");
      return;
    }
    this.toast.show(`${counted(done)} ${are(done)} in the bin.`, control("Undo", () => this.bringBack(done, wereChosen)),
      make("a", { href: "/account", textContent: "See the bin" }));
  }

  bringBack(photos, wereChosen) {
    const [left, back] = [[...photos], []];
    return this.attempt(this.toast, "", () => `${counted(left)} could not be brought back: still in the bin.`, async () => {
      await takeOutOfBin(left, (_, moved) => {
        back.push(...moved);
        this.gallery.putBack(moved);
        tellMoved(BROUGHT_BACK, moved);
        this.chosen.add(moved.filter((photo) => wereChosen.has(photo)));
      });
      announce(`${counted(back)} ${are(back)} in the gallery again.`);
      if (this.gallery.lightbox.isOpen) this.gallery.lightbox.goTo(back[0]?.photo_id);
      else this.gallery.reveal(back, "nearest");
    });
  }

  async keep() {
    const isKept = !this.bar.areKept;
    const photos = this.chosen.all.filter((photo) => (isKept ? !photo.held : photo.held_by_customer));
    const [left, count] = [[...photos], photos.length];
    let done = 0;
    const failure = () => `${counted(left)} could not be ${isKept ? "kept" : "let go"}.`;
    await this.attempt(this.bar, "One moment …", failure, async () => {
      await keepAll(left, isKept, this.gallery, () => {
        done += 1;
        this.bar.begin(`${done} of ${count} …`);
      });
      if (done === 0) { // kept by the operator already, or gone meanwhile
        this.toast.show("There was nothing left to change.");
        return;
      }
      const what = done === 1 ? "1 photo" : `${NUMBER.format(done)} photos`;
      this.toast.show(isKept ? `${what} ${done === 1 ? "stays" : "stay"} for as long as you want.`
        : `${what} ${done === 1 ? "goes" : "go"} when the time has come.`);
    });
  }
}
