// Photos under their days.

import { dayOf } from "../days.js";
import { find, make } from "../dom.js";

export class Grid {
  constructor(root, tiles) {
    this.root = root;
    this.tiles = tiles;
    this.clear("taken");
  }

  clear(order) {
    this.order = order;
    this.days = new Map();
    this.root.replaceChildren();
    this.tiles.clear();
  }

  /** Puts a photo before another one, or at the end. */
  place(photo, next) {
    const day = dayOf(photo, this.order);
    const nextDay = next === null ? null : dayOf(next, this.order);
    const section = this.days.get(day) ?? this.addDay(day, nextDay);
    find("ul", section).insertBefore(this.tiles.add(photo), nextDay === day ? this.tiles.item(next) : null);
  }

  addDay(day, nextDay) {
    const section = make("section", { className: "day" }, make("h3", { textContent: day }), make("ul", { className: "rows" }));
    section.setAttribute("aria-label", day);
    this.days.set(day, section);
    this.root.insertBefore(section, this.days.get(nextDay) ?? null);
    return section;
  }
}
