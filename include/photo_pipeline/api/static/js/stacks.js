// Frames that a device sent shortly after one another are one tile with their number, so that a webcam does not drown the
// photos. A button on it shows them all in their places; the lightbox goes through them anyway.

import { announce, make } from "./dom.js";
import { dayIn } from "./filters.js";
import { momentOf } from "./gallery/order.js";

const FEWEST = 3;
const MOST = 200;
const APART_MICROSECONDS = 5 * 60 * 1_000_000;

function follows(photo, before, order) {
  return (photo.device_id ?? null) !== null && photo.device_id === before.device_id && dayIn(photo, order) === dayIn(before, order)
    && momentOf(before, order) - momentOf(photo, order) <= APART_MICROSECONDS;
}

export class Stacks {
  /** @param {object} gallery whose photos they are; its tiles are asked to hide */
  constructor(gallery) {
    this.gallery = gallery;
    gallery.tiles.stacks = this;
    this.clear();
  }

  clear() {
    this.folded = new Map(); // from the id of a frame to the one behind whose tile it is
    this.bursts = new Map(); // from the id of the frame that is seen, which is the newest and the first
    this.last = []; // photos that are a burst, if more of it come
    this.opened = new Set(); // ids of frames that somebody wants to see
  }

  /** @param {object[]} photos all that are shown from now on, in order */
  renew(photos) {
    const before = new Set([...this.folded.keys(), ...this.bursts.keys()]);
    this.bursts = new Map();
    this.folded = new Map();
    this.last = [];
    this.extend(photos);
    for (const photoId of before) this.dress({ photo_id: photoId });
  }

  /** @param {object[]} photos that come after all others */
  extend(photos) {
    const { order } = this.gallery;
    const grown = new Set();
    for (const photo of photos) {
      const isNext = this.last.length > 0 && this.last.length < MOST && follows(photo, this.last.at(-1), order);
      this.last = isNext ? this.last : [];
      this.last.push(photo);
      if (this.last.length >= FEWEST) grown.add(this.last);
    }
    for (const burst of grown) this.fold(burst);
    if (this.bursts.size > 0) this.nameDevices();
  }

  fold(burst) {
    const [newest, ...others] = burst;
    this.bursts.set(newest.photo_id, burst);
    if (!this.isOpen(burst)) for (const photo of others) this.folded.set(photo.photo_id, newest);
    for (const photo of burst) this.dress(photo);
  }

  /** Their names are asked for where there is somebody to be named, once. */
  async nameDevices() {
    const { choices } = this.gallery.filters;
    if (choices.loading !== null || await choices.load() === undefined) return;
    for (const photoId of this.bursts.keys()) this.dress({ photo_id: photoId });
  }

  isOpen = (burst) => burst.some((photo) => this.opened.has(photo.photo_id));

  /** Whether a photo is behind another one's tile. */
  isFolded = (photo) => this.folded.has(photo.photo_id);

  /** The photo whose tile stands for a photo. */
  seenFor = (photo) => this.folded.get(photo.photo_id) ?? photo;

  /** A photo with all that stand behind its tile: whoever chooses the tile means them. */
  allOf(photo) {
    const burst = this.bursts.get(photo.photo_id);
    return burst === undefined || this.isOpen(burst) ? [photo] : burst;
  }

  /** Shows on a photo's tile, where it has one, what stands behind it; or that it stands behind one. */
  dress(photo) {
    const item = this.gallery.tiles.item(photo);
    if (item === null) return;
    item.hidden = this.isFolded(photo);
    const burst = this.bursts.get(photo.photo_id);
    const button = item.querySelector(".stack");
    if (burst === undefined) button?.remove();
    else this.label(button ?? this.addButton(item, photo), burst);
    if (!item.hidden) this.gallery.tiles.choose(photo);
  }

  addButton(item, { photo_id: photoId }) {
    const button = make("button", { type: "button", className: "stack" });
    button.addEventListener("click", () => this.toggle(this.bursts.get(photoId)));
    item.firstElementChild.after(button);
    return button;
  }

  label(button, burst) {
    const isOpen = this.isOpen(burst);
    button.textContent = `${burst.length} ${isOpen ? "▴" : "▾"}`;
    button.setAttribute("aria-expanded", String(isOpen));
    button.setAttribute("aria-label", `${burst.length} frames of ${this.gallery.filters.choices.deviceName(burst[0].device_id) ?? "a device"}`);
  }

  toggle(burst) {
    const isOpen = this.isOpen(burst);
    for (const { photo_id: photoId } of burst) this.opened[isOpen ? "delete" : "add"](photoId);
    this.renew(this.gallery.photos);
    announce(isOpen ? "Frames are behind one picture again" : `${burst.length} frames are shown`);
  }

  /** Makes sure that a photo is seen. */
  unfold(photo) {
    const newest = this.folded.get(photo.photo_id);
    if (newest !== undefined) this.toggle(this.bursts.get(newest.photo_id));
  }
}
