// Follows photos that are safe until they are in the gallery, or refused after all.

import { receiptStatuses } from "../api.js";

const PAUSE = 1500;
const TOKENS_AT_ONCE = 100;

/**
 * @param {() => Photo[]} safePhotos those to ask about
 * @param {() => void} onSettled called when some of them have come to their end
 * @returns {() => Promise<void>} to be called whenever a photo has become safe
 */
export function follower(safePhotos, onSettled) {
  let running = false;

  return async () => {
    if (running) return;
    running = true;
    try {
      for (;;) {
        const open = safePhotos().slice(0, TOKENS_AT_ONCE);
        if (open.length === 0) return;
        if (await ask(open)) onSettled();
        await new Promise((resolve) => { setTimeout(resolve, PAUSE); });
      }
    } finally {
      running = false;
    }
  };
}

async function ask(photos) {
  let answer;
  try {
    answer = await receiptStatuses(photos.map((photo) => photo.token));
  } catch {
    return false; // the next round asks again; the photos are safe meanwhile
  }
  let settled = false;
  answer.receipts.forEach((found, at) => {
    if (found === null || found.status === "pending" || photos[at].state !== "safe") return;
    if (found.status === "lost") photos[at].lost(found.sentence);
    else photos[at].set(found.status, found.sentence ?? undefined);
    settled = true;
  });
  return settled;
}
