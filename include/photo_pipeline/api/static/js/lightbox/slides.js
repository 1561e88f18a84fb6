// Slides whose picture did not come: they say why, and have it tried again.

import { picture } from "../api.js";
import { make } from "../dom.js";
import { explained, Retrying } from "../retrying.js";

const GONE = new Set([404, 410]);
/** A picture that has come whole so often and is none all the same will not become one. */
const WHOLE_AT_MOST = 2;

export class Slides {
  /**
   * @param {object} viewer PhotoSwipe
   * @param {() => void} onLoggedOut called when the session has ended
   */
  constructor(viewer, onLoggedOut) {
    this.viewer = viewer;
    this.onLoggedOut = onLoggedOut;
    this.troubles = new Map();
    this.whole = new Map(); // from an address to how often its picture has come whole after it was not shown
    viewer.addFilter("contentErrorElement", (_, content) => this.troubled(content));
  }

  stop() {
    for (const { retrying } of this.troubles.values()) retrying.stop();
    this.troubles.clear();
  }

  /** What is shown in the picture's place. */
  troubled({ data, index }) {
    const known = this.troubles.get(data.src);
    if (known !== undefined) return known.element;
    const text = make("p", { textContent: "This photo cannot be shown just now." });
    const button = make("button", { type: "button", textContent: "Try now" });
    const element = make("div", { className: "slide-trouble" }, text, button);
    element.setAttribute("role", "alert");
    if (this.whole.get(data.src) >= WHOLE_AT_MOST) {
      text.textContent = "This photo cannot be shown. Its original can be downloaded.";
      button.hidden = true;
      return element;
    }
    const retrying = new Retrying(() => picture(data.src), (trouble) => {
      if (trouble === null) return;
      const isGone = GONE.has(trouble.status);
      text.textContent = isGone ? "This photo is no longer here: it was deleted, or its time has passed." : `This photo cannot be shown just now. ${explained(trouble)}`;
      button.hidden = isGone;
    }, this.onLoggedOut);
    button.addEventListener("click", () => retrying.now());
    this.troubles.set(data.src, { element, retrying });
    this.heal(retrying, data.src, index);
    return element;
  }

  async heal(retrying, src, index) {
    await retrying.run();
    if (retrying.stopped) return;
    this.troubles.delete(src);
    this.whole.set(src, (this.whole.get(src) ?? 0) + 1);
    this.viewer.refreshSlideContent(index);
  }
}
