// Copies what is shown once.

import { announce } from "./dom.js";

/**
 * @param {string} what is copied, as a sentence begins with it
 * @param {HTMLInputElement} field selected where the browser lets nobody copy
 * @param {string} selected what the field holds
 */
export async function copy(text, button, what, field, selected = what) {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
    announce(`${what} is copied.`);
  } catch {
    field.select();
    announce(`${selected} is selected; copy it with the keyboard.`);
  }
}
