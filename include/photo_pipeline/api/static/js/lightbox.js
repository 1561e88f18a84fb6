// One photo, large, with what is known about it.

import { keep, letGo } from "./api.js";
import { cameraMoment, moment } from "./days.js";
import { find, formatBytes, make } from "./dom.js";

const SWIPE_PIXELS = 50;
const KEYS = { ArrowLeft: -1, ArrowRight: 1 };
const SOURCES = { upload: "Uploaded from the web", stream: "Streamed by a camera or program" };

function keptUntil(photo) {
  if (photo.held_by_customer) return "For as long as you want";
  return photo.held ? "For now: the operator keeps it" : moment(photo.kept_until);
}

function facts(photo) {
  const megapixels = (photo.width * photo.height) / 1e6;
  return [
    ["Taken", cameraMoment(photo) ?? "unknown"],
    ["Camera", photo.camera ?? "unknown"],
    ["Size", `${photo.width} × ${photo.height} (${megapixels.toFixed(megapixels < 1 ? 2 : 1)} megapixels)`],
    ["File", `${photo.format.toUpperCase()}, ${formatBytes(photo.bytes)}`],
    ["Uploaded", moment(photo.uploaded_at)],
    ["From", SOURCES[photo.source]],
    ["Kept until", keptUntil(photo)],
    ["SHA-256", photo.sha256],
  ];
}

export class Lightbox {
  /** @param {object} gallery knows the photos around a photo, and gets the focus back */
  constructor(gallery) {
    this.gallery = gallery;
    this.mayKeep = false;
    this.photo = null;
    this.dialog = find("#lightbox");
    this.picture = find("img", this.dialog);
    this.previous = find(".previous", this.dialog);
    this.next = find(".next", this.dialog);
    this.keepButton = find("#keep");
    find(".close", this.dialog).addEventListener("click", () => this.close());
    this.previous.addEventListener("click", () => this.move(-1));
    this.next.addEventListener("click", () => this.move(1));
    this.keepButton.addEventListener("click", () => this.keepOrLetGo());
    this.dialog.addEventListener("keydown", (event) => {
      if (KEYS[event.key] !== undefined) this.move(KEYS[event.key]);
    });
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.close();
    });
    this.dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.close();
    });
    this.dialog.addEventListener("close", () => this.closed());
    this.picture.addEventListener("error", () => this.showTrouble(this.picture.hasAttribute("src")));
    this.picture.addEventListener("load", () => this.showTrouble(false));
    this.listenToSwipes();
  }

  listenToSwipes() {
    let began = null;
    const stage = find(".stage", this.dialog);
    stage.addEventListener("touchstart", (event) => {
      began = event.touches.length === 1 ? event.touches[0] : null; // two fingers zoom
    }, { passive: true });
    stage.addEventListener("touchend", (event) => {
      if (began === null) return;
      const { clientX, clientY } = event.changedTouches[0];
      const [across, down] = [clientX - began.clientX, clientY - began.clientY];
      if (Math.abs(across) > SWIPE_PIXELS && Math.abs(across) > 2 * Math.abs(down)) this.move(across > 0 ? -1 : 1);
      began = null;
    }, { passive: true });
  }

  show(photo) {
    this.photo = photo;
    const { web, original } = photo.renditions;
    this.picture.removeAttribute("src"); // or the photo before stays until this one is there
    Object.assign(this.picture, { alt: photo.filename ?? "Photo", width: web.width, height: web.height });
    this.picture.style.backgroundColor = photo.dominant_color ?? "";
    this.showTrouble(false);
    this.picture.src = web.url;
    find("h2", this.dialog).textContent = photo.filename ?? "Photo";
    find("#lightbox-note").textContent = "";
    this.showFacts();
    Object.assign(find("a", this.dialog), { href: original.url, download: "" });
    if (!this.dialog.open) this.dialog.showModal();
    this.enableMoves();
  }

  showFacts() {
    find("dl", this.dialog).replaceChildren(
      ...facts(this.photo).map(([name, value]) => make("div", {}, make("dt", { textContent: name }), make("dd", { textContent: value }))),
    );
    const { held, held_by_customer: own } = this.photo;
    this.keepButton.hidden = !this.mayKeep || (held && !own);
    this.keepButton.textContent = own ? "Do not keep longer" : "Keep longer";
  }

  showTrouble(isThere) {
    find(".trouble", this.dialog).hidden = !isThere;
    this.picture.hidden = isThere;
  }

  /** A button that is disabled loses the focus; the other one takes it. */
  enableMoves() {
    const focused = document.activeElement;
    this.previous.disabled = this.gallery.neighbour(this.photo, -1) === null;
    this.next.disabled = this.gallery.neighbour(this.photo, 1) === null;
    if (focused === this.previous && this.previous.disabled) this.next.focus();
    if (focused === this.next && this.next.disabled) this.previous.focus();
  }

  move(step) {
    const next = this.gallery.neighbour(this.photo, step);
    if (next === null) return;
    this.show(next);
    find("#lightbox-note").textContent = next.filename ?? "Photo";
  }

  async keepOrLetGo() {
    const photo = this.photo;
    const note = find("#lightbox-note");
    this.keepButton.disabled = true;
    try {
      await (photo.held_by_customer ? letGo : keep)(photo.photo_id);
      await this.gallery.reread(photo);
      if (photo === this.photo) this.showFacts();
      note.textContent = photo.held_by_customer ? "This photo is kept." : "This photo goes when its time has come.";
    } catch (error) {
      note.textContent = error.message;
    } finally {
      this.keepButton.disabled = false;
      this.keepButton.focus();
    }
  }

  /** Gives the focus back at once: by the time of the event, its reader may have moved on. */
  close() {
    if (this.dialog.open) this.dialog.close();
    this.closed();
  }

  closed() {
    if (this.photo === null) return;
    this.picture.removeAttribute("src");
    this.gallery.focus(this.photo);
    this.photo = null;
  }
}
