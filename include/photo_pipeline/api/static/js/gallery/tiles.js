// The tiles: each a photo's thumb on a button, with what has to be said about it.

import { decode } from "/packages/blurhash/esm/index.js";
import { find, make, makeTick } from "../dom.js";
import { now } from "../server_time.js";

const PLACEHOLDER_PIXELS = 24;
const SOON_MILLISECONDS = 24 * 60 * 60 * 1000;
const HOUR_MILLISECONDS = 60 * 60 * 1000;
const [NARROWEST, WIDEST] = [0.4, 3];
const ROWS = { narrow: 145, wide: 230 }; // as app.css has them in `--row`, with what a row takes of the room that is left
const LEAST_PIXELS = 96;
const TWICE_EACH_WAY = 4;

/** A photo's shape as its tile has it. */
export const ratioOf = (photo) => Math.min(WIDEST, Math.max(NARROWEST, photo.width / photo.height));

export class Tiles {
  /**
   * @param {Thumbs} thumbs loads pictures
   * @param {(photo: object) => void} onOpen called when a tile is pressed
   * @param {(photo: object) => boolean} isChosen
   */
  constructor(thumbs, onOpen, isChosen) {
    Object.assign(this, { thumbs, onOpen, isChosen });
    this.items = new Map();
    this.photos = new WeakMap();
  }

  clear() {
    for (const item of this.items.values()) this.thumbs.forget(find("img", item));
    this.items.clear();
    this.thumbs.clear();
  }

  /** A photo's list item, while it has one. */
  item = (photo) => this.items.get(photo.photo_id) ?? null;

  button = (photo) => this.item(photo)?.firstElementChild ?? null;

  /** The photo whose tile an element is in, or null. */
  photoAt = (element) => this.photos.get(element.closest("li")) ?? null;

  add(photo) {
    const name = photo.filename ?? "Photo";
    const image = make("img", { alt: name, loading: "lazy", decoding: "async", draggable: false });
    const button = make("button", { type: "button", className: "tile" }, placeholder(photo), image);
    button.setAttribute("aria-keyshortcuts", "Space");
    const tick = makeTick(`Select ${name}`, { tabIndex: -1, title: "Select (Space; with Shift, all up to it)" });
    if (photo.dominant_color) button.style.backgroundColor = photo.dominant_color;
    button.addEventListener("click", () => this.onOpen(photo));
    const item = make("li", {}, button, tick);
    item.style.setProperty("--ratio", String(ratioOf(photo)));
    this.items.set(photo.photo_id, item);
    this.photos.set(item, photo);
    this.mark(photo);
    this.stacks.dress(photo);
    this.thumbs.load(image, pictureFor(photo), (state) => this.become(photo, state));
    return item;
  }

  remove(photo) {
    const item = this.item(photo);
    this.thumbs.forget(find("img", item));
    item.remove();
    this.items.delete(photo.photo_id);
  }

  /** Shows whether a photo is chosen, on the tile that stands for it: also whether only some of a burst are. */
  choose(photo) {
    const seen = this.stacks.seenFor(photo);
    const item = this.item(seen);
    if (item === null) return;
    const all = this.stacks.allOf(seen);
    const count = all.filter(this.isChosen).length;
    const tick = item.lastElementChild;
    item.classList.toggle("chosen", count > 0);
    tick.checked = count === all.length;
    tick.indeterminate = count > 0 && !tick.checked;
  }

  become(photo, state) {
    this.button(photo)?.classList.remove("loaded", "missing", "gone", "broken");
    this.button(photo)?.classList.add(state);
    this.mark(photo);
  }

  /** Says what there is to say about a photo as it is now. */
  mark(photo) {
    const button = this.button(photo);
    if (button === null) return;
    find(".badge", button)?.remove();
    const text = badge(photo, button.classList);
    if (text !== null) button.append(make("span", { className: "badge", textContent: text }));
  }
}

/** What a tile may show: thumbs for screens of every density, as far as there are any, and how wide the picture is. */
function pictureFor({ width, height, renditions }) {
  const shown = candidates(renditions);
  const ratio = Math.max(NARROWEST, width / height);
  const fixed = `(width < 48rem) ${Math.round(ROWS.narrow * ratio)}px, ${Math.round(ROWS.wide * ratio)}px`;
  return {
    src: shown[0].url,
    srcset: shown.map((each) => `${each.url} ${each.width}w`).join(", "),
    // A browser that can asks for as much as the row has made of the tile. Of a panorama the tile has only a part: the whole
    // is as high as the row, and wider.
    sizes: ratio > WIDEST ? fixed : `auto, ${fixed}`,
  };
}

/** A small photo has no second thumb, and `web` does for it; a large one that was archived long ago has to do without. */
function candidates({ thumb, thumb2x, web }) {
  const area = ({ width, height }) => width * height;
  // Of a panorama of before the thumb is a strip of a few pixels: what the tile shows of it is in the larger picture.
  if (Math.min(thumb.width, thumb.height) < Math.min(LEAST_PIXELS, web.width, web.height)) return [web];
  const larger = thumb2x ?? (area(web) < 2 * TWICE_EACH_WAY * area(thumb) ? web : thumb);
  return larger.width > thumb.width ? [thumb, larger] : [thumb];
}

function placeholder(photo) {
  const canvas = make("canvas", { width: PLACEHOLDER_PIXELS, height: PLACEHOLDER_PIXELS });
  canvas.setAttribute("aria-hidden", "true");
  try {
    const pixels = decode(photo.blurhash, PLACEHOLDER_PIXELS, PLACEHOLDER_PIXELS);
    canvas.getContext("2d").putImageData(new ImageData(pixels, PLACEHOLDER_PIXELS), 0, 0);
  } catch {
    // no hash, or none that can be read: the colour of the tile has to do
  }
  return canvas;
}

/** A tile says how long its photo is kept where that is not a matter of days. */
function badge(photo, states) {
  if (states.contains("gone")) return "no longer kept";
  if (states.contains("broken")) return "cannot be shown";
  if (states.contains("missing")) return "not loaded yet";
  if (photo.held) return "kept";
  const left = Date.parse(photo.kept_until) - now();
  if (left > SOON_MILLISECONDS) return null;
  return left > 0 ? `${Math.max(1, Math.floor(left / HOUR_MILLISECONDS))} h left` : "leaving";
}
