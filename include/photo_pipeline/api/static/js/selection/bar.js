// The bar that says how much is chosen, and what can be done with it.

import { find, formatBytes } from "../dom.js";
import { Notice } from "../notice.js";
import { MOST } from "./chosen.js";

/** As the server has it. */
export const MOST_SHARED = 500;

const NUMBER = new Intl.NumberFormat();

export class Bar {
  /**
   * @param {Chosen} chosen
   * @param {object} actions what each button does, by the name that it has in the page
   */
  constructor(chosen, actions) {
    this.chosen = chosen;
    this.element = find("#selection");
    this.count = find("#selection-count");
    this.note = find("#selection-note");
    this.notice = new Notice("#selection-trouble");
    this.mostKept = 0;
    this.doing = "";
    this.isCompleting = false;
    for (const [name, work] of Object.entries(actions)) {
      this.button(name).addEventListener("click", () => { if (this.doing === "" || name === "clear") work(); });
    }
  }

  button = (name) => find(`[data-do=${name}]`, this.element);

  /** Something is being done; meanwhile the buttons do nothing more. */
  begin(text) {
    this.notice.hide();
    this.doing = text;
    this.say();
  }

  end() {
    this.doing = "";
    this.update();
  }

  fail(text, retry) {
    this.notice.show(text, retry);
  }

  /** Whether all are kept, so that there is only to let go. */
  get areKept() {
    return this.chosen.all.every((photo) => photo.held_by_customer);
  }

  update() {
    const { count, bytes } = this.chosen;
    this.element.hidden = count === 0;
    this.count.textContent = `${NUMBER.format(count)} selected, ${formatBytes(bytes)}`;
    const keep = this.button("keep");
    keep.hidden = this.mostKept === 0;
    keep.textContent = this.areKept ? "Do not keep longer" : "Keep longer";
    keep.disabled = this.isTooMuchToKeep;
    this.button("share").disabled = count > MOST_SHARED;
    this.say();
  }

  /** However many are kept already, more than that is never possible. */
  get isTooMuchToKeep() {
    return this.chosen.all.filter((photo) => !photo.held).length > this.mostKept && this.mostKept > 0;
  }

  say() {
    this.note.textContent = this.doing || [
      this.isCompleting ? "The other photos of this day are on their way …" : "",
      this.chosen.count >= MOST ? `No more than ${NUMBER.format(MOST)} photos can be selected at once.` : "",
      this.chosen.count > MOST_SHARED ? `A link leads to ${MOST_SHARED} photos at most.` : "",
      this.isTooMuchToKeep ? `You may keep ${NUMBER.format(this.mostKept)} at most.` : "",
    ].filter(Boolean).join(" ");
  }
}
