// Small pictures of local files, decoded off the page's own thread, two at a time, and only for rows that are seen.

const EDGE = 96;
const AT_ONCE = 2;
const KEPT = 120;

const kept = new Map(); // file -> ImageBitmap, or null where the browser cannot show the format; oldest first
const wanted = [];
let working = 0;

/**
 * Paints a file's picture into a canvas, now or soon.
 * @param {() => boolean} isStillWanted asked before the work is done, as rows come and go quickly
 * @returns {Promise<boolean>} whether the browser could show it
 */
export function paintThumbnail(canvas, file, isStillWanted) {
  return new Promise((resolve) => {
    wanted.push({ canvas, file, isStillWanted, resolve });
    work();
  });
}

/** Forgets a file's picture. */
export function forgetThumbnail(file) {
  kept.get(file)?.close();
  kept.delete(file);
}

async function work() {
  if (working >= AT_ONCE || wanted.length === 0) return;
  const { canvas, file, isStillWanted, resolve } = wanted.shift();
  working += 1;
  try {
    if (!isStillWanted()) resolve(true);
    else resolve(paint(canvas, await thumbnail(file)));
  } finally {
    working -= 1;
    work();
  }
}

async function thumbnail(file) {
  if (kept.has(file)) return kept.get(file);
  const picture = await createImageBitmap(file, { resizeWidth: EDGE, resizeQuality: "medium" }).catch(() => null);
  kept.set(file, picture);
  if (kept.size > KEPT) forgetThumbnail(kept.keys().next().value);
  return picture;
}

function paint(canvas, picture) {
  if (picture === null) return false;
  canvas.width = EDGE;
  canvas.height = EDGE;
  const scale = EDGE / Math.min(picture.width, picture.height);
  const [width, height] = [picture.width * scale, picture.height * scale];
  canvas.getContext("2d").drawImage(picture, (EDGE - width) / 2, (EDGE - height) / 2, width, height);
  return true;
}
