// What was sent and could not be used.

import { photos } from "../api.js";
import { find, make } from "../dom.js";

const MOST = 50;

/** @throws {ApiError} and what is shown stays as it was */
export async function showRejected() {
  const page = await photos({ status: "rejected", limit: MOST });
  const box = find("#rejected");
  box.hidden = page.photos.length === 0;
  const count = page.next_cursor === null ? page.photos.length : `More than ${MOST}`;
  find("summary", box).textContent = `${count} ${count === 1 ? "photo" : "photos"} could not be used`;
  find("ul", box).replaceChildren(...page.photos.map((photo) => make(
    "li", {}, make("strong", { textContent: photo.filename ?? "Unnamed photo" }), ` ${photo.sentence}`,
  )));
}
