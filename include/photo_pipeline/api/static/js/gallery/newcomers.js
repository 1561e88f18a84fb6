// Photos that come while the page is open. What somebody looks at does not move: then they wait until they are asked for.

import { photos } from "../api.js";
import { find } from "../dom.js";
import { now } from "../server_time.js";
import { Told } from "./told.js";

const PAGE_LENGTHS = [60, 200, 200, 200];
/** A photo may be committed after younger ones, and clocks of several servers differ. */
const SLACK_MILLISECONDS = 10 * 60 * 1000;

export class Newcomers {
  /** @param {object} gallery has, hasPlaceFor, isBeingRead, insert, start and reveal are asked of it */
  constructor(gallery) {
    this.gallery = gallery;
    this.pill = find("#newcomers");
    this.pill.addEventListener("click", () => this.showAll());
    this.told = new Told();
    this.clear();
  }

  /** Knows nothing any more: a list is about to be asked for. */
  clear() {
    this.told.clear();
    this.begin(now());
  }

  /** Begins anew, with a list that was served at that time. */
  begin(servedAt) {
    this.seen = servedAt;
    this.waiting = new Map();
    this.areTooMany = false;
    this.update();
  }

  /**
   * Events have told what became of photos; the next look sees to it.
   * @returns those that were not told before
   */
  hear(outcomes) {
    return this.told.hear(outcomes);
  }

  /**
   * Looks for photos that have come since the last look.
   * @throws {ApiError} and then what was not looked at is looked at next time
   */
  async look() {
    const { waiting } = this;
    const told = [...this.told.ids];
    const { found, met, isAll, servedAt } = await this.since(this.seen - SLACK_MILLISECONDS);
    if (waiting !== this.waiting) return; // the list was begun anew meanwhile
    this.seen = servedAt;
    this.told.forget(met);
    if (!isAll && !this.gallery.isBeingRead) {
      this.gallery.start();
      return;
    }
    this.areTooMany ||= !isAll;
    this.take(found);
    await this.ask(told.filter((photoId) => !met.has(photoId)));
  }

  async since(moment) {
    const [found, met] = [[], new Set()];
    let [cursor, servedAt] = [null, null];
    let fresh = [];
    for (const limit of PAGE_LENGTHS) {
      const page = await photos({ cursor, limit });
      servedAt ??= page.servedAt;
      fresh = page.photos.filter((photo) => this.isFresh(photo));
      found.push(...fresh);
      for (const photo of page.photos) met.add(photo.photo_id);
      cursor = page.next_cursor;
      if (cursor === null || !page.photos.some((photo) => Date.parse(photo.processed_at) >= moment)) {
        return { found, met, isAll: true, servedAt };
      }
    }
    return { found, met, isAll: fresh.length === 0, servedAt };
  }

  /** Neither shown nor waiting, and not to be found by scrolling. */
  isFresh(photo) {
    return !this.gallery.has(photo) && !this.waiting.has(photo.photo_id) && this.gallery.hasPlaceFor(photo);
  }

  /** Asks for photos of which events told and the list did not. */
  async ask(ids) {
    const { waiting } = this;
    const unknown = this.areTooMany ? [] : ids.filter((photoId) => !this.gallery.has({ photo_id: photoId }) && !waiting.has(photoId));
    this.told.forget(ids.filter((photoId) => !unknown.includes(photoId)));
    const found = await this.told.fetch(unknown);
    if (waiting !== this.waiting) return;
    if (found !== null) this.take(found);
    else this.offer();
  }

  take(found) {
    if (found.length > 0) this.gallery.timeline.changed();
    // Scrolling may have come to one since it was found.
    for (const photo of found.filter((each) => this.isFresh(each))) this.waiting.set(photo.photo_id, photo);
    if (this.gallery.isBeingRead) this.update();
    else this.insertAll();
  }

  /** So many that the list is better begun anew, which is for the reader to say. */
  offer() {
    this.gallery.timeline.changed();
    this.areTooMany = true;
    this.update();
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
