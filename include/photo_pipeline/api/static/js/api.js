// Talks to the API. Every failure becomes an ApiError whose message a person can read.

import { tellReach } from "./reach.js";
import { hearTime, now } from "./server_time.js";

const BASE = "/api/v1";
/** A header that names whose photos a request is about: the server refuses it where somebody else is logged in by now. */
export const MEANT_FOR = "Photo-Customer";
const PATIENCE_MILLISECONDS = 30_000; // until an answer begins
const BODY_PATIENCE_MILLISECONDS = 5 * 60_000; // a line may be slow, and still bring it
const PASSING = new Set([0, 408, 425, 429]);
const UNREACHED = "The server cannot be reached. Please check your connection.";
const CUT = "The answer did not come through whole. Please check your connection.";

export class ApiError extends Error {
  constructor(message, status = 0, problem = {}) {
    super(message);
    this.status = status;
    this.problem = problem;
    this.retryAfter = 0; // seconds that the server asks for
  }

  /** Whether the same request may succeed later. */
  get isTemporary() {
    return PASSING.has(this.status) || this.status >= 500;
  }
}

export function errorFrom(status, text, fallback) {
  let problem = {};
  try {
    problem = JSON.parse(text);
  } catch {
    // not a problem document: the fallback says what there is to say
  }
  return new ApiError(problem?.detail ?? fallback, status, problem ?? {});
}

/** Seconds, from a header that holds them or a date. */
function secondsOf(retryAfter) {
  if (retryAfter === null) return 0;
  const seconds = Number(retryAfter);
  return Math.max(0, Number.isNaN(seconds) ? (Date.parse(retryAfter) - now()) / 1000 || 0 : seconds);
}

async function orUnreached(promise, message) {
  try {
    const reached = await promise;
    tellReach(true);
    return reached;
  } catch {
    tellReach(false);
    throw new ApiError(message);
  }
}

/**
 * An answer with all of its body, which `read` takes from the response.
 * @throws {ApiError} when there is none, when it breaks off, or when it says that something went wrong
 */
export async function answer(address, options, read) {
  const controller = new AbortController();
  const abortAfter = (milliseconds) => setTimeout(() => controller.abort(), milliseconds);
  let timer = abortAfter(PATIENCE_MILLISECONDS);
  try {
    const response = await orUnreached(fetch(address, { ...options, signal: controller.signal }), UNREACHED);
    clearTimeout(timer);
    timer = abortAfter(BODY_PATIENCE_MILLISECONDS);
    if (response.ok) return await orUnreached(read(response), CUT);
    throw await refusal(response);
  } finally {
    clearTimeout(timer);
  }
}

async function refusal(response) {
  const text = await response.text().catch(() => "");
  const error = errorFrom(response.status, text, "Something went wrong. Please try again.");
  error.retryAfter = secondsOf(response.headers.get("Retry-After"));
  return error;
}

function ofDocument(response) {
  hearTime(response);
  return response.status === 204 ? null : response.json();
}

const ofPage = async (response) => ({ servedAt: hearTime(response), ...await ofDocument(response) });

async function request(method, path, body, headers = {}, read = ofDocument) {
  const options = { method, headers: { Accept: "application/json", ...headers } };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  return answer(BASE + path, options, read);
}

export const signUp = (details) => request("POST", "/customers", details);
export const logIn = (credentials) => request("POST", "/session", credentials);
export const logOut = () => request("DELETE", "/session");
export const me = () => request("GET", "/me");
export const knownPhoto = (sha256, owner) =>
  request("GET", `/uploads/known/${sha256}`, undefined, owner === null ? {} : { [MEANT_FOR]: owner });
export const receiptStatuses = (tokens) => request("POST", "/receipts", { tokens });

export const keep = (photoId) => request("PUT", `/holds/${photoId}`);
export const letGo = (photoId) => request("DELETE", `/holds/${photoId}`);
export const devices = () => request("GET", "/devices");
export const makeDevice = (name) => request("POST", "/devices", { name });
export const renameDevice = (deviceId, name) => request("PATCH", `/devices/${deviceId}`, { name });
export const revokeDevice = (deviceId) => request("DELETE", `/devices/${deviceId}`);
export const photo = (photoId) => request("GET", `/photos/${photoId}`);

/** Photos of a page; pages.py sends the first one ahead. */
export const PAGE_LENGTH = 60;

/** A page of photos, of those that fit where something is asked for; `servedAt` is the server's time of it. */
export function photos({ cursor = null, status = "processed", order = "uploaded", limit = PAGE_LENGTH, ...wanted } = {}) {
  const query = new URLSearchParams({ status, order, limit, ...wanted });
  if (cursor !== null) query.set("cursor", cursor);
  return request("GET", `/photos?${query}`, undefined, {}, ofPage);
}

export const timeline = (list) => request("GET", `/photos/timeline?${new URLSearchParams(list)}`);
export const choices = () => request("GET", "/photos/choices");

/**
 * Brings a picture into the browser's memory, whole.
 * @throws {ApiError} which says why that cannot be, as an <img> does not
 */
export async function picture(url) {
  await answer(url, {}, (response) => response.blob());
}

// What is done with photos that are chosen. A browser posts a form to the archive.
export const ARCHIVE = `${BASE}/photos/archive`;
export const bin = (photoIds) => request("POST", "/photos/delete", { photo_ids: photoIds });
export const restore = (photoIds) => request("POST", "/photos/restore", { photo_ids: photoIds });
export const share = (photoIds, days) => request("POST", "/shares", { photo_ids: photoIds, days });

// What the account's page asks for.
export const binned = (cursor = null) => photos({ cursor, status: "binned" });
export const shares = () => request("GET", "/shares");
export const endShare = (shareId) => request("DELETE", `/shares/${shareId}`);
export const rename = (displayName) => request("PATCH", "/me", { display_name: displayName });
export const changePassword = (oldPassword, password) => request("PUT", "/me/password", { old_password: oldPassword, password });
export const sessions = () => request("GET", "/me/sessions");
export const endSession = (sessionId) => request("DELETE", `/me/sessions/${sessionId}`);
export const endOtherSessions = () => request("DELETE", "/me/sessions");
export const closeAccount = (password) => request("DELETE", "/me", { password });

// For whoever has forgotten their password.
export const askForReset = (email) => request("POST", "/password-resets", { email });
export const useReset = (token, password) => request("PUT", "/password-resets", { token, password });
