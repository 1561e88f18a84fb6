// By which day photos are grouped, and how a moment is written.

import { now } from "./server_time.js";

const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "full" });
const DAY_AS_TOLD = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeZone: "UTC" });
const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const SHORT_DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const MOMENT_AS_TOLD = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" });

/** A moment that happened, in the reader's time. */
export const moment = (text) => MOMENT.format(new Date(text));

/** The same, without the time of the day. */
export const dayOfMoment = (text) => SHORT_DAY.format(new Date(text));

const UNITS = [["day", 86_400], ["hour", 3600], ["minute", 60], ["second", 1]];
const AGO = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

/** The largest unit that fits, and how many of it; a moment is never of less than a second. */
function inUnits(seconds) {
  const [unit, size] = UNITS.find(([, each]) => seconds >= each) ?? UNITS.at(-1);
  return { unit, count: Math.max(1, Math.round(seconds / size)) };
}

/** A moment as what has passed since; clocks may differ, but nothing happens later than now. */
export function ago(text) {
  const { unit, count } = inUnits((now() - Date.parse(text)) / 1000);
  return unit === "second" ? "just now" : AGO.format(-count, unit);
}

/** So many seconds as a person would say it. */
export function span(seconds) {
  const { unit, count } = inUnits(seconds);
  return count === 1 ? unit : `${count} ${unit}s`;
}

// A camera's time has no zone unless it says so: it is shown as it was told, not moved into the reader's.
const asTold = (text) => new Date(`${text}Z`);

/** A moment that a camera told, as it told it. */
export function cameraMoment(photo) {
  if (photo.taken_at === null) return null;
  const zone = photo.taken_at_offset === null ? "" : ` (UTC${photo.taken_at_offset})`;
  return MOMENT_AS_TOLD.format(asTold(photo.taken_at)) + zone;
}

/** The day under which a photo is shown. By day taken, one without a camera's time stands under its upload's, in UTC. */
export function dayOf(photo, order) {
  if (order === "uploaded") return DAY.format(new Date(photo.uploaded_at));
  return DAY_AS_TOLD.format(photo.taken_at === null ? new Date(photo.uploaded_at) : asTold(photo.taken_at));
}
