// The gallery: photos by day in rows, more of them while scrolling, and what was refused.

import { photos } from "./api.js";
import { paint } from "./blurhash.js";
import { find, make } from "./dom.js";
import { Lightbox } from "./lightbox.js";

const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "full" });
const PLACEHOLDER_PIXELS = 24;

// The camera's local time where it is known: that is the day the customer remembers.
const dayOf = (photo) => DAY.format(new Date(photo.taken_at ?? photo.uploaded_at));

export class Gallery {
  constructor(onLoggedOut) {
    this.onLoggedOut = onLoggedOut;
    this.root = find("#gallery");
    this.lightbox = new Lightbox((photo, step) => this.neighbour(photo, step));
    this.observer = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) this.more();
    }, { rootMargin: "800px" });
    this.clear();
  }

  clear() {
    this.observer.disconnect();
    this.photos = [];
    this.known = new Set();
    this.cursor = null;
    this.atEnd = false;
    this.loading = false;
    this.root.replaceChildren();
    this.generation = (this.generation ?? 0) + 1;
  }

  async start() {
    this.clear();
    await this.more();
    this.observer.observe(find("#gallery-more"));
    await this.showRejected();
  }

  /** Looks for photos that are newer than those on the page. */
  async refresh() {
    const page = await this.fetch({});
    if (page === null) return;
    const fresh = page.photos.filter((photo) => !this.known.has(photo.photo_id));
    if (fresh.length === page.photos.length && this.photos.length > 0) {
      await this.start();
      return;
    }
    this.remember(fresh);
    this.photos.unshift(...fresh);
    this.render();
    await this.showRejected();
  }

  async more() {
    if (this.loading || this.atEnd) return;
    this.loading = true;
    const generation = this.generation;
    const page = await this.fetch({ cursor: this.cursor });
    if (generation !== this.generation) return;
    this.loading = false;
    if (page === null) return;
    this.cursor = page.next_cursor;
    this.atEnd = page.next_cursor === null;
    const fresh = page.photos.filter((photo) => !this.known.has(photo.photo_id));
    this.remember(fresh);
    this.photos.push(...fresh);
    fresh.forEach((photo) => this.append(photo));
    find("#gallery-empty").hidden = this.photos.length > 0;
  }

  async fetch(options) {
    try {
      return await photos(options);
    } catch (error) {
      if (error.status === 401) this.onLoggedOut();
      return null;
    }
  }

  remember(fresh) {
    fresh.forEach((photo) => this.known.add(photo.photo_id));
  }

  render() {
    this.root.replaceChildren();
    this.photos.forEach((photo) => this.append(photo));
    find("#gallery-empty").hidden = this.photos.length > 0;
  }

  append(photo) {
    const day = dayOf(photo);
    let group = this.root.lastElementChild;
    if (group?.dataset.day !== day) {
      group = make("section", { className: "day" }, make("h3", { textContent: day }), make("ul", { className: "rows" }));
      group.dataset.day = day;
      this.root.append(group);
    }
    find("ul", group).append(this.tile(photo));
  }

  tile(photo) {
    const thumb = photo.renditions.thumb;
    const ratio = photo.width / photo.height;
    const picture = make("img", { src: thumb.url, alt: photo.filename ?? "Photo", loading: "lazy", decoding: "async" });
    const canvas = make("canvas", { width: PLACEHOLDER_PIXELS, height: PLACEHOLDER_PIXELS });
    canvas.setAttribute("aria-hidden", "true");
    if (photo.blurhash) paint(canvas, photo.blurhash);
    const button = make("button", { type: "button", className: "tile" }, canvas, picture);
    if (photo.dominant_color) button.style.backgroundColor = photo.dominant_color;
    picture.addEventListener("load", () => button.classList.add("loaded"), { once: true });
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

  async showRejected() {
    const page = await this.fetch({ status: "rejected", limit: 50 });
    const box = find("#rejected");
    if (page === null || page.photos.length === 0) {
      box.hidden = true;
      return;
    }
    const count = page.photos.length + (page.next_cursor === null ? "" : " or more");
    find("summary", box).textContent = `${count} photos could not be used`;
    find("ul", box).replaceChildren(...page.photos.map((photo) => make(
      "li", {}, make("strong", { textContent: photo.filename ?? "Unnamed photo" }), ` ${photo.sentence}`,
    )));
    box.hidden = false;
  }
}
