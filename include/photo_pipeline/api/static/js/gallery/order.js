// The order of photos, the same as the server's: newest first, to the microsecond; then by name, then by upload.

const WANTED = "photo-order";
const YEAR_SECONDS = 366 * 24 * 60 * 60;

/** As the reader wants photos to be listed. In a cookie: the server sends the first of them ahead with the page. */
export const wantedOrder = () => (document.cookie.split("; ").includes(`${WANTED}=uploaded`) ? "uploaded" : "taken");

export function wantOrder(order) {
  document.cookie = `${WANTED}=${order}; Path=/; Max-Age=${YEAR_SECONDS}; SameSite=Lax`;
}

/** Moments end at milliseconds in a browser; photos of a burst differ by less. */
function microseconds(text) {
  const [, whole, fraction = "", zone] = /^([^.Z+]*)(?:\.(\d+))?(.*)$/.exec(text);
  return Date.parse(`${whole}${zone || "Z"}`) * 1000 + Number(fraction.slice(0, 6).padEnd(6, "0"));
}

/** By characters, as the database has them; a browser's own comparison goes by halves of some. */
function compareNames(one, other) {
  const [left, right] = [[...one], [...other]];
  const at = left.findIndex((character, index) => character !== right[index]);
  if (at === -1) return left.length - right.length;
  return left[at].codePointAt(0) - (right[at]?.codePointAt(0) ?? -1);
}

/** The time by which a photo is listed, as the server writes it. */
export const listedAt = (photo, order) => (order === "taken" ? photo.taken_at : null) ?? photo.uploaded_at;

/** The same in microseconds. */
export const momentOf = (photo, order) => microseconds(listedAt(photo, order));

/** Below zero where the first comes before the other. A camera's time counts as it was told, as if it were UTC. */
export function compare(one, other, order) {
  return momentOf(other, order) - momentOf(one, order)
    || compareNames(other.filename ?? "", one.filename ?? "")
    || microseconds(other.uploaded_at) - microseconds(one.uploaded_at)
    || compareNames(other.photo_id, one.photo_id);
}

/** Where a photo belongs among photos that are in order. */
export function placeAmong(photos, photo, order) {
  let [low, high] = [0, photos.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compare(photos[middle], photo, order) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
