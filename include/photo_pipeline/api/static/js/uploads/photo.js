// One photo on its way: what state it is in, and what it needs to get to the next.

import { ApiError, knownPhoto } from "../api.js";
import { Stopped, Transfer } from "./transfer.js";

export const LARGEST = 32 * 1024 * 1024;
const SPEED_WINDOW = 400;
const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

export const LABELS = {
  waiting: "waiting",
  checking: "checking …",
  sending: "sending",
  retrying: "waiting for the connection",
  paused: "paused",
  safe: "safe · being processed",
  processed: "in your gallery",
  duplicate: "already here",
  expired: "its time has passed",
  rejected: "refused",
  failed: "not sent",
};
const LOG_IN = "Log in again to go on.";
export const UNSAFE = new Set(["waiting", "checking", "sending", "retrying", "paused", "failed"]);
export const ACTIVE = new Set(["checking", "sending", "retrying"]);
export const GOING = new Set(["waiting", ...ACTIVE]);
export const REFUSED = new Set(["rejected", "failed"]);
export const FINISHED = new Set(["processed", "duplicate", "expired", "rejected"]);

export class Photo {
  /**
   * @param {{file: File, handle?: FileSystemHandle, root?: FileSystemHandle}} origin the file, and how to have it again
   * @param {Reach} reach how the line is
   * @param {(photo: Photo) => void} onChange called with every change of what is seen
   */
  constructor(origin, reach, onChange) {
    const { file } = origin;
    this.file = file;
    this.origin = origin;
    this.reach = reach;
    this.onChange = onChange;
    this.owner = null; // where it is known
    this.state = "waiting";
    this.detail = LABELS.waiting;
    this.sent = 0;
    this.moved = 0; // bytes that have really gone out from this page
    this.speed = 0;
    this.token = null;
    this.sha256 = null;
    this.sendAnyway = false;
    this.begun = false; // the server may have it already
    this.key = newKey();
    this.loggedOut = false;
    this.record = undefined; // what is remembered of it, and whether it is (memory.js)
    this.recordId = null;
    this.isRemembered = false;
    this.isUnremembered = false;
    this.isLeft = false; // to another customer's page
    this.run = 0; // of the tries to send it; an older one that was stopped must not go on
    if (file.size === 0) this.set("rejected", "The file is empty.");
    else if (file.size > LARGEST) this.set("rejected", "The file is larger than 32 MiB.");
  }

  set(state, detail = LABELS[state]) {
    this.state = state;
    this.detail = detail;
    if (state !== "sending") this.speed = 0;
    this.onChange(this);
  }

  /**
   * Brings it to safety, or says why that cannot be.
   * @param {(photo: Photo) => Photo|undefined} twinOf finds the same bytes in the list
   * @throws {ApiError} with status 401 when the session has ended
   */
  async send(twinOf) {
    this.run += 1;
    const { run } = this;
    this.set("checking");
    try {
      const sha256 = this.sha256 ?? await sha256Of(this.file);
      if (run !== this.run) return;
      this.sha256 = sha256;
      if (!this.sendAnyway && !this.begun && await this.isHere(twinOf, run)) return;
      this.transfer ??= new Transfer(this);
      this.begun = true;
      this.set("sending");
      const token = await this.transfer.start();
      if (run !== this.run) return;
      this.token = token;
      this.sent = this.file.size;
      this.set("safe");
    } catch (error) {
      if (run === this.run) this.failed(error);
    }
  }

  pause() {
    this.stop("paused");
  }

  /** Where it waits to be tried again, it is tried now. */
  hurry() {
    this.transfer?.wake?.();
  }

  /** Back into the queue. */
  again() {
    this.set("waiting");
  }

  cancel() {
    this.run += 1;
    if (UNSAFE.has(this.state)) this.transfer?.cancel();
  }

  stop(state, detail = LABELS[state]) {
    this.run += 1;
    this.transfer?.stop();
    this.set(state, detail);
  }

  /** It waits for somebody to log in. */
  logOut() {
    this.loggedOut = true;
    this.stop("paused", LOG_IN);
  }

  /** Though the gallery has it. */
  sendAgain() {
    this.sendAnyway = true;
    this.renew();
    this.again();
  }

  /** What was sent until now was another one. */
  renew() {
    this.transfer = undefined;
    this.begun = false;
    this.key = newKey();
  }

  async isHere(twinOf, run) {
    if (this.sha256 === null) return false;
    const twin = twinOf(this);
    if (twin !== undefined) {
      this.set("duplicate", `already here: the same photo as ${twin.file.name}`);
      return true;
    }
    const known = await knownPhoto(this.sha256, this.owner).catch((error) => {
      if (error.status === 401) throw error;
      return { known: false }; // sending it is always safe
    });
    if (run !== this.run) return true;
    if (!known.known) return false;
    const until = known.kept_until === null ? "kept for now" : `kept until ${DAY.format(new Date(known.kept_until))}`;
    this.set("duplicate", `already here, ${until}`);
    this.canSendAnyway = true;
    return true;
  }

  failed(error) {
    if (error instanceof Stopped) return;
    if (!(error instanceof ApiError)) {
      this.set("failed", "This file could not be read. Was it moved or changed?");
      return;
    }
    if (error.status === 401) {
      this.loggedOut = true;
      this.set("paused", LOG_IN);
      throw error;
    }
    // What was refused is forgotten at the server; another try begins anew.
    this.transfer = undefined;
    this.set(error.isTemporary ? "failed" : "rejected", error.message);
  }

  /** It was safe, and is not there after all: nothing is wrong with it, so it can be sent again. */
  lost(sentence) {
    this.token = null;
    this.sent = 0;
    this.renew();
    this.set("failed", sentence);
  }

  /** The transfer tries; where it goes on with something that is there only the server knows. */
  began(isResumed) {
    this.passed = isResumed ? null : 0;
    this.measured = { at: performance.now(), sent: this.passed };
  }

  progressed(sent) {
    this.sent = sent;
    if (this.state !== "sending") this.set("sending");
    this.moved += Math.max(0, sent - (this.passed ?? sent));
    this.passed = sent;
    this.measure(sent);
    this.onChange(this);
  }

  troubled(message) {
    this.set("retrying", message);
  }

  measure(sent) {
    const now = performance.now();
    const { at, sent: before } = this.measured;
    if (before === null) {
      this.measured = { at: now, sent };
    } else if (now - at >= SPEED_WINDOW) {
      const speed = Math.max(0, (1000 * (sent - before)) / (now - at));
      this.speed = this.speed === 0 ? speed : 0.6 * this.speed + 0.4 * speed;
      this.measured = { at: now, sent };
    }
  }
}

/** Only there over HTTPS and on this machine; without one a photo whose answer was lost is told as a duplicate. */
const newKey = () => crypto.randomUUID?.() ?? null;

async function sha256Of(file) {
  if (!globalThis.crypto?.subtle) return null; // only there over HTTPS and on this machine
  const hash = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
  return [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
