// The gallery: photos by day, more of them while scrolling, new ones as they come, and what was refused.

import { photo as photoOf } from "./api.js";
import { announce, find } from "./dom.js";
import { Filters } from "./filters.js";
import { Grid } from "./gallery/grid.js";
import { Newcomers } from "./gallery/newcomers.js";
import { placeAmong, wantedOrder, wantOrder } from "./gallery/order.js";
import { Pages } from "./gallery/pages.js";
import { Place } from "./gallery/place.js";
import { showRejected } from "./gallery/rejected.js";
import { Thumbs } from "./gallery/thumbs.js";
import { Tiles } from "./gallery/tiles.js";
import { Lightbox } from "./lightbox.js";
import { Notice } from "./notice.js";
import { explained, Retrying } from "./retrying.js";
import { Selection } from "./selection.js";
import { Stacks } from "./stacks.js";
import { Timeline } from "./timeline.js";

const AHEAD_PIXELS = 800;
const NEAR_END = 10;
const STEPS = { ArrowLeft: -1, ArrowRight: 1 };

export class Gallery {
  /** @param {() => void} onLoggedOut called when the session has ended */
  constructor(onLoggedOut) {
    this.onLoggedOut = onLoggedOut;
    this.root = find("#gallery");
    this.end = find("#gallery-more");
    this.order = wantedOrder();
    this.photos = [];
    this.ids = new Set();
    this.binned = new Set(); // a list that was asked for before may still have them
    this.customerId = null;
    this.pages = null;
    this.news = null;
    this.again = false;
    this.pageNotice = new Notice("#pages-trouble");
    this.thumbNotice = new Notice("#thumbs-trouble");
    this.newsNotice = new Notice("#news-trouble");
    this.lightbox = new Lightbox(this);
    this.tiles = new Tiles(new Thumbs(this.tellThumbs.bind(this), onLoggedOut), (photo) => this.lightbox.open(photo),
      (photo) => this.selection.has(photo));
    this.place = new Place(this);
    this.grid = new Grid(this.root, this.tiles, () => this.place.refit());
    this.selection = new Selection(this);
    this.filters = new Filters(this);
    this.timeline = new Timeline(this);
    this.stacks = new Stacks(this);
    this.newcomers = new Newcomers(this);
    this.observer = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) this.more();
    }, { rootMargin: `${AHEAD_PIXELS}px` });
    this.root.addEventListener("keydown", (event) => this.walk(event));
    for (const choice of document.querySelectorAll("#order input")) {
      choice.checked = choice.value === this.order;
      choice.addEventListener("change", () => this.sortBy(choice.value));
    }
  }

  clear() {
    this.place.keep();
    this.observer.disconnect();
    this.pages?.stop();
    this.pages = null;
    this.news?.stop();
    this.news = null;
    this.again = false;
    this.lightbox.close();
    this.photos = [];
    this.ids.clear();
    this.binned.clear();
    this.isBegun = false;
    this.stacks.clear();
    this.grid.clear(this.order);
    this.newcomers.clear();
    this.pageNotice.hide();
    this.newsNotice.hide();
    find("#rejected").hidden = true;
    find("#gallery-empty").hidden = true;
    find("#gallery-none").hidden = true;
  }

  /** @param {boolean} isReturn whether the reader was here before, and is to be led to where they were */
  async start({ isReturn = false } = {}) {
    this.clear();
    this.place.enter();
    const list = { order: this.order, ...this.filters.query };
    const pages = new Pages(list, (page) => this.add(page), this.tellPages.bind(this), this.onLoggedOut);
    this.pages = pages;
    find("#gallery-loading").hidden = false;
    this.timeline.start(this.order, this.filters.wanted);
    await pages.more();
    if (pages !== this.pages || this.photos.length + Number(pages.atEnd) === 0) return;
    this.observer.observe(this.end);
    this.lightbox.prepare();
    this.lightbox.followAddress();
    this.listen(showRejected);
    if (isReturn) this.place.find();
  }

  async sortBy(order) {
    this.order = order;
    wantOrder(order);
    await this.filters.begin(null);
    announce(order === "taken" ? "Photos by day taken" : "Photos by day uploaded");
  }

  /** Whose photos they are. */
  know(customer) {
    const isAnother = this.customerId !== null && this.customerId !== customer.customer_id;
    this.customerId = customer.customer_id;
    if (isAnother) { // whose search nobody else is to see, or to have done
      this.place.forget();
      this.filters.forget();
      if (this.pages !== null) this.start();
    }
    this.lightbox.mayKeep = customer.holds_allowed > 0;
    this.selection.know(customer);
  }

  /**
   * Events have told what became of photos. What was deleted and is sent again is wanted again.
   * @returns those of which there is something new to see: a server repeats some to a page that connects
   */
  hear(outcomes) {
    for (const outcome of outcomes) this.binned.delete(outcome.photo_id);
    return this.newcomers.hear(outcomes).filter((outcome) => !this.has(outcome));
  }

  /** Something has happened: looks what, until that succeeds. A server in trouble is not asked sooner for that. */
  refresh() {
    if (this.photos.length === 0 && !this.pages?.atEnd) return; // the first page is on its way, and will have it
    if (this.news !== null) {
      this.again = true;
      return;
    }
    this.listen(async () => {
      this.again = false;
      await this.newcomers.look();
      await showRejected();
    });
  }

  async listen(work) {
    const news = new Retrying(work, (trouble) => {
      if (trouble === null) this.newsNotice.hide();
      else this.newsNotice.show(`New photos cannot be looked for just now. ${explained(trouble)}`, () => news.now());
    }, this.onLoggedOut);
    this.news = news;
    await news.run();
    if (this.news !== news) return; // the gallery was begun anew meanwhile
    this.news = null;
    if (this.again) this.refresh();
  }

  more() {
    return this.pages?.more();
  }

  add(page) {
    if (!this.isBegun) this.newcomers.begin(page.servedAt);
    this.isBegun = true;
    const fresh = page.photos.filter((photo) => !this.has(photo));
    this.stacks.extend(fresh);
    for (const photo of fresh) {
      this.grid.place(photo, null);
      this.ids.add(photo.photo_id);
    }
    // Of the day that was the last one, all may be here now.
    const last = this.photos.slice(-1);
    this.photos.push(...fresh);
    this.newcomers.shown(fresh);
    this.lightbox.extend(fresh);
    this.selection.meet([...last, ...fresh]);
    this.showWhetherEmpty();
    this.moreInSight();
  }

  /** An observer tells of changes: where the end is still in sight, there is none. */
  moreInSight() {
    requestAnimationFrame(() => {
      if (this.end.getBoundingClientRect().top < window.innerHeight + AHEAD_PIXELS) this.more();
    });
  }

  /** Whether a photo is here, or was and has been deleted. */
  has(photo) {
    return this.ids.has(photo.photo_id) || this.binned.has(photo.photo_id);
  }

  /** Whether a photo belongs among those that are shown; beyond them, scrolling will find it. */
  hasPlaceFor(photo) {
    if (!this.filters.fits(photo)) return false;
    return this.pages?.atEnd || placeAmong(this.photos, photo, this.order) < this.photos.length;
  }

  /** Whether somebody would lose their place if something moved. */
  get isBeingRead() {
    if (this.photos.length === 0) return false;
    return this.lightbox.isOpen || !this.place.isAtTop || this.root.contains(document.activeElement);
  }

  insert(photo) {
    const at = placeAmong(this.photos, photo, this.order);
    this.grid.place(photo, this.photos[at] ?? null);
    this.photos.splice(at, 0, photo);
    this.ids.add(photo.photo_id);
    this.stacks.renew(this.photos);
    this.selection.meet([photo]);
    this.showWhetherEmpty();
  }

  /** Photos have been deleted in another tab. */
  hearDeleted(photoIds) {
    this.selection.drop(photoIds.map((photoId) => ({ photo_id: photoId })));
  }

  /** Photos have been taken out of the bin in another tab. */
  hearBroughtBack(photoIds) {
    for (const photoId of photoIds) this.binned.delete(photoId);
    this.newcomers.told.expect(photoIds);
    this.refresh();
  }

  /**
   * Photos have been deleted.
   * @returns the one that is where the first of them was, or else before it; null where there is none
   */
  remove(photos) {
    for (const photo of photos) this.binned.add(photo.photo_id);
    const here = this.photos.filter((photo) => this.ids.has(photo.photo_id) && this.binned.has(photo.photo_id));
    const at = this.photos.indexOf(here[0]);
    const days = here.map(this.grid.dayWith);
    this.timeline.changed();
    for (const photo of here) {
      this.grid.remove(photo);
      this.ids.delete(photo.photo_id);
    }
    this.photos = this.photos.filter((photo) => this.ids.has(photo.photo_id));
    this.stacks.renew(this.photos);
    this.mark(days);
    this.showWhetherEmpty();
    this.moreInSight();
    return at === -1 ? null : this.photos[Math.min(at, this.photos.length - 1)] ?? null;
  }

  /** Photos that were deleted are wanted after all. Those beyond the ones that are shown will come by scrolling. */
  putBack(photos) {
    for (const photo of photos) this.binned.delete(photo.photo_id);
    this.timeline.changed();
    if (photos.some((photo) => photo.renditions === undefined)) { // chosen before the page was loaded, and not seen since
      this.start();
      return;
    }
    for (const photo of photos) if (!this.has(photo) && this.hasPlaceFor(photo)) this.insert(photo);
  }

  /** From one photo to another, both included, in whichever order. */
  between(one, other) {
    const [from, to] = [this.photos.indexOf(one), this.photos.indexOf(other)].sort((a, b) => a - b);
    return from === -1 ? [other] : this.photos.slice(from, to + 1);
  }

  /** Shows of the days of some photos how much of them is chosen. */
  markDays(photos) {
    this.mark(photos.map(this.grid.dayWith));
  }

  mark(days) {
    for (const day of new Set(days)) day?.mark(this.selection.has, this.hasAllOf(day));
  }

  /** Whether scrolling will find no more photos of a day. */
  hasAllOf(day) {
    return this.pages.atEnd || this.grid.dayWith(this.photos.at(-1)) !== day;
  }

  /** Leads the reader to the first of some photos, with it in the middle unless another place in the window is better. */
  reveal(photos, block = "center") {
    const ids = new Set(photos.map((photo) => photo.photo_id));
    const first = this.photos.find((photo) => ids.has(photo.photo_id)) ?? this.photos[0];
    if (first === undefined) return;
    this.grid.reveal(first).scrollIntoView({ block });
    this.tiles.button(first).focus({ preventScroll: true });
  }

  neighbour(photo, step) {
    const at = this.photos.indexOf(photo) + step;
    if (at > this.photos.length - NEAR_END) this.more();
    return this.photos[at] ?? null;
  }

  /** Gives the focus back to a photo's tile; whether it has one. */
  focus(photo) {
    if (photo === null || !this.ids.has(photo.photo_id)) return false;
    this.stacks.unfold(photo);
    this.grid.reveal(photo).scrollIntoView({ block: "nearest" });
    this.tiles.button(photo).focus({ preventScroll: true });
    return true;
  }

  /** The arrow keys go from photo to photo, so that Tab need not. */
  walk(event) {
    const step = STEPS[event.key];
    const photo = this.tiles.photoAt(event.target);
    if (step === undefined || photo === null || event.altKey || event.ctrlKey || event.metaKey) return;
    let next = this.neighbour(photo, step);
    while (next !== null && this.stacks.isFolded(next)) next = this.neighbour(next, step);
    if (next === null) return;
    event.preventDefault();
    if (event.shiftKey) this.selection.choosing.extend(photo, next);
    this.focus(next);
  }

  /** A photo's customer changed how long it is kept. */
  async reread(photo) {
    Object.assign(photo, await photoOf(photo.photo_id));
    this.tiles.mark(photo);
  }

  tellPages(trouble, retry) {
    if (trouble === null) {
      this.pageNotice.hide();
      return;
    }
    find("#gallery-loading").hidden = true;
    const what = this.photos.length === 0
      ? "Your photos cannot be shown just now. None of them is lost." : "More photos could not be loaded.";
    this.pageNotice.show(`${what} ${explained(trouble)}`, retry);
  }

  tellThumbs(count, retry) {
    if (count === 0) this.thumbNotice.hide();
    else this.thumbNotice.show(count === 1 ? "A picture could not be loaded. It is tried again by itself."
      : `${count} pictures could not be loaded. They are tried again by themselves.`, retry);
  }

  showWhetherEmpty() {
    find("#gallery-loading").hidden = true;
    const isShown = this.photos.length === 0 && this.pages?.atEnd;
    find("#gallery-empty").hidden = !isShown || this.filters.isActive;
    find("#gallery-none").hidden = !isShown || !this.filters.isActive;
  }
}
