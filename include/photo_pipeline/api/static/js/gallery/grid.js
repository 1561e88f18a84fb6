// Photos under their days, in blocks of some rows.

import { dayOf } from "../days.js";
import { make } from "../dom.js";
import { Block } from "./blocks.js";

const ENOUGH = 60;
const TOO_MANY = 150;
const NEAR_PIXELS = 1500;

export class Grid {
  constructor(root, tiles) {
    this.root = root;
    this.tiles = tiles;
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
    this.days = new Map(); // from a day to its section and blocks
    this.blocks = new Map(); // from a photo's id to its block
    this.byElement = new WeakMap();
    this.root.replaceChildren();
    this.tiles.clear();
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

  addDay(day, nextDay) {
    const section = make("section", { className: "day" }, make("h3", { textContent: day }));
    section.setAttribute("aria-label", day);
    const found = { section, blocks: [] };
    this.days.set(day, found);
    this.root.insertBefore(section, this.days.get(nextDay)?.section ?? null);
    return found;
  }

  lastOf(day) {
    const last = day.blocks.at(-1);
    if (last !== undefined && !(last.photos.length >= ENOUGH && last.endsWithRow(this.width, this.rowHeight))) return last;
    return this.addBlock(day, last);
  }

  addBlock(day, before) {
    const block = new Block(this.tiles);
    day.blocks.splice(before === undefined ? 0 : day.blocks.indexOf(before) + 1, 0, block);
    (before?.element ?? day.section.firstElementChild).after(block.element);
    before?.element.classList.add("continued");
    block.element.classList.toggle("continued", block !== day.blocks.at(-1));
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
  }
}
