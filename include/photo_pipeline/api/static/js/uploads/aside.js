// Photos of whoever was here before that the browser does not remember: they live as long as this page, for their customer alone.

import { UNSAFE } from "./photo.js";

export class Aside {
  constructor() {
    this.photos = [];
  }

  /** @param {Photo[]} photos some of them may be remembered yet, or were never meant to be sent */
  put(photos) {
    this.photos.push(...photos.filter((photo) => UNSAFE.has(photo.state) && !photo.isRemembered));
  }

  /** Those of one customer, or of nobody. */
  of(owner) {
    return this.photos.filter((photo) => photo.owner === owner && !photo.isRemembered);
  }

  /** @returns {Photo[]} those of one customer, which are not here any more */
  take(owner) {
    const taken = this.of(owner);
    this.photos = this.photos.filter((photo) => photo.owner !== owner);
    return taken;
  }

  drop(photos) {
    const gone = new Set(photos);
    this.photos = this.photos.filter((photo) => !gone.has(photo));
  }

  /** The browser cannot remember these; others are yet to be written. */
  get forgettable() {
    return this.photos.filter((photo) => photo.isUnremembered);
  }
}
