// Photos are kept longer, or no longer, one after the other.

import { keep, letGo } from "../api.js";

const GONE = new Set([404, 410]);
const KEPT = { held: true, held_by_customer: true, kept_until: null };

/**
 * Where it fails, it goes on from there when it is called again.
 * @param {object[]} left the photos; those that are done are taken out of it
 * @param {boolean} isKept whether they are to be kept
 * @param {object} gallery shows what became of each
 * @param {() => void} onDone told of each
 */
export async function keepAll(left, isKept, gallery, onDone) {
  while (left.length > 0) {
    const [photo] = left;
    if (await unlessGone(() => change(photo, isKept, gallery))) onDone();
    left.shift();
  }
}

async function change(photo, isKept, gallery) {
  await (isKept ? keep : letGo)(photo.photo_id);
  if (!isKept) {
    await gallery.reread(photo);
    return;
  }
  Object.assign(photo, KEPT);
  gallery.tiles.mark(photo);
}

/** One that is there no more stops nobody from keeping the others. */
async function unlessGone(work) {
  try {
    await work();
    return true;
  } catch (error) {
    if (!GONE.has(error.status)) throw error;
    return false;
  }
}
