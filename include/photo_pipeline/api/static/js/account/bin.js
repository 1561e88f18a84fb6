// The bin: photos that were deleted and can still come back.

import { act } from "../acting.js";
import { binned, restore } from "../api.js";
import { moment } from "../days.js";
import { announce, find } from "../dom.js";
import { BROUGHT_BACK, Tabs, WHO_KEY } from "../tabs.js";
import { line } from "./line.js";

let nextCursor = null;

export async function listBinned(cursor = null) {
  const { photos, next_cursor: next } = await binned(cursor);
  const lines = photos.map(binnedLine);
  if (cursor === null) find("#binned").replaceChildren(...lines);
  else find("#binned").append(...lines);
  nextCursor = next;
  find("#more-binned").hidden = next === null;
  find("#no-binned").hidden = find("#binned").childElementCount > 0;
}

function binnedLine(photo) {
  const title = photo.filename ?? "Photo without a name";
  const end = photo.kept_until === null ? "" : `, gone ${moment(photo.kept_until)}`;
  const note = `Deleted ${moment(photo.binned_at)}${end}`;
  return line(title, note, { text: "Restore", label: `Restore ${title}`, work: () => bringBack(photo, title) });
}

async function bringBack(photo, title) {
  await restore([photo.photo_id]);
  new Tabs().tell(BROUGHT_BACK, localStorage.getItem(WHO_KEY), [photo.photo_id]);
  await listBinned();
  announce(`${title} is in the gallery again.`);
  find("#bin-heading").focus();
}

export function setUpBin() {
  find("#more-binned").addEventListener("click", () => act(() => listBinned(nextCursor)));
}
