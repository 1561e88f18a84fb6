// Some rows of a day's photos. Those far away from what is seen are a height without tiles, so that a hundred thousand photos
// cost no more than a hundred.

import { make } from "../dom.js";
import { ratioOf } from "./tiles.js";

const GAP = 6; // as app.css has it

export class Block {
  /** @param {Day} day that its photos are of */
  constructor(tiles, day) {
    this.tiles = tiles;
    this.day = day;
    this.photos = [];
    this.isMounted = true;
    this.element = make("ul", { className: "rows" });
  }

  /** Puts a photo before another of its own, or at the end. */
  place(photo, next) {
    const at = next === null ? this.photos.length : this.photos.indexOf(next);
    this.photos.splice(at, 0, photo);
    if (this.isMounted) this.element.insertBefore(this.tiles.add(photo), next === null ? null : this.tiles.item(next));
  }

  /** Has a photo no longer, in a window as it is now. */
  remove(photo, width, height) {
    this.photos.splice(this.photos.indexOf(photo), 1);
    if (this.isMounted) this.tiles.remove(photo);
    else this.fitTo(width, height);
  }

  /** Gives its second half to a block that comes after it. */
  giveHalfTo(other) {
    this.mount();
    for (const photo of this.photos.splice(this.photos.length >> 1)) {
      other.photos.push(photo);
      other.element.append(this.tiles.item(photo));
    }
  }

  mount() {
    if (this.isMounted) return;
    this.isMounted = true;
    this.element.append(...this.photos.map((photo) => this.tiles.add(photo)));
    this.element.style.height = "";
  }

  /** @param {number} height that it has */
  unmount(height) {
    if (!this.isMounted || this.element.contains(document.activeElement)) return;
    this.element.style.height = `${height}px`;
    this.isMounted = false;
    for (const photo of this.photos) this.tiles.remove(photo);
  }

  /** Without frames behind another photo's tile. */
  get seen() {
    return this.photos.filter((photo) => !this.tiles.stacks.isFolded(photo));
  }

  /** Whether another photo would begin a row, in a window as it is now. */
  endsWithRow(width, height) {
    return rowsOf(this.seen, width, height).at(-1).isFull;
  }

  /** After the window has changed. */
  fitTo(width, height) {
    if (this.isMounted) return;
    const total = rowsOf(this.seen, width, height).reduce((sum, row) => sum + row.height + GAP, -GAP);
    this.element.style.height = `${total}px`;
  }
}

/** The rows that the browser makes of photos: as many as fit with their least width, which then share what is left. */
function rowsOf(photos, width, height) {
  const rows = [];
  let [ratios, used] = [0, 0];
  for (const photo of photos) {
    const needed = height * ratioOf(photo);
    if (used > 0 && used + GAP + needed > width) {
      rows.push({ height: (height * (width - (used - height * ratios))) / (height * ratios), isFull: true });
      [ratios, used] = [0, 0];
    }
    used += needed + (used > 0 ? GAP : 0);
    ratios += ratioOf(photo);
  }
  rows.push({ height, isFull: used + GAP + height > width });
  return rows;
}
