// One line of a list: what it is, and what can be done with it.

import { act } from "../acting.js";
import { make } from "../dom.js";

/** @param {{text: string, label: string, work: () => Promise}|null} action `label` says to what it is done */
export function line(title, note, action) {
  const what = make("span", {}, make("strong", { textContent: title }), make("span", { className: "note", textContent: note }));
  if (action === null) return make("li", {}, what);
  const button = make("button", { type: "button", textContent: action.text });
  button.setAttribute("aria-label", action.label);
  button.addEventListener("click", () => act(action.work));
  return make("li", {}, what, button);
}
