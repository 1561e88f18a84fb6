// Says what is wrong where it is wrong, with a button that tries it again.

import { find } from "./dom.js";

export class Notice {
  /** @param {string} selector of an element with a paragraph and a button */
  constructor(selector) {
    this.element = find(selector);
    this.text = find("p", this.element);
    this.button = find("button", this.element);
    this.button.addEventListener("click", () => this.onRetry?.());
  }

  /** @param {(() => void)|null} onRetry what the button does; there is none without it */
  show(text, onRetry = null) {
    this.onRetry = onRetry;
    this.button.hidden = onRetry === null;
    if (this.text.textContent !== text) this.text.textContent = text;
    this.element.hidden = false;
  }

  hide() {
    this.element.hidden = true;
    this.text.textContent = "";
  }
}
