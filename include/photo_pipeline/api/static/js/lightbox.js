// One photo, large, with what is known about it.

import { find, formatBytes, make } from "./dom.js";

const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const SWIPE_PIXELS = 50;

const moment = (text) => MOMENT.format(new Date(text));

function facts(photo) {
  // A camera's time has no zone unless it says so: it is shown as it is, not moved into the reader's.
  const zone = photo.taken_at_offset ? ` (UTC${photo.taken_at_offset})` : "";
  return [
    ["Taken", photo.taken_at ? moment(photo.taken_at) + zone : null],
    ["Uploaded", moment(photo.uploaded_at)],
    ["Camera", photo.camera],
    ["Size", `${photo.width} × ${photo.height} · ${formatBytes(photo.bytes)} · ${photo.format.toUpperCase()}`],
    ["Kept until", photo.held ? "on hold: kept for now" : moment(photo.kept_until)],
  ].filter(([, value]) => value);
}

export class Lightbox {
  /** @param {(photo: object, step: number) => object | null} neighbour the photo some steps away */
  constructor(neighbour) {
    this.neighbour = neighbour;
    this.dialog = find("#lightbox");
    find(".close", this.dialog).addEventListener("click", () => this.dialog.close());
    find(".previous", this.dialog).addEventListener("click", () => this.move(-1));
    find(".next", this.dialog).addEventListener("click", () => this.move(1));
    this.dialog.addEventListener("keydown", (event) => {
      if (event.key === "ArrowLeft") this.move(-1);
      if (event.key === "ArrowRight") this.move(1);
    });
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.dialog.close();
    });
    this.dialog.addEventListener("close", () => find("img", this.dialog).removeAttribute("src"));
    this.listenToSwipes();
  }

  listenToSwipes() {
    let began = null;
    const stage = find(".stage", this.dialog);
    stage.addEventListener("touchstart", (event) => { began = event.changedTouches[0].clientX; }, { passive: true });
    stage.addEventListener("touchend", (event) => {
      const moved = event.changedTouches[0].clientX - began;
      if (Math.abs(moved) > SWIPE_PIXELS) this.move(moved > 0 ? -1 : 1);
    }, { passive: true });
  }

  show(photo) {
    this.photo = photo;
    const { web, original } = photo.renditions;
    const picture = find("img", this.dialog);
    picture.alt = photo.filename ?? "Photo";
    picture.width = web.width;
    picture.height = web.height;
    picture.style.backgroundColor = photo.dominant_color ?? "";
    picture.src = web.url;
    find("h2", this.dialog).textContent = photo.filename ?? "Photo";
    find("dl", this.dialog).replaceChildren(
      ...facts(photo).flatMap(([name, value]) => [make("dt", { textContent: name }), make("dd", { textContent: value })]),
    );
    Object.assign(find("a", this.dialog), { href: original.url, download: photo.filename ?? "" });
    find(".previous", this.dialog).disabled = this.neighbour(photo, -1) === null;
    find(".next", this.dialog).disabled = this.neighbour(photo, 1) === null;
    if (!this.dialog.open) this.dialog.showModal();
  }

  move(step) {
    const next = this.neighbour(this.photo, step);
    if (next !== null) this.show(next);
  }
}
