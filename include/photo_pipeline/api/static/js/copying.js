// Copies what is shown once.

import { announce } from "./dom.js";

/** @param {string} what is copied, as a sentence begins with it */
export async function copy(field, button, what) {
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
    button.textContent = "Copied";
    announce(`${what} is copied.`);
  } catch {
    announce(`${what} is selected; copy it with the keyboard.`);
  }
}
