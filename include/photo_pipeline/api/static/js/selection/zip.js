// Many photos as one ZIP. The browser saves what a form brings, as it comes: no script holds it.

import { ARCHIVE, errorFrom } from "../api.js";
import { make } from "../dom.js";

let asked = 0;

/**
 * Asks for it. Whether it came whole, the browser says where it lists what it has saved.
 * @param {(error: ApiError) => void} onRefused told why there is none
 */
export function downloadZip(photos, onRefused) {
  asked += 1;
  const name = `zip-${asked}`;
  const frame = make("iframe", { name, title: "Download", hidden: true });
  const form = make("form", { action: ARCHIVE, method: "post", target: name, hidden: true },
    ...photos.map((photo) => make("input", { type: "hidden", name: "photo_ids", value: photo.photo_id })));
  document.body.append(frame, form);
  // A file to be saved shows nothing in the frame, so that only a refusal ever does.
  frame.addEventListener("load", () => {
    const error = refusalIn(frame);
    if (error === null) return;
    frame.remove();
    onRefused(error);
  });
  form.submit();
  form.remove();
}

/** @returns {ApiError|null} null while nothing has come */
function refusalIn(frame) {
  const page = frame.contentDocument;
  if (page?.URL === "about:blank") return null;
  // What the browser itself says about a line that is cut is for nobody to read.
  const error = errorFrom(0, page?.body?.textContent ?? "", "The server cannot be reached. Please check your connection.");
  error.status = error.problem.status ?? 0;
  return error;
}
