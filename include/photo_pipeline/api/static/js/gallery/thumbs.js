// Thumbs that did not come: one is asked for again at a time, and once it is there, the others are.

import { picture } from "../api.js";
import { Retrying } from "../retrying.js";

const AT_ONCE = 6;
const GONE = new Set([404, 410]);
/** A picture that has come whole so often and is none all the same will not become one. */
const WHOLE_AT_MOST = 2;

export class Thumbs {
  /**
   * @param {(waiting: number, retry: () => void) => void} onTrouble told how many are missing
   * @param {() => void} onLoggedOut called when the session has ended
   */
  constructor(onTrouble, onLoggedOut) {
    this.onTrouble = onTrouble;
    this.onLoggedOut = onLoggedOut;
    this.clear();
  }

  clear() {
    this.retrying?.stop();
    this.retrying = null;
    this.waiting = new Map(); // from the <img> to its address and who is told, the longest waiting first
    this.whole = new Map(); // from an address to how often its picture has come whole for an <img> that did not show it
    this.onTrouble(0, null);
  }

  /**
   * Loads a picture into an <img>.
   * @param {{ src: string, srcset: string, sizes: string }} picture as an <img> has it
   * @param {(state: "loaded"|"missing"|"gone"|"broken") => void} become told what became of it
   */
  load(image, { src, srcset, sizes }, become) {
    image.addEventListener("load", () => {
      this.settled(image);
      this.whole.delete(image.currentSrc);
      become("loaded");
    });
    image.addEventListener("error", () => {
      if (!image.isConnected) return; // it belongs to a list that is gone
      const url = image.currentSrc || src;
      if (this.whole.get(url) >= WHOLE_AT_MOST) {
        become("broken");
        return;
      }
      become("missing");
      this.waiting.set(image, { src, url, become });
      this.tell();
      this.heal();
    });
    Object.assign(image, { sizes, srcset, src });
  }

  /**
   * Nobody wants it any more.
   *
   * Asked while the <img> is in the page still: Chromium (156) lists each that may have to choose anew when the window changes, and
   * strikes only those out that lose their `sizes` and `srcset` before they leave. With the others it keeps their tiles.
   */
  forget(image) {
    for (const name of ["sizes", "srcset", "src"]) image.removeAttribute(name);
    this.settled(image);
  }

  settled(image) {
    if (this.waiting.delete(image)) this.tell();
  }

  tell() {
    this.onTrouble(this.waiting.size, () => this.retrying?.now());
  }

  async heal() {
    if (this.retrying !== null) return;
    const retrying = new Retrying(() => this.tryOne(), () => {}, this.onLoggedOut);
    this.retrying = retrying;
    try {
      // What is seen is asked for as the reader comes to it: an <img> is lazy.
      while (this.waiting.size > 0 && await retrying.run()) this.askFor(AT_ONCE);
    } finally {
      if (this.retrying === retrying) this.retrying = null;
    }
  }

  /** @returns whether pictures can be had again; another picture is tried each time */
  async tryOne() {
    const [image, { url, become }] = this.waiting.entries().next().value ?? [null, {}];
    if (image === null) return false;
    try {
      await picture(url);
      this.whole.set(url, (this.whole.get(url) ?? 0) + 1);
    } catch (error) {
      const waited = this.waiting.get(image);
      this.settled(image);
      if (GONE.has(error.status)) {
        become("gone");
        return true;
      }
      if (waited !== undefined && image.isConnected) this.waiting.set(image, waited);
      this.tell();
      throw error;
    }
    return true;
  }

  askFor(count) {
    for (const [image, { src }] of [...this.waiting].slice(0, count)) {
      this.settled(image);
      image.src = src; // the browser chooses anew
    }
  }
}
