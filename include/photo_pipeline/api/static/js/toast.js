// Says what was done, for a while, with what can be done about it.

import { announce, find, make } from "./dom.js";

const STAYS_MILLISECONDS = 20 * 1000;

/** A button for `show`. */
export function control(label, work) {
  const button = make("button", { type: "button", textContent: label });
  button.addEventListener("click", work);
  return button;
}

export class Toast {
  constructor() {
    this.element = find("#toast");
    this.text = find("p", this.element);
    this.controls = find("span", this.element);
    this.timer = null;
    find(".close", this.element).addEventListener("click", () => this.hide());
    // Whoever reads it, or is about to press something, has the time that it takes.
    for (const type of ["pointerenter", "focusin"]) this.element.addEventListener(type, () => this.stay());
    for (const type of ["pointerleave", "focusout"]) this.element.addEventListener(type, () => this.leaveLater());
  }

  /** @param {...Element} controls what can be done about it */
  show(text, ...controls) {
    this.text.textContent = text;
    this.controls.replaceChildren(...controls);
    this.element.hidden = false;
    announce(text);
    this.leaveLater();
  }

  // What a place for troubles has, as the bar has it.
  begin() {
    this.hide();
  }

  end() {}

  fail(text, retry) {
    this.show(text, control("Try now", retry));
  }

  hide() {
    this.stay();
    if (this.element.contains(document.activeElement)) document.activeElement.blur();
    this.element.hidden = true;
  }

  stay() {
    clearTimeout(this.timer);
  }

  leaveLater() {
    this.stay();
    this.timer = setTimeout(() => this.hide(), STAYS_MILLISECONDS);
  }
}
