// Photos under their days, in blocks of some rows.

import { dayOf } from "../days.js";
import { Block } from "./blocks.js";
import { Day } from "./day.js";

const ENOUGH = 60;
const TOO_MANY = 150;
const NEAR_PIXELS = 1500;

export class Grid {
  /** @param {() => void} onFitted called when rows have become wider or narrower */
  constructor(root, tiles, onFitted) {
    Object.assign(this, { root, tiles, onFitted });
    this.observer = new IntersectionObserver((entries) => {
      for (const entry of entries) this.meet(entry);
    }, { rootMargin: `${NEAR_PIXELS}px 0px` });
    this.width = 0;
    this.rowHeight = 0;
    new ResizeObserver(() => this.fit()).observe(root);
    this.clear("taken");
  }

  clear(order) {
    this.observer.disconnect();
    this.order = order;
    this.days = new Map(); // by their names
    this.blocks = new Map(); // from a photo's id to its block
    this.byElement = new WeakMap();
    this.tiles.clear();
    this.root.replaceChildren();
  }

  /** Puts a photo before another one, or at the end. */
  place(photo, next) {
    const day = dayOf(photo, this.order);
    const nextDay = next === null ? null : dayOf(next, this.order);
    const found = this.days.get(day) ?? this.addDay(day, nextDay);
    const block = nextDay === day ? this.blocks.get(next.photo_id) : this.lastOf(found);
    block.place(photo, nextDay === day ? next : null);
    this.blocks.set(photo.photo_id, block);
    if (block.photos.length > TOO_MANY) this.split(found, block);
  }

  /** Makes sure that a photo has a tile; its list item, or null where it is not shown at all. */
  reveal(photo) {
    this.blocks.get(photo.photo_id)?.mount();
    return this.tiles.item(photo);
  }

  /** Has a photo no longer. */
  remove(photo) {
    const block = this.blocks.get(photo.photo_id);
    this.blocks.delete(photo.photo_id);
    block.remove(photo, this.width, this.rowHeight);
    if (block.photos.length > 0) return;
    this.observer.unobserve(block.element);
    block.day.drop(block);
    if (block.day.blocks.length > 0) return;
    block.day.section.remove();
    this.days.delete(block.day.name);
  }

  addDay(name, nextName) {
    const day = new Day(name);
    this.days.set(name, day);
    this.root.insertBefore(day.section, this.days.get(nextName)?.section ?? null);
    return day;
  }

  /** The day under which a photo is shown, or null. */
  dayWith = (photo) => this.blocks.get(photo?.photo_id)?.day ?? null;

  /** The photo that is seen so far from the grid's left edge and the window's top, or null. */
  photoAt(x, y) {
    const element = document.elementFromPoint(this.root.getBoundingClientRect().left + x, y);
    return element === null ? null : this.tiles.photoAt(element);
  }

  /** The day whose tick an element is, or null. */
  dayOfTick = (element) => [...this.days.values()].find((day) => day.tick === element) ?? null;

  lastOf(day) {
    const last = day.blocks.at(-1);
    if (last !== undefined && !(last.photos.length >= ENOUGH && last.endsWithRow(this.width, this.rowHeight))) return last;
    return this.addBlock(day, last);
  }

  addBlock(day, before) {
    const block = new Block(this.tiles, day);
    day.add(block, before);
    this.byElement.set(block.element, block);
    this.observer.observe(block.element);
    return block;
  }

  split(day, block) {
    const other = this.addBlock(day, block);
    block.giveHalfTo(other);
    for (const photo of other.photos) this.blocks.set(photo.photo_id, other);
  }

  meet({ target, isIntersecting, boundingClientRect }) {
    const block = this.byElement.get(target);
    if (isIntersecting) block.mount();
    else block.unmount(boundingClientRect.height);
  }

  /** Knows how wide rows are and, as app.css has it, how high at least: to ask for each photo has the page laid out each time. */
  fit() {
    const width = this.root.clientWidth;
    if (width === 0 || width === this.width) return;
    this.width = width;
    this.rowHeight = parseFloat(getComputedStyle(this.root).getPropertyValue("--row"));
    for (const { blocks } of this.days.values()) for (const block of blocks) block.fitTo(width, this.rowHeight);
    this.onFitted();
  }
}
