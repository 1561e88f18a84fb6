// One photo, large: PhotoSwipe shows it; here is what it shows, what is said about it, and its address.

import { photo as photoOf } from "./api.js";
import { announce, find } from "./dom.js";
import { Address, forget } from "./lightbox/address.js";
import { addButtons } from "./lightbox/buttons.js";
import { Details } from "./lightbox/details.js";
import { viewer as loadViewer } from "./lightbox/packages.js";
import { Slides } from "./lightbox/slides.js";
import { Notice } from "./notice.js";
import { explained, Retrying } from "./retrying.js";

const NEAR_END = 10;
const OPTIONS = {
  loop: false,
  wheelToZoom: true,
  counter: false,
  bgOpacity: 1,
  returnFocus: false,
  preload: [1, 2],
  // While it moves in it neither closes nor hears a key: it is there at once, and the style sheet has it appear.
  showHideAnimationType: "none",
  secondaryZoomLevel: (level) => Math.max(1, 2 * level.fit),
  maxZoomLevel: (level) => Math.max(2, 6 * level.fit),
  closeTitle: "Close",
  zoomTitle: "Zoom",
  arrowPrevTitle: "Previous photo",
  arrowNextTitle: "Next photo",
};
const BELOW = matchMedia("(width < 36rem), (width < 48rem) and (orientation: portrait)"); // as lightbox.css has it
const BEHIND = ["body > header", "#main", "body > footer"];

const slide = (photo, tile) => ({
  src: photo.renditions.web.url,
  msrc: tile?.querySelector("img").currentSrc || photo.renditions.thumb.url, // what is there already
  width: photo.renditions.web.width,
  height: photo.renditions.web.height,
  alt: photo.filename ?? "Photo",
});

export class Lightbox {
  /** @param {object} gallery knows the photos around a photo, and gets the focus back */
  constructor(gallery) {
    this.gallery = gallery;
    this.details = new Details(gallery);
    this.notice = new Notice("#photo-trouble");
    this.viewer = null;
    this.photos = [];
    this.asking = null;
    this.isDeleting = false;
    this.address = new Address(() => this.followAddress());
    // The sheet grows as more becomes known, and the photo makes room.
    new ResizeObserver(() => this.viewer?.updateSize(true)).observe(this.details.element);
  }

  get isOpen() {
    return this.viewer !== null;
  }

  set mayKeep(mayKeep) {
    this.details.mayKeep = mayKeep;
  }

  get photo() {
    return this.photos[this.viewer.currIndex];
  }

  /** Has what it needs brought before it is needed. */
  prepare() {
    loadViewer().catch(() => {}); // whoever opens a photo asks again
  }

  async open(photo) {
    this.asking?.stop(); // for one that was wanted before
    this.notice.hide();
    this.wanted = photo;
    let PhotoSwipe;
    try {
      PhotoSwipe = await loadViewer();
    } catch {
      if (this.wanted === photo) this.notice.show("The photo cannot be opened: there is no good connection to the server.", () => this.open(photo));
      return;
    }
    if (this.wanted !== photo || this.isOpen) return;
    this.address.enter(photo.photo_id);
    this.show(PhotoSwipe, photo);
  }

  show(PhotoSwipe, photo) {
    const at = this.gallery.photos.indexOf(photo);
    // What comes above while it is open stays out of it: no photo changes its place under the reader's eyes.
    this.isAlone = at === -1;
    this.photos = this.isAlone ? [photo] : [...this.gallery.photos];
    const viewer = new PhotoSwipe({ ...OPTIONS, index: Math.max(0, at), getViewportSizeFn: () => this.room() });
    this.viewer = viewer;
    this.slides = new Slides(viewer, this.gallery.onLoggedOut);
    viewer.addFilter("numItems", () => this.photos.length);
    viewer.addFilter("itemData", (_, index) => slide(this.photos[index], this.gallery.tiles.item(this.photos[index])));
    viewer.addFilter("placeholderSrc", (_, content) => content.data.msrc);
    viewer.on("uiRegister", () => addButtons(viewer, this.details.isOpen, {
      about: () => this.toggleDetails(),
      share: () => this.gallery.selection.sharing.open([this.photo]),
      delete: () => this.deletePhoto(),
    }));
    viewer.on("keydown", (event) => this.pressed(event));
    viewer.on("change", () => this.changed());
    viewer.on("close", () => this.closed());
    viewer.init();
    viewer.element.setAttribute("aria-modal", "true");
    viewer.element.append(this.details.element, ...this.companions);
    viewer.element.classList.toggle("with-facts", this.details.isOpen);
    viewer.updateSize(true);
    for (const part of BEHIND) find(part).inert = true;
    this.changed();
  }

  /** What is shown above the gallery, and above a photo while one is open. */
  get companions() {
    const { toast, sharing } = this.gallery.selection;
    return [toast.element, sharing.dialog];
  }

  async deletePhoto() {
    const { selection } = this.gallery;
    if (this.isDeleting) return;
    this.isDeleting = true;
    try {
      await selection.delete([this.photo], selection.toast);
    } finally {
      this.isDeleting = false;
    }
  }

  /** A photo is there no more: where it is the one that is shown, another one takes its place, if there is one. */
  moveOn(next) {
    const photo = this.gallery.binned.has(this.photo.photo_id) ? next : this.photo;
    if (photo === null) {
      this.viewer.close();
      return;
    }
    this.close();
    this.open(photo);
  }

  /** What is left of the window for the photo. */
  room() {
    const { clientWidth: x } = document.documentElement;
    const y = window.innerHeight;
    if (!this.details.isOpen) return { x, y };
    const { offsetWidth, offsetHeight } = this.details.element;
    return BELOW.matches ? { x, y: y - offsetHeight } : { x: x - offsetWidth, y };
  }

  changed() {
    if (this.viewer === null || this.photo === undefined) return;
    const { photo } = this;
    const name = photo.filename ?? "Photo";
    this.viewer.element.setAttribute("aria-label", name);
    if (this.address.photoId !== photo.photo_id) {
      this.address.enter(photo.photo_id);
      announce(name);
    }
    this.details.show(photo);
    this.viewer.download.href = photo.renditions.original.url;
    if (!this.isAlone && this.viewer.currIndex > this.photos.length - NEAR_END) this.gallery.more();
  }

  /** The gallery has more photos, after those that it had. */
  extend(photos) {
    if (this.viewer === null || this.isAlone || photos.length === 0) return;
    const before = this.photos.length;
    this.photos.push(...photos);
    this.viewer.refreshSlideContent(before);
  }

  toggleDetails() {
    this.details.toggle();
    this.viewer.about.setAttribute("aria-expanded", String(this.details.isOpen));
    this.viewer.element.classList.toggle("with-facts", this.details.isOpen);
  }

  pressed(event) {
    const { key, target, altKey, ctrlKey, metaKey } = event.originalEvent;
    if (this.gallery.selection.sharing.dialog.open) event.preventDefault(); // the keys are the dialog's
    else if (key === "Delete") this.deletePhoto();
    else if (key === "i" && !altKey && !ctrlKey && !metaKey) this.toggleDetails();
    // The facts scroll by the keys that would move the photo.
    if (this.details.element.contains(target) && (key === "ArrowUp" || key === "ArrowDown")) event.preventDefault();
  }

  /** Closes it at once. The address stays: whoever logs in again comes back to the photo. */
  close() {
    this.wanted = null;
    this.asking?.stop();
    this.notice.hide();
    if (this.viewer === null) return;
    this.keepsAddress = true;
    this.viewer.close();
  }

  closed() {
    const { photo } = this;
    this.viewer = null;
    this.gallery.selection.sharing.dialog.close();
    document.body.append(...this.companions);
    this.slides.stop();
    this.details.close();
    for (const part of BEHIND) find(part).inert = false;
    if (!this.keepsAddress) this.address.leave();
    this.keepsAddress = false;
    // PhotoSwipe keeps the focus until it has done with this event.
    queueMicrotask(() => this.gallery.focus(photo));
  }

  /** Shows what the address says: after Back and Forward, and at the start. */
  followAddress() {
    const { photoId } = this.address;
    if (photoId === null) this.close();
    else if (this.viewer === null) this.openById(photoId);
    else if (this.photo.photo_id !== photoId) this.goTo(photoId);
  }

  goTo(photoId) {
    const at = this.photos.findIndex((photo) => photo.photo_id === photoId);
    if (at !== -1) {
      this.viewer.goTo(at);
      return;
    }
    this.close();
    this.openById(photoId);
  }

  async openById(photoId) {
    const shown = this.gallery.photos.find((photo) => photo.photo_id === photoId);
    if (shown !== undefined) {
      await this.open(shown);
      return;
    }
    this.asking?.stop();
    const asking = new Retrying(() => photoOf(photoId), (trouble) => {
      if (trouble === null) this.notice.hide();
      else if (trouble.isTemporary) this.notice.show(`The photo cannot be opened just now. ${explained(trouble)}`, () => asking.now());
      else this.cannotBeSeen(trouble.message);
    }, this.gallery.onLoggedOut);
    this.asking = asking;
    const found = await asking.run();
    if (found === undefined) return;
    if (found.status === "processed") await this.open(found);
    else this.cannotBeSeen(found.sentence ?? "The photo is no longer kept: its time has passed.");
  }

  cannotBeSeen(why) {
    forget();
    this.notice.show(why);
  }
}
