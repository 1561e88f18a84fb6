// Photos that come while the page is open. What somebody looks at does not move: then they wait until they are asked for.

import { photos } from "../api.js";
import { find } from "../dom.js";

const PAGE_LENGTHS = [60, 200, 200, 200];
/** A photo may be committed after younger ones, and clocks of several servers differ. */
const SLACK_MILLISECONDS = 10 * 60 * 1000;

export class Newcomers {
  /** @param {object} gallery has, hasPlaceFor, isBeingRead, insert, start and reveal are asked of it */
  constructor(gallery) {
    this.gallery = gallery;
    this.pill = find("#newcomers");
    this.pill.addEventListener("click", () => this.showAll());
    this.clear(Date.now());
  }

  /** Begins anew, with a list that was served at that time. */
  clear(servedAt) {
    this.seen = servedAt;
    this.waiting = new Map();
    this.areTooMany = false;
    this.update();
  }

  /**
   * Looks for photos that have come since the last look.
   * @throws {ApiError} and then nothing was looked at
   */
  async look() {
    const seen = this.seen;
    const { found, isAll, servedAt } = await this.since(seen - SLACK_MILLISECONDS);
    if (seen !== this.seen) return; // the list was begun anew meanwhile
    this.seen = servedAt;
    this.areTooMany ||= !isAll;
    this.take(found);
  }

  async since(moment) {
    const found = [];
    let [cursor, servedAt] = [null, null];
    for (const limit of PAGE_LENGTHS) {
      const page = await photos({ cursor, limit });
      servedAt ??= page.servedAt;
      const fresh = page.photos.filter((photo) => Date.parse(photo.processed_at) >= moment);
      found.push(...fresh);
      cursor = page.next_cursor;
      if (fresh.length < page.photos.length || cursor === null) return { found, isAll: true, servedAt };
    }
    return { found, isAll: false, servedAt };
  }

  take(found) {
    for (const photo of found) {
      if (!this.gallery.has(photo) && this.gallery.hasPlaceFor(photo)) this.waiting.set(photo.photo_id, photo);
    }
    if (this.gallery.isBeingRead) this.update();
    else if (this.areTooMany) this.gallery.start();
    else this.insertAll();
  }

  /** Scrolling has come to them meanwhile. */
  shown(page) {
    for (const photo of page) this.waiting.delete(photo.photo_id);
    this.update();
  }

  insertAll() {
    const all = [...this.waiting.values()];
    this.waiting.clear();
    all.forEach((photo) => this.gallery.insert(photo));
    this.update();
    return all;
  }

  async showAll() {
    const tooMany = this.areTooMany;
    const all = tooMany ? [] : this.insertAll();
    if (tooMany) await this.gallery.start();
    this.gallery.reveal(all);
  }

  update() {
    const count = this.waiting.size;
    this.pill.hidden = count === 0 && !this.areTooMany;
    this.pill.textContent = this.areTooMany ? "Many new photos" : count === 1 ? "1 new photo" : `${count} new photos`;
  }
}
