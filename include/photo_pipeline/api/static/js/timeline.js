// The years at the right: each month as high as it has photos. Whoever points at one, or goes to it by keys, gets there
// without all that lies between.

import { timeline } from "./api.js";
import { find, make } from "./dom.js";
import { monthIn } from "./filters.js";
import { Notice } from "./notice.js";
import { explained, Retrying } from "./retrying.js";

const MONTH = new Intl.DateTimeFormat(undefined, { month: "long", year: "numeric", timeZone: "UTC" });
const KEYS = { ArrowUp: -1, ArrowLeft: -1, ArrowDown: 1, ArrowRight: 1, PageUp: -12, PageDown: 12, Home: -Infinity, End: Infinity };
const KEYS_MILLISECONDS = 500;
const FRESH_MILLISECONDS = 60 * 1000;
/** Photos come and go by the hundred: one count serves all of a moment. */
const RECOUNT_MILLISECONDS = 3000;
/** Of all photos: a month with few can be pointed at, too. */
const LEAST = 1 / 150;
const YEAR_PIXELS = 22;
const PROBE = { x: 12, y: 120 };

const monthName = (month) => MONTH.format(new Date(`${month}-01T00:00Z`));
const clamped = (value, most) => Math.min(most, Math.max(0, value));

export class Timeline {
  /** @param {object} gallery whose list begins with a month that is chosen */
  constructor(gallery) {
    this.gallery = gallery;
    this.rail = find("#timeline");
    this.bubble = find("#timeline-bubble");
    this.handle = find("#timeline-handle");
    this.newer = find("#gallery-newer");
    this.notice = new Notice("#timeline-trouble");
    this.clear();
    this.rail.addEventListener("pointerdown", (event) => this.press(event));
    this.rail.addEventListener("pointermove", (event) => this.move(event));
    this.rail.addEventListener("pointerup", () => this.release());
    this.rail.addEventListener("pointercancel", () => this.show(this.shown));
    this.rail.addEventListener("pointerleave", () => { if (!this.isPressed) this.show(this.shown); });
    this.rail.addEventListener("keydown", (event) => this.key(event));
    this.rail.addEventListener("blur", () => { this.bubble.hidden = true; });
    find("button", this.newer).addEventListener("click", () => this.goTo(this.months[this.first - 1]));
    find("button:last-child", this.newer).addEventListener("click", () => this.gallery.filters.begin(null));
    window.addEventListener("scroll", () => this.scrolled(), { passive: true });
    new ResizeObserver(() => this.draw()).observe(this.rail);
  }

  clear() {
    this.asking?.stop();
    clearTimeout(this.timer);
    clearTimeout(this.recount);
    this.recount = null;
    this.notice.hide();
    this.rail.hidden = true;
    this.newer.hidden = true;
    this.months = [];
    this.ends = [];
    this.list = null;
    this.shown = 0;
    this.isPressed = false;
  }

  /** Counts the photos that are asked for, until that succeeds. Whoever goes from month to month has them counted once. */
  async start(order, wanted) {
    const list = JSON.stringify([order, wanted]);
    if (list === this.list && performance.now() < this.freshUntil) {
      this.begun();
      return;
    }
    this.asking?.stop();
    this.list = null;
    const asking = new Retrying(() => timeline({ order, ...wanted }), (trouble) => {
      if (trouble === null) this.notice.hide();
      else this.notice.show(`Your months cannot be shown just now. ${explained(trouble)}`, () => asking.now());
    }, this.gallery.onLoggedOut);
    this.asking = asking;
    const found = await asking.run();
    if (found === undefined || asking !== this.asking) return;
    this.list = list;
    this.freshUntil = performance.now() + FRESH_MILLISECONDS;
    this.take(found);
  }

  /** Photos have come or gone: they are counted anew, soon. */
  changed() {
    this.freshUntil = 0;
    this.recount ??= setTimeout(() => {
      this.recount = null;
      const isPointedAt = this.isPressed || !this.bubble.hidden;
      if (isPointedAt || this.list === null) this.changed();
      else this.start(this.gallery.order, this.gallery.filters.wanted);
    }, RECOUNT_MILLISECONDS);
  }

  take({ months, complete }) {
    this.months = months.map(({ begins, photos }) => ({ month: begins.slice(0, 7), photos }));
    const total = months.reduce((sum, { photos }) => sum + photos, 0);
    const weights = months.map(({ photos }) => Math.max(photos, total * LEAST));
    const whole = weights.reduce((sum, weight) => sum + weight, 0);
    let sum = 0;
    this.ends = weights.map((weight) => (sum += weight) / whole);
    this.rail.hidden = months.length < 2;
    this.rail.setAttribute("aria-valuemax", String(months.length - 1));
    this.gallery.filters.tellCount(total, complete);
    this.draw();
    this.begun();
  }

  /** The list begins where the address says. */
  begun() {
    const before = this.months[this.first - 1];
    this.newer.hidden = before === undefined;
    if (before !== undefined) find("button", this.newer).textContent = `Newer: ${monthName(before.month)}`;
    this.shown = clamped(this.first, this.months.length - 1);
    this.show(this.shown);
    this.scrolled();
  }

  /** Which month the list begins with. */
  get first() {
    const { month } = this.gallery.filters;
    const at = this.months.findIndex((each) => month === null || each.month <= month);
    return at === -1 ? this.months.length : at;
  }

  middle(at) {
    return ((this.ends[at - 1] ?? 0) + this.ends[at]) / 2;
  }

  /** Years where they begin, as many as there is room for. */
  draw() {
    const height = this.rail.clientHeight;
    let [year, lowest] = ["", -YEAR_PIXELS];
    const marks = [];
    this.months.forEach(({ month }, at) => {
      const top = (this.ends[at - 1] ?? 0) * height;
      if (month.slice(0, 4) === year) return;
      year = month.slice(0, 4);
      if (top - lowest < YEAR_PIXELS || top > height - YEAR_PIXELS) return;
      lowest = top;
      const mark = make("span", { textContent: year });
      mark.style.top = `${top}px`;
      marks.push(mark);
    });
    find("#timeline-years").replaceChildren(...marks);
  }

  at(event) {
    const { top, height } = this.rail.getBoundingClientRect();
    const place = clamped((event.clientY - top) / height, 1);
    const found = this.ends.findIndex((end) => place <= end);
    return found === -1 ? this.months.length - 1 : found;
  }

  press(event) {
    if (event.button !== 0) return;
    this.isPressed = true;
    this.rail.setPointerCapture(event.pointerId);
    this.show(this.at(event), true);
  }

  move(event) {
    if (this.isPressed || event.pointerType === "mouse") this.show(this.at(event), true);
  }

  release() {
    if (!this.isPressed) return;
    this.isPressed = false;
    this.goTo(this.months[this.pointed]);
  }

  key(event) {
    if (event.key === "Enter" || event.key === " ") clearTimeout(this.timer);
    else if (KEYS[event.key] === undefined) return;
    event.preventDefault();
    const at = clamped(this.pointed + (KEYS[event.key] ?? 0), this.months.length - 1);
    const found = this.months[at];
    this.show(at, true);
    clearTimeout(this.timer);
    // Whoever holds a key down goes past months that need not be asked for.
    this.timer = setTimeout(() => this.goTo(found), KEYS[event.key] === undefined ? 0 : KEYS_MILLISECONDS);
  }

  /** Points at a month; with what it is where somebody chooses. */
  show(at, isChosen = false) {
    const found = this.months[at];
    if (found === undefined) return;
    this.pointed = at;
    const text = `${monthName(found.month)}, ${found.photos === 1 ? "1 photo" : `${found.photos.toLocaleString()} photos`}`;
    this.rail.setAttribute("aria-valuenow", String(at));
    this.rail.setAttribute("aria-valuetext", text);
    this.bubble.textContent = text;
    this.bubble.hidden = !isChosen;
    for (const mark of [this.handle, this.bubble]) mark.style.top = `${100 * this.middle(at)}%`;
  }

  async goTo(found) {
    if (found === undefined) return;
    this.bubble.hidden = true;
    const { photos, order, filters } = this.gallery;
    const here = photos.find((photo) => monthIn(photo, order) === found.month);
    if (here !== undefined) {
      this.gallery.grid.reveal(here).scrollIntoView({ block: "start" });
      return;
    }
    const isFirst = found === this.months[0];
    await filters.begin(isFirst ? null : found.month);
    (this.newer.hidden ? this.gallery.root : this.newer).scrollIntoView({ block: "start" });
  }

  /** The reader has come to another month. */
  scrolled() {
    if (this.isLooking || this.isPressed || this.months.length === 0) return;
    this.isLooking = true;
    requestAnimationFrame(() => {
      this.isLooking = false;
      this.look();
    });
  }

  look() {
    const photo = this.gallery.grid.photoAt(PROBE.x, PROBE.y);
    if (photo === null || !this.bubble.hidden) return;
    const at = this.months.findIndex(({ month }) => month === monthIn(photo, this.gallery.order));
    if (at === -1) return;
    this.shown = at;
    this.show(at);
  }
}
