// What a camera wrote into a photo. It is read here, from the customer's own file, and kept nowhere: the place is theirs.

import { answer, ApiError } from "../api.js";
import { make } from "../dom.js";
import { exifReader } from "./packages.js";

const WHOLE_BYTES = 1024 * 1024;
const BEGINNING_BYTES = 256 * 1024;
const DEGREES = new Intl.NumberFormat(undefined, { minimumFractionDigits: 5, maximumFractionDigits: 5 });
const METRES = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0, style: "unit", unit: "meter" });

/**
 * @returns {Promise<[string, string|Node][]>} what there is to say, as names and values
 * @throws {ApiError} when the file or its reader cannot be had
 */
export async function cameraFacts(photo) {
  const reader = await exifReader().catch(() => { throw new ApiError("The reader of photos could not be loaded."); });
  const { url } = photo.renditions.original;
  const headers = photo.bytes > WHOLE_BYTES ? { Range: `bytes=0-${BEGINNING_BYTES - 1}` } : {};
  const bytes = await answer(url, { headers, cache: "force-cache" }, (response) => response.arrayBuffer());
  return facts(tagsOf(reader, bytes));
}

/** A file without them, or with broken ones, has told nothing. */
function tagsOf(reader, bytes) {
  try {
    return reader.load(bytes, { expanded: true, excludeTags: { xmp: true, icc: true, mpf: true, iptc: true, photoshop: true } });
  } catch {
    return {};
  }
}

const told = (tag) => String(tag?.description ?? "").trim();

function facts({ exif = {}, gps = {} }) {
  return [
    ["Lens", told(exif.LensModel)],
    ["Exposure", exposure(exif)],
    ["ISO", told(exif.ISOSpeedRatings)],
    ["Focal length", focalLength(exif)],
    ["Place", place(gps)],
  ].filter(([, value]) => value !== "" && value !== null);
}

function exposure({ ExposureTime: time, FNumber: number }) {
  const seconds = told(time);
  return [seconds === "" ? "" : `${seconds} s`, told(number)].filter((part) => part !== "").join(" at ");
}

function focalLength({ FocalLength: length, FocalLengthIn35mmFilm: equivalent }) {
  const [own, on35] = [told(length), Number(equivalent?.value)];
  if (own === "") return "";
  return on35 > 0 ? `${own} (${on35} mm on 35 mm film)` : own;
}

function place({ Latitude: latitude, Longitude: longitude, Altitude: altitude }) {
  if (!Number.isFinite(latitude) || !Number.isFinite(longitude)) return null;
  const north = `${DEGREES.format(Math.abs(latitude))}° ${latitude < 0 ? "S" : "N"}`;
  const east = `${DEGREES.format(Math.abs(longitude))}° ${longitude < 0 ? "W" : "E"}`;
  const height = Number.isFinite(altitude) ? `, ${METRES.format(altitude)} high` : "";
  // A phone opens its maps; no page of ours tells anybody where that is.
  return make("a", { href: `geo:${latitude},${longitude}`, textContent: `${north}, ${east}${height}` });
}
