// The gallery: photos by day in rows, more of them while scrolling, new ones as they come, and what was refused.

import { photo as photoOf, photos } from "./api.js";
import { paint } from "./blurhash.js";
import { dayOf, placeOf } from "./days.js";
import { announce, find, make } from "./dom.js";
import { Lightbox } from "./lightbox.js";

const PLACEHOLDER_PIXELS = 24;
const ORDER_KEY = "photo-order";
const SOON_MILLISECONDS = 24 * 60 * 60 * 1000;
const HOUR_MILLISECONDS = 60 * 60 * 1000;
const STEPS = { ArrowLeft: -1, ArrowRight: 1 };

export class Gallery {
  constructor(onLoggedOut) {
    this.onLoggedOut = onLoggedOut;
    this.root = find("#gallery");
    this.order = localStorage.getItem(ORDER_KEY) === "uploaded" ? "uploaded" : "taken";
    this.lightbox = new Lightbox(this);
    this.observer = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) this.more();
    }, { rootMargin: "800px" });
    this.root.addEventListener("keydown", (event) => this.walk(event));
    for (const choice of document.querySelectorAll("#order input")) {
      choice.checked = choice.value === this.order;
      choice.addEventListener("change", () => this.sortBy(choice.value));
    }
    this.clear();
  }

  clear() {
    this.observer.disconnect();
    this.photos = [];
    this.tiles = new Map();
    this.days = new Map();
    this.cursor = null;
    this.atEnd = false;
    this.loading = false;
    this.root.replaceChildren();
    find("#rejected").hidden = true;
    this.lightbox.close();
    this.generation = (this.generation ?? 0) + 1;
  }

  async start() {
    this.clear();
    await this.more();
    this.observer.observe(find("#gallery-more"));
    await this.showRejected();
  }

  async sortBy(order) {
    this.order = order;
    localStorage.setItem(ORDER_KEY, order);
    await this.start();
    announce(order === "taken" ? "Photos by day taken" : "Photos by day uploaded");
  }

  /** Looks for photos that came after those on the page. */
  async refresh() {
    const generation = this.generation;
    const page = await this.fetch({});
    if (page === null || generation !== this.generation) return;
    const fresh = page.photos.filter((photo) => !this.tiles.has(photo.photo_id));
    if (fresh.length === page.photos.length && this.photos.length > 0) {
      await this.start(); // there may be more of them than this page holds
      return;
    }
    fresh.forEach((photo) => this.insert(photo));
    this.showWhetherEmpty();
    await this.showRejected();
  }

  async more() {
    if (this.loading || this.atEnd) return;
    this.loading = true;
    const generation = this.generation;
    const page = await this.fetch({ cursor: this.cursor, order: this.order });
    if (generation !== this.generation) return;
    this.loading = false;
    if (page === null) return;
    this.cursor = page.next_cursor;
    this.atEnd = page.next_cursor === null;
    for (const photo of page.photos.filter((found) => !this.tiles.has(found.photo_id))) {
      this.photos.push(photo);
      this.place(photo, null);
    }
    this.showWhetherEmpty();
  }

  async fetch(options) {
    try {
      return await photos(options);
    } catch (error) {
      if (error.status === 401) this.onLoggedOut();
      return null;
    }
  }

  /** Puts a photo where it belongs among those that are shown; beyond them, scrolling will find it. */
  insert(photo) {
    const comesAfter = (other) => placeOf(other, this.order) > placeOf(photo, this.order);
    const at = this.photos.findIndex((other) => !comesAfter(other));
    if (at === -1 && !this.atEnd) return;
    const next = at === -1 ? null : this.photos[at];
    this.photos.splice(at === -1 ? this.photos.length : at, 0, photo);
    this.place(photo, next);
  }

  place(photo, next) {
    const day = dayOf(photo, this.order);
    const nextDay = next === null ? null : dayOf(next, this.order);
    const section = this.days.get(day) ?? this.addDay(day, nextDay);
    const tile = this.tile(photo);
    this.tiles.set(photo.photo_id, tile);
    find("ul", section).insertBefore(tile, nextDay === day ? this.tiles.get(next.photo_id) : null);
  }

  addDay(day, nextDay) {
    const section = make("section", { className: "day" }, make("h3", { textContent: day }), make("ul", { className: "rows" }));
    section.setAttribute("aria-label", day);
    this.days.set(day, section);
    this.root.insertBefore(section, this.days.get(nextDay) ?? null);
    return section;
  }

  tile(photo) {
    const ratio = photo.width / photo.height;
    const picture = make("img", { alt: photo.filename ?? "Photo", loading: "lazy", decoding: "async" });
    const canvas = make("canvas", { width: PLACEHOLDER_PIXELS, height: PLACEHOLDER_PIXELS });
    canvas.setAttribute("aria-hidden", "true");
    if (photo.blurhash) paint(canvas, photo.blurhash);
    const button = make("button", { type: "button", className: "tile" }, canvas, picture, ...badge(photo));
    if (photo.dominant_color) button.style.backgroundColor = photo.dominant_color;
    picture.addEventListener("load", () => button.classList.add("loaded"), { once: true });
    picture.addEventListener("error", () => button.classList.add("gone"), { once: true });
    picture.src = photo.renditions.thumb.url;
    button.addEventListener("click", () => this.lightbox.show(photo));
    const item = make("li", {}, button);
    item.style.setProperty("--ratio", String(Math.min(3, Math.max(0.4, ratio))));
    return item;
  }

  neighbour(photo, step) {
    const at = this.photos.indexOf(photo) + step;
    if (at > this.photos.length - 10) this.more();
    return this.photos[at] ?? null;
  }

  /** Gives the focus back to a photo's tile. */
  focus(photo) {
    const button = find("button", this.tiles.get(photo.photo_id) ?? this.root);
    button?.scrollIntoView({ block: "nearest" });
    button?.focus();
  }

  /** The arrow keys go from photo to photo, so that Tab need not. */
  walk(event) {
    const step = STEPS[event.key];
    const item = event.target.closest("li");
    if (step === undefined || item === null || event.altKey || event.ctrlKey || event.metaKey) return;
    const at = this.photos.findIndex((photo) => this.tiles.get(photo.photo_id) === item);
    const next = this.neighbour(this.photos[at], step);
    if (next === null) return;
    event.preventDefault();
    this.focus(next);
  }

  /** A photo's customer changed how long it is kept. */
  async reread(photo) {
    Object.assign(photo, await photoOf(photo.photo_id));
    const button = find("button", this.tiles.get(photo.photo_id));
    find(".badge", button)?.remove();
    button.append(...badge(photo));
  }

  showWhetherEmpty() {
    find("#gallery-empty").hidden = this.photos.length > 0;
  }

  async showRejected() {
    const page = await this.fetch({ status: "rejected", limit: 50 });
    const box = find("#rejected");
    if (page === null || page.photos.length === 0) {
      box.hidden = true;
      return;
    }
    const more = page.next_cursor === null ? "" : " or more";
    const count = page.photos.length === 1 && more === "" ? "1 photo" : `${page.photos.length}${more} photos`;
    find("summary", box).textContent = `${count} could not be used`;
    find("ul", box).replaceChildren(...page.photos.map((photo) => make(
      "li", {}, make("strong", { textContent: photo.filename ?? "Unnamed photo" }), ` ${photo.sentence}`,
    )));
    box.hidden = false;
  }
}

/** A tile says how long its photo is kept where that is not a matter of days. */
function badge(photo) {
  if (photo.held) return [make("span", { className: "badge", textContent: "kept" })];
  const left = new Date(photo.kept_until).getTime() - Date.now();
  if (left > SOON_MILLISECONDS) return [];
  const hours = Math.max(1, Math.floor(left / HOUR_MILLISECONDS));
  return [make("span", { className: "badge", textContent: left > 0 ? `${hours} h left` : "leaving" })];
}
