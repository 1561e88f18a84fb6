// The dialog that makes a link to photos, and shows it once.

import { share } from "../api.js";
import { copy } from "../copying.js";
import { dayOfMoment, moment } from "../days.js";
import { find, make } from "../dom.js";
import { Notice } from "../notice.js";
import { now } from "../server_time.js";

const DAYS = { 1: "A day", 3: "Three days", 7: "A week", 14: "Two weeks", 30: "Thirty days" };
const DAY_MILLISECONDS = 24 * 60 * 60 * 1000;

const counted = (photos) => (photos.length === 1 ? "this photo" : `${photos.length} photos`);

export class Sharing {
  /** @param {() => void} onLoggedOut called when the session has ended */
  constructor(onLoggedOut) {
    this.onLoggedOut = onLoggedOut;
    this.dialog = find("#share");
    this.form = find("form", this.dialog);
    this.made = find("#share-made");
    this.link = find("#share-link");
    this.copyButton = find("#share-copy");
    this.notice = new Notice("#share-trouble");
    this.photos = null;
    this.asking = null; // the photos that a link is being made to; the dialog may have been opened anew for others
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.ask();
    });
    this.copyButton.addEventListener("click", () => copy(this.link.value, this.copyButton, "The link", this.link));
    for (const button of this.dialog.querySelectorAll(".close")) button.addEventListener("click", () => this.dialog.close());
    this.dialog.addEventListener("close", () => this.forget());
  }

  open(photos) {
    this.photos = photos;
    find("#share-heading").textContent = `Share ${counted(photos)}`;
    this.form.elements.days.replaceChildren(...Object.entries(DAYS).map(([days, name]) => make("option", {
      value: days, textContent: `${name}, until ${dayOfMoment(now() + days * DAY_MILLISECONDS)}`, selected: days === "7",
    })));
    this.showForm(true);
    this.notice.hide();
    this.dialog.showModal();
  }

  showForm(isForm) {
    this.form.hidden = !isForm;
    this.made.hidden = isForm;
    this.dialog.setAttribute("aria-labelledby", isForm ? "share-heading" : "share-made-heading");
  }

  async ask() {
    const { photos } = this;
    if (photos === null || this.asking === photos) return;
    this.asking = photos;
    this.notice.hide();
    try {
      const made = await share(photos.map((photo) => photo.photo_id), Number(this.form.elements.days.value));
      if (this.photos === photos) this.show(made);
    } catch (error) {
      if (error.status === 401) this.onLoggedOut();
      else if (this.photos === photos) this.notice.show(`The link could not be made. ${error.message}`, () => this.ask());
    } finally {
      if (this.asking === photos) this.asking = null;
    }
  }

  show({ url, photos: count, expires_at: end }) {
    find("#share-made-heading").textContent = `The link to ${counted(this.photos)}`;
    const gone = this.photos.length - count;
    find("#share-until").textContent = `It is good until ${moment(end)}.`
      + (gone > 0 ? ` ${gone} of them ${gone === 1 ? "is" : "are"} no longer there.` : "");
    this.link.value = url;
    this.showForm(false);
    find("#share-made-heading").focus();
  }

  /** It is shown this once. */
  forget() {
    this.photos = null;
    this.link.value = "";
    this.copyButton.textContent = "Copy";
  }
}
