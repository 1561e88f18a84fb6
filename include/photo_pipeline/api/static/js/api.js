// Talks to the API. Every failure becomes an ApiError whose message a person can read.

const BASE = "/api/v1";

export class ApiError extends Error {
  constructor(message, status = 0, problem = {}) {
    super(message);
    this.status = status;
    this.problem = problem;
  }

  /** Whether the same request may succeed later. */
  get isTemporary() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

export function errorFrom(status, text, fallback) {
  let problem = {};
  try {
    problem = JSON.parse(text);
  } catch {
    // not a problem document: the fallback says what there is to say
  }
  return new ApiError(problem.detail ?? fallback, status, problem);
}

async function request(method, path, body) {
  const options = { method, headers: { Accept: "application/json" } };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(BASE + path, options);
  } catch {
    throw new ApiError("The server cannot be reached. Please check your connection.");
  }
  const text = await response.text();
  if (!response.ok) throw errorFrom(response.status, text, "Something went wrong. Please try again.");
  return text === "" ? null : JSON.parse(text);
}

export const signUp = (details) => request("POST", "/customers", details);
export const logIn = (credentials) => request("POST", "/session", credentials);
export const logOut = () => request("DELETE", "/session");
export const me = () => request("GET", "/me");
export const knownPhoto = (sha256) => request("GET", `/uploads/known/${sha256}`);
export const receiptStatuses = (tokens) => request("POST", "/receipts", { tokens });

export const keep = (photoId) => request("PUT", `/holds/${photoId}`);
export const letGo = (photoId) => request("DELETE", `/holds/${photoId}`);
export const devices = () => request("GET", "/devices");
export const makeDevice = (name) => request("POST", "/devices", { name });
export const revokeDevice = (deviceId) => request("DELETE", `/devices/${deviceId}`);
export const photo = (photoId) => request("GET", `/photos/${photoId}`);

export function photos({ cursor = null, status = "processed", order = "uploaded", limit = 60 } = {}) {
  const query = new URLSearchParams({ status, order, limit });
  if (cursor !== null) query.set("cursor", cursor);
  return request("GET", `/photos?${query}`);
}
