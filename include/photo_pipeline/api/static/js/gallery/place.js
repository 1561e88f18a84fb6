// The reader's place: which photo is where in the window. It stays when rows become wider or narrower, and is found again by
// whoever comes back to a list: out of a search, after a session has ended, or when the page is loaded anew.

import { PAGE_LENGTH } from "../api.js";
import { monthIn } from "../filters.js";

const KEPT = "photo-places";
const STILL_MILLISECONDS = 150;
const AT_TOP_PIXELS = 80;
const PROBE = { x: 20, y: 80 }; // past the gallery's edge; below the header, and so far apart
/** Whoever had come further than this begins with the month in which they were. */
const MOST = 3000;
const AT_ONCE = 200; // as many as the server gives
const RELOADS = new Set(["reload", "back_forward"]);
const MOVES = ["wheel", "touchmove", "keydown", "pointerdown"];

/** The places of before the page was loaded, where it was loaded anew. */
function ofBefore() {
  const isAnew = RELOADS.has(performance.getEntriesByType("navigation")[0]?.type);
  return new Map(isAnew ? JSON.parse(sessionStorage.getItem(KEPT)) : []);
}

export class Place {
  constructor(gallery) {
    this.gallery = gallery;
    this.list = null;
    this.order = null; // its order
    this.noted = null; // a photo, and which part of it is how far below the window's top
    this.kept = ofBefore(); // by list
    this.isMoved = false;
    this.isLooking = false;
    window.addEventListener("scroll", () => this.scrolled(), { passive: true });
    window.addEventListener("pagehide", () => {
      this.keep();
      sessionStorage.setItem(KEPT, JSON.stringify([...this.kept]));
    });
    for (const move of MOVES) window.addEventListener(move, () => { this.isMoved = true; }, { passive: true });
  }

  scrolled() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.note(), STILL_MILLISECONDS);
  }

  /** Whether the page has moved to where something is typed: nobody has left their place for that. */
  get isAsking() {
    const { form } = this.gallery.filters;
    return form.contains(document.activeElement) && form.getBoundingClientRect().bottom > 0;
  }

  get isAtTop() {
    return window.scrollY <= AT_TOP_PIXELS;
  }

  note() {
    if (this.isAsking) return;
    if (this.isAtTop) this.noted = null;
    else this.noted = this.first() ?? this.noted; // something may lie on top of all photos
  }

  /** What is seen first of the photos, or null. */
  first() {
    const { grid, tiles } = this.gallery;
    for (let { y } = PROBE; y < window.innerHeight; y += PROBE.y) {
      const photo = grid.photoAt(PROBE.x, y);
      if (photo === null) continue;
      const { top, height } = tiles.item(photo).getBoundingClientRect();
      return { photoId: photo.photo_id, part: (y - top) / height, y };
    }
    return null;
  }

  /** Rows have become wider or narrower. */
  refit() {
    if (!this.isAsking) this.hold();
  }

  hold() {
    clearTimeout(this.timer);
    const { gallery } = this;
    const { photoId, part, y } = this.noted ?? {};
    if (!gallery.ids.has(photoId)) return;
    const item = gallery.grid.reveal(gallery.stacks.seenFor({ photo_id: photoId }));
    if (item === null) return;
    const { top, height } = item.getBoundingClientRect();
    window.scrollBy({ top: top + part * height - y, behavior: "instant" });
  }

  /** Forgets where somebody was: they have signed out. */
  forget() {
    this.kept.clear();
    sessionStorage.removeItem(KEPT);
  }

  /** Another list begins. */
  enter() {
    const { order, customerId } = this.gallery;
    this.order = order;
    this.list = [customerId, order, location.search].join(" ");
    this.noted = null;
  }

  /** For when somebody comes back to this list. */
  keep() {
    const { photos } = this.gallery;
    if (photos.length === 0 || this.isLooking) return; // it has been left before, or is not come back to yet
    const at = photos.findIndex((photo) => photo.photo_id === this.noted?.photoId);
    this.kept.delete(this.list);
    if (at === -1) return;
    const month = monthIn(photos[at], this.order);
    const inMonth = at - photos.findIndex((photo) => monthIn(photo, this.order) === month);
    this.kept.set(this.list, { ...this.noted, at, month, inMonth });
  }

  /** Leads the reader of a list that has begun to where they were, unless they go elsewhere meanwhile. */
  async find() {
    const kept = this.kept.get(this.list);
    if (kept === undefined) return;
    this.isMoved = false;
    this.isLooking = true;
    const isFound = await this.lookFor(kept).finally(() => { this.isLooking = false; });
    if (!isFound) return;
    this.noted = kept;
    this.hold();
  }

  async lookFor({ photoId, at, month, inMonth }) {
    if (at <= MOST) return this.look(photoId, at);
    if (inMonth > MOST) return false;
    const { filters } = this.gallery;
    await filters.ask(filters.wanted, month, false);
    return this.look(photoId, inMonth);
  }

  /** Has the list go on to a photo that is so far down; whether it has it, and nobody went elsewhere meanwhile. */
  async look(photoId, at) {
    const { gallery } = this;
    const { pages } = gallery;
    if (pages === null) return false;
    pages.limit = AT_ONCE;
    const isLookedFor = () => !this.isMoved && pages === gallery.pages && !gallery.ids.has(photoId);
    while (isLookedFor() && gallery.photos.length <= at && !pages.atEnd && !pages.hasStopped) await pages.more();
    pages.limit = PAGE_LENGTH;
    return !this.isMoved && pages === gallery.pages && gallery.ids.has(photoId);
  }
}
