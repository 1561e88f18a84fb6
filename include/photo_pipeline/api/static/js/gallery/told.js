// Photos that events have told of. A list by upload need not show them near its top: some waited long, or were in the bin.

import { photo as photoOf } from "../api.js";

const IN_GALLERY = new Set(["processed", "duplicate"]);
/** The server repeats some hundred outcomes to a page that connects again. */
const REMEMBERED = 5000;
const AT_MOST = 50;

export class Told {
  constructor() {
    this.records = new Set();
    this.clear();
  }

  /** Those told until now are in whatever list is served from now on. */
  clear() {
    this.ids = new Set();
  }

  /**
   * Takes note of outcomes; of those that come again, once.
   * @returns those of photos that are in the gallery now, and were not told before
   */
  hear(outcomes) {
    const fresh = [];
    for (const outcome of outcomes) {
      const { photo_id: photoId, status, topic, partition, offset } = outcome;
      const record = `${topic}/${partition}/${offset}`;
      if (photoId === null || !IN_GALLERY.has(status) || this.records.has(record)) continue;
      this.records.add(record);
      this.ids.add(photoId);
      fresh.push(outcome);
    }
    for (const record of this.records) {
      if (this.records.size <= REMEMBERED) break;
      this.records.delete(record);
    }
    return fresh;
  }

  /** Some photos will be there by other ways than the pipeline. */
  expect(ids) {
    for (const photoId of ids) this.ids.add(photoId);
  }

  /** Nobody needs to ask for these any more. */
  forget(ids) {
    for (const photoId of ids) this.ids.delete(photoId);
  }

  /**
   * Asks for some photos, one after the other: a server is not to feel it.
   * @param {string[]} ids which are forgotten after that
   * @returns the photos that there are; null where they are too many to be asked for
   * @throws {ApiError} and then none is forgotten
   */
  async fetch(ids) {
    if (ids.length > AT_MOST) {
      this.forget(ids);
      return null;
    }
    const found = [];
    for (const photoId of ids) found.push(...await one(photoId));
    this.forget(ids);
    return found;
  }
}

async function one(photoId) {
  try {
    const photo = await photoOf(photoId);
    return photo.status === "processed" ? [photo] : [];
  } catch (error) {
    if (error.isTemporary || error.status === 401) throw error;
    return []; // it is in the bin meanwhile, or gone
  }
}
