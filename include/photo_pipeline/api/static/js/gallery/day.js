// A day: its heading, with a tick for all of its photos, and below it blocks of them.

import { make, makeTick } from "../dom.js";

export class Day {
  constructor(name) {
    this.name = name;
    this.blocks = [];
    this.tick = makeTick(`Select all of ${name}`);
    this.head = make("div", { className: "day-head" },
      make("h3", { textContent: name }), make("label", { className: "of-day" }, this.tick, "Select all"));
    this.section = make("section", { className: "day" }, this.head);
    this.section.setAttribute("aria-label", name);
  }

  get photos() {
    return this.blocks.flatMap((block) => block.photos);
  }

  /** @param {Block|undefined} before the one that it comes after; the first of all without */
  add(block, before) {
    this.blocks.splice(before === undefined ? 0 : this.blocks.indexOf(before) + 1, 0, block);
    (before?.element ?? this.head).after(block.element);
    this.join();
  }

  drop(block) {
    this.blocks.splice(this.blocks.indexOf(block), 1);
    block.element.remove();
    this.join();
  }

  /** They look like one list, of which only the end has a last row. */
  join() {
    const last = this.blocks.at(-1);
    for (const { element } of this.blocks) element.classList.toggle("continued", element !== last.element);
  }

  /**
   * Shows whether its photos are chosen.
   * @param {(photo: object) => boolean} isChosen
   * @param {boolean} areAll whether all that it has are here
   */
  mark(isChosen, areAll) {
    const { photos } = this;
    const count = photos.filter(isChosen).length;
    this.tick.checked = areAll && count === photos.length;
    this.tick.indeterminate = count > 0 && !this.tick.checked;
  }
}
