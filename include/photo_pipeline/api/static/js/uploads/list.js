// The list of photos on their way. Only rows that are seen exist, so that five thousand cost no more than fifty.

import { find, formatBytes, make } from "../dom.js";
import { errorsFirst } from "./order.js";
import { ACTIVE } from "./photo.js";
import { paintThumbnail } from "./thumbnails.js";

const ROW_REM = 5.5; // as upload.css has it
const NARROWEST_REM = 21.25;
const SPARE_ROWS = 2;

const ACTIONS = {
  waiting: "Pause",
  checking: "Pause",
  sending: "Pause",
  retrying: "Pause",
  paused: "Resume",
  failed: "Retry",
};

export class UploadList {
  /** @param {{act: (photo) => void, remove: (photo) => void}} handlers for a row's two buttons */
  constructor(handlers) {
    this.handlers = handlers;
    this.list = find("#upload-list");
    this.window = find("#upload-window");
    this.photos = [];
    this.rows = new Map();
    this.dirty = new Set();
    this.window.addEventListener("scroll", () => this.later(), { passive: true });
    new ResizeObserver(() => this.later()).observe(this.window);
  }

  show(photos) {
    this.photos = photos;
    this.later();
  }

  changed(photo) {
    this.dirty.add(photo);
    this.later();
  }

  later() {
    if (this.frame !== undefined) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = undefined;
      this.draw();
    });
  }

  draw() {
    const width = this.window.clientWidth;
    // Readers choose how large letters are, also while the page is open.
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const height = ROW_REM * rem;
    const columns = Math.max(1, Math.floor(width / (NARROWEST_REM * rem)));
    const top = Math.floor(this.window.scrollTop / height) - SPARE_ROWS;
    const bottom = Math.ceil((this.window.scrollTop + this.window.clientHeight) / height) + SPARE_ROWS;
    const first = Math.max(0, top * columns);
    const photos = errorsFirst(this.photos);
    const seen = photos.slice(first, Math.max(0, bottom * columns));
    this.list.style.height = `${Math.ceil(photos.length / columns) * height}px`;
    this.removeAllBut(new Set(seen));
    seen.forEach((photo, at) => this.place(photo, first + at, at, { columns, width, height }));
    this.dirty.clear();
  }

  removeAllBut(seen) {
    for (const [photo, row] of this.rows) {
      if (seen.has(photo)) continue;
      row.element.remove();
      this.rows.delete(photo);
    }
  }

  place(photo, index, at, { columns, width, height }) {
    let row = this.rows.get(photo);
    const isNew = row === undefined;
    if (isNew) {
      row = new Row(photo, this.handlers);
      this.rows.set(photo, row);
    } else if (this.dirty.has(photo)) {
      row.update();
    }
    const { element } = row;
    if (this.list.children[at] !== element) this.list.insertBefore(element, this.list.children[at] ?? null);
    if (isNew) row.paint();
    element.style.width = `${width / columns}px`;
    element.style.transform = `translate(${((index % columns) * width) / columns}px, ${Math.floor(index / columns) * height}px)`;
    element.setAttribute("aria-posinset", String(index + 1));
    element.setAttribute("aria-setsize", String(this.photos.length));
  }
}

class Row {
  constructor(photo, handlers) {
    this.photo = photo;
    const { name, size } = photo.file;
    this.preview = make("canvas", { className: "preview", width: 96, height: 96 });
    this.preview.setAttribute("aria-hidden", "true");
    this.progress = make("progress", { max: size || 1 });
    this.progress.setAttribute("aria-label", `Progress of ${name}`);
    this.label = make("span", { className: "state" });
    this.act = make("button", { type: "button", className: "quiet" });
    this.act.addEventListener("click", () => handlers.act(photo));
    this.remove = make("button", { type: "button", className: "quiet remove", textContent: "×" });
    this.remove.addEventListener("click", () => handlers.remove(photo));
    const what = make(
      "div",
      { className: "what" },
      make("span", { className: "name", textContent: name, title: name }),
      make("span", { className: "note", textContent: formatBytes(size) }),
      this.progress,
      this.label,
    );
    this.element = make("li", {}, this.preview, what, this.act, this.remove);
    this.update();
  }

  /** To be called once it is in the page: what is gone before its turn comes is not painted. */
  paint() {
    paintThumbnail(this.preview, this.photo.file, () => this.element.isConnected).then((shown) => {
      if (!shown) this.element.classList.add("plain");
    });
  }

  update() {
    const { photo } = this;
    const { name, size } = photo.file;
    const action = photo.canSendAnyway && photo.state === "duplicate" ? "Send again" : ACTIONS[photo.state];
    this.element.dataset.state = photo.state;
    this.label.textContent = photo.state === "sending" ? sending(photo) : photo.detail;
    this.progress.value = photo.sent;
    this.progress.hidden = !ACTIVE.has(photo.state) && !(photo.state === "paused" && photo.sent > 0);
    this.act.hidden = action === undefined;
    this.act.textContent = action ?? "";
    this.act.setAttribute("aria-label", `${action ?? ""} ${name}`);
    this.remove.setAttribute("aria-label", `${photo.token === null && size > 0 ? "Cancel" : "Take off the list:"} ${name}`);
  }
}

function sending({ sent, speed, file }) {
  if (sent >= file.size) return "storing safely …";
  const share = `sending · ${Math.floor((100 * sent) / file.size)} %`;
  return speed > 0 ? `${share} · ${formatBytes(speed)}/s` : share;
}
