// What is asked for stands in the address: Back and Forward lead from one search to another, and a link shows the same.

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const FORMATS = new Set(["jpeg", "png", "webp", "gif", "tiff", "bmp", "avif", "heif"]);
const LONGEST = 100;

const isText = (value) => value.trim() !== "" && value.length <= LONGEST;
const isDay = (value) => /^\d{4}-\d{2}-\d{2}$/.test(value) && !Number.isNaN(Date.parse(`${value}T00:00Z`))
  && new Date(`${value}T00:00Z`).toISOString().startsWith(value);
/** Whoever changes an address by hand gets what can be understood of it. */
const ASKED = {
  name: isText,
  source: (value) => value === "upload" || value === "stream",
  device: (value) => UUID.test(value),
  camera: isText,
  format: (value) => FORMATS.has(value),
  from: isDay,
  until: isDay,
};
const MONTH = "at";
const isMonth = (value) => isDay(`${value}-01`);

/** What is asked for, by name; nothing that is not. */
export function wantedInAddress() {
  const given = new URLSearchParams(location.search);
  const names = Object.keys(ASKED).filter((name) => given.has(name) && ASKED[name](given.get(name)));
  return Object.fromEntries(names.map((name) => [name, given.get(name).trim()]));
}

/** The month with which the list begins, `YYYY-MM`, or null. */
export function monthInAddress() {
  const month = new URLSearchParams(location.search).get(MONTH);
  return month !== null && isMonth(month) ? month : null;
}

/**
 * @param {object} wanted what is asked for from now on
 * @param {string|null} month with which the list begins
 * @param {boolean} isAnother whether Back leads to what was before
 */
export function enterSearch(wanted, month, isAnother) {
  const asked = Object.entries(wanted).filter(([name, value]) => value !== "" && ASKED[name]?.(value));
  const query = new URLSearchParams(asked);
  if (month !== null) query.set(MONTH, month);
  const address = location.pathname + (query.size > 0 ? `?${query}` : "");
  history[isAnother ? "pushState" : "replaceState"](null, "", address);
}
