// What is known about a photo: beside it, or on a sheet below it on a phone.

import { keep, letGo } from "../api.js";
import { cameraMoment, moment } from "../days.js";
import { formatBytes, make } from "../dom.js";
import { explained, Retrying } from "../retrying.js";
import { cameraFacts } from "./camera.js";

const SOURCES = { upload: "Uploaded from the web", stream: "Streamed by a camera or program" };

function keptUntil(photo) {
  if (photo.held_by_customer) return "For as long as you want";
  return photo.held ? "For now: the operator keeps it" : moment(photo.kept_until);
}

const ofCamera = (photo) => [["Taken", cameraMoment(photo) ?? "unknown"], ["Camera", photo.camera ?? "unknown"]];

function ofFile(photo, deviceName) {
  const megapixels = (photo.width * photo.height) / 1e6;
  return [
    ["Size", `${photo.width} × ${photo.height} (${megapixels.toFixed(megapixels < 1 ? 2 : 1)} megapixels)`],
    ["File", `${photo.format.toUpperCase()}, ${formatBytes(photo.bytes)}`],
    ["Uploaded", moment(photo.uploaded_at)],
    ["From", deviceName ?? SOURCES[photo.source]],
    ["Kept until", keptUntil(photo)],
    ["SHA-256", photo.sha256],
  ];
}

const lines = (found) => found.map(([name, value]) => make("div", {}, make("dt", { textContent: name }), make("dd", {}, value)));

export class Details {
  /** @param {object} gallery reads a photo again, and is told when the session has ended */
  constructor(gallery) {
    this.gallery = gallery;
    this.mayKeep = false;
    this.isOpen = false;
    this.photo = null;
    this.reading = null;
    this.heading = make("h2", {});
    this.note = make("p", { className: "note" });
    this.note.setAttribute("role", "status");
    this.keepButton = make("button", { type: "button" });
    this.keepButton.addEventListener("click", () => this.keepOrLetGo());
    this.cameraList = make("dl", {});
    this.fileList = make("dl", { className: "of-file" });
    this.cameraNote = make("p", { className: "note" });
    this.retry = make("button", { type: "button", className: "quiet", textContent: "Try now" });
    this.retry.addEventListener("click", () => this.reading?.now());
    this.element = make("aside", { id: "about", className: "facts", tabIndex: 0, hidden: true },
      this.heading, this.keepButton, this.note, this.cameraList, this.cameraNote, this.retry, this.fileList);
    this.element.setAttribute("role", "region");
    this.element.setAttribute("aria-label", "About this photo");
    // What is turned here scrolls the facts, and zooms nothing.
    this.element.addEventListener("wheel", (event) => event.stopPropagation(), { passive: true });
  }

  toggle() {
    this.isOpen = !this.isOpen;
    this.element.hidden = !this.isOpen;
    if (this.isOpen && this.photo !== null) this.read();
  }

  show(photo) {
    if (photo === this.photo) return;
    this.photo = photo;
    this.heading.textContent = photo.filename ?? "Photo";
    this.note.textContent = "";
    this.cameraList.replaceChildren(...lines(ofCamera(photo)));
    this.element.scrollTop = 0;
    this.showFacts();
    this.reading?.stop();
    if (this.isOpen) this.read();
  }

  get choices() {
    return this.gallery.filters.choices;
  }

  close() {
    this.reading?.stop();
    this.photo = null;
  }

  showFacts() {
    const deviceName = this.choices.deviceName(this.photo.device_id);
    this.fileList.replaceChildren(...lines(ofFile(this.photo, deviceName)));
    const { held, held_by_customer: own } = this.photo;
    this.keepButton.hidden = !this.mayKeep || (held && !own);
    this.keepButton.textContent = own ? "Do not keep longer" : "Keep longer";
  }

  /** Which device it came from. */
  async nameDevice(photo) {
    if (photo.device_id !== null && await this.choices.load() !== undefined && photo === this.photo) this.showFacts();
  }

  async read() {
    const { photo } = this;
    this.nameDevice(photo);
    this.reading?.stop();
    this.tell("Reading what else the camera wrote …");
    const reading = new Retrying(() => cameraFacts(photo), (trouble) => {
      if (trouble !== null) this.tell(`What the camera wrote could not be read. ${explained(trouble)}`, trouble.status !== 410);
    }, this.gallery.onLoggedOut);
    this.reading = reading;
    const found = await reading.run();
    if (found === undefined) return;
    this.tell(found.length === 0 ? "Lens, exposure and place are not in this file." : "");
    this.cameraList.replaceChildren(...lines([...ofCamera(photo), ...found]));
  }

  tell(text, canRetry = false) {
    this.cameraNote.textContent = text;
    this.retry.hidden = !canRetry;
  }

  async keepOrLetGo() {
    const { photo } = this;
    this.keepButton.disabled = true;
    const text = await this.kept(photo);
    this.keepButton.disabled = false;
    if (photo !== this.photo) return; // another one is looked at by now
    this.showFacts();
    this.note.textContent = text;
    this.keepButton.focus();
  }

  /** Keeps a photo, or lets it go; what became of that. */
  async kept(photo) {
    try {
      await (photo.held_by_customer ? letGo : keep)(photo.photo_id);
      await this.gallery.reread(photo);
    } catch (error) {
      if (error.status === 401) this.gallery.onLoggedOut();
      return error.message;
    }
    return photo.held_by_customer ? "This photo is kept." : "This photo goes when its time has come.";
  }
}
