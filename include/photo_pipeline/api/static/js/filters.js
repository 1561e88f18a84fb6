// Finding photos: by part of a file's name, and by what photos have. What is asked for stands in the address.

import { announce, find, make } from "./dom.js";
import { enterSearch, monthInAddress, wantedInAddress } from "./filters/address.js";
import { Choices } from "./filters/choices.js";
import { listedAt } from "./gallery/order.js";

const TYPING_MILLISECONDS = 400;
const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeZone: "UTC" });
const SOURCES = { upload: "Uploaded", stream: "Streamed" };
const folded = (text) => (text ?? "").normalize("NFC").toLowerCase();
const dayName = (day) => DAY.format(new Date(`${day}T00:00Z`));
const lastDayOf = (month) => new Date(Date.UTC(Number(month.slice(0, 4)), Number(month.slice(5)), 0)).toISOString().slice(0, 10);

/** The day under which a photo is found, as the server has it. */
export const dayIn = (photo, order) => listedAt(photo, order).slice(0, 10);

/** The month of that, `YYYY-MM`. */
export const monthIn = (photo, order) => dayIn(photo, order).slice(0, 7);

export class Filters {
  /** @param {object} gallery which is begun anew when something else is asked for */
  constructor(gallery) {
    this.gallery = gallery;
    this.form = find("#find");
    this.panel = find("#find-panel");
    this.more = find("#find-more");
    this.choices = new Choices(gallery.onLoggedOut);
    this.follow();
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.apply();
    });
    this.form.addEventListener("change", () => this.apply());
    this.form.elements.name.addEventListener("input", () => this.typed());
    this.form.elements.name.addEventListener("blur", () => { this.isTyping = false; });
    this.more.addEventListener("click", () => this.toggle());
    for (const button of document.querySelectorAll(".clear-find")) button.addEventListener("click", () => this.ask({}));
    window.addEventListener("popstate", () => this.follow());
  }

  /** Whether not all photos are asked for. */
  get isActive() {
    return Object.keys(this.wanted).length > 0;
  }

  /** What the server is asked for. A list that begins with a month has nothing after it. */
  get query() {
    if (this.month === null) return this.wanted;
    const last = lastDayOf(this.month);
    return { ...this.wanted, until: this.wanted.until < last ? this.wanted.until : last };
  }

  /** Whether a photo is one of those that are asked for. */
  fits(photo) {
    const { name = "", source, device, camera, format, from = "", until = "9999" } = this.query;
    const day = dayIn(photo, this.gallery.order);
    return folded(photo.filename).includes(folded(name)) && from <= day && day <= until
      && [[source, photo.source], [device, photo.device_id], [camera, photo.camera], [format, photo.format]]
        .every(([asked, has]) => asked === undefined || asked === has);
  }

  /** Forgets whose photos they are. */
  clear() {
    this.choices.clear();
    this.gallery.timeline.clear();
    this.panel.hidden = true;
    this.more.setAttribute("aria-expanded", "false");
  }

  /** Forgets what was asked for, too: somebody has signed out. */
  forget() {
    enterSearch({}, null, false);
    this.read();
  }

  /** Does what the address says: at the start, after Back and Forward. */
  follow() {
    const before = this.searched;
    this.read();
    if (before !== undefined && before !== this.searched && this.gallery.pages !== null) this.gallery.start({ isReturn: true });
  }

  read() {
    this.searched = location.search;
    this.wanted = wantedInAddress();
    this.month = monthInAddress();
    for (const { name } of this.form.elements) if (name !== "") this.fill(name);
    this.showChips();
  }

  fill(name) {
    const field = this.form.elements[name];
    const value = this.wanted[name] ?? "";
    if (field instanceof HTMLSelectElement && ![...field.options].some((option) => option.value === value)) {
      field.append(new Option(this.label(name, value), value));
    }
    if (field.value.trim() !== value) field.value = value;
  }

  async toggle() {
    this.panel.hidden = !this.panel.hidden;
    this.more.setAttribute("aria-expanded", String(!this.panel.hidden));
    if (!this.panel.hidden && await this.choices.load() !== undefined) this.offer();
  }

  /** What can be chosen, with how many photos there are of it. */
  offer() {
    const { sources, devices, cameras, formats } = this.choices.found;
    const named = devices.map(({ device_id: value, photos }) => ({ value, photos }));
    const offered = { source: sources, device: named, camera: cameras, format: formats };
    for (const [name, values] of Object.entries(offered)) {
      const field = this.form.elements[name];
      const options = values.map(({ value, photos }) => new Option(`${this.label(name, value)} (${photos})`, value));
      field.replaceChildren(new Option("Any", ""), ...options);
      this.fill(name);
    }
    this.showChips();
  }

  /** How a person would say what is asked for. */
  label(name, value) {
    switch (name) {
      case "name": return `“${value}”`;
      case "source": return SOURCES[value];
      case "device": return this.choices.deviceName(value) ?? "A device";
      case "format": return value.toUpperCase();
      case "from": return `From ${dayName(value)}`;
      case "until": return `Until ${dayName(value)}`;
      default: return value;
    }
  }

  showChips() {
    const chips = Object.entries(this.wanted).map(([name, value]) => {
      const text = this.label(name, value);
      const chip = make("button", { type: "button", className: "chip", textContent: `${text} ×` });
      chip.setAttribute("aria-label", `Do not ask for: ${text}`);
      chip.addEventListener("click", () => this.without(name));
      return make("li", {}, chip);
    });
    find("#chips").replaceChildren(...chips);
    find("#asked").hidden = chips.length === 0;
  }

  without(name) {
    const { [name]: _, ...others } = this.wanted;
    this.ask(others);
    (find("#chips button") ?? this.form.elements.name).focus();
  }

  typed() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.apply(), TYPING_MILLISECONDS);
  }

  /** Asks for what the form says. Back leads out of a name that is typed, not through its letters. */
  apply() {
    clearTimeout(this.timer);
    const fields = Object.fromEntries(new FormData(this.form));
    const asked = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, value.trim()]).filter(([, value]) => value));
    const changed = [...new Set([...Object.keys(asked), ...Object.keys(this.wanted)])].filter((name) => asked[name] !== this.wanted[name]);
    if (changed.length === 0) return;
    const onlyName = changed.length === 1 && changed[0] === "name";
    this.ask(asked, null, !(onlyName && this.isTyping));
    this.isTyping = onlyName;
  }

  /** @returns when the first of what is asked for is there */
  ask(wanted, month = null, isAnother = true) {
    enterSearch(wanted, month, isAnother);
    this.read();
    return this.gallery.start();
  }

  /** Begins the list with a month, `YYYY-MM`; with the newest photos without one. */
  begin(month) {
    return this.ask(this.wanted, month);
  }

  /** Photos have been counted. */
  async tellCount(count, isComplete) {
    const text = `${isComplete ? "" : "At least "}${count === 1 ? "1 photo" : `${count.toLocaleString()} photos`}`;
    find("#find-count").textContent = this.isActive ? text : "";
    if (this.isActive) announce(count === 0 ? "No photo matches" : text);
    // A link may name a device before anybody has looked at what there is.
    if (this.wanted.device !== undefined && this.choices.found === null && await this.choices.load() !== undefined) this.offer();
  }
}
