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
export const UNSAFE = new Set(["waiting", "checking", "sending", "retrying", "paused", "failed"]);
export const ACTIVE = new Set(["checking", "sending", "retrying"]);
export const FINISHED = new Set(["processed", "duplicate", "expired", "rejected"]);

export class Photo {
  /** @param {(photo: Photo) => void} onChange called with every change of what is seen */
  constructor(file, onChange) {
    this.file = file;
    this.onChange = onChange;
    this.state = "waiting";
    this.detail = LABELS.waiting;
    this.sent = 0;
    this.speed = 0;
    this.token = null;
    this.sha256 = null;
    this.sendAnyway = false;
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
      if (!this.sendAnyway && await this.isHere(twinOf, run)) return;
      this.transfer ??= this.newTransfer();
      this.beginMeasuring();
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

  /** Back into the queue. */
  again() {
    this.set("waiting");
  }

  cancel() {
    this.run += 1;
    if (UNSAFE.has(this.state)) this.transfer?.cancel();
  }

  stop(state) {
    this.run += 1;
    this.transfer?.stop();
    this.set(state);
  }

  newTransfer() {
    return new Transfer(
      this.file,
      this.sha256,
      (sent) => this.progressed(sent),
      (message) => this.set("retrying", message),
    );
  }

  async isHere(twinOf, run) {
    if (this.sha256 === null) return false;
    const twin = twinOf(this);
    if (twin !== undefined) {
      this.set("duplicate", `already here: the same photo as ${twin.file.name}`);
      return true;
    }
    const known = await knownPhoto(this.sha256).catch((error) => {
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
      this.set("paused", "Log in again to go on.");
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
    this.transfer = undefined;
    this.set("failed", sentence);
  }

  beginMeasuring() {
    this.measured = { at: performance.now(), sent: null };
  }

  progressed(sent) {
    const now = performance.now();
    const { at, sent: before } = this.measured;
    this.sent = sent;
    if (this.state !== "sending") {
      this.beginMeasuring();
      this.set("sending");
    } else if (before === null) {
      this.measured = { at: now, sent };
    } else if (now - at >= SPEED_WINDOW) {
      const speed = Math.max(0, (1000 * (sent - before)) / (now - at));
      this.speed = this.speed === 0 ? speed : 0.6 * this.speed + 0.4 * speed;
      this.measured = { at: now, sent };
    }
    this.onChange(this);
  }
}

async function sha256Of(file) {
  if (!globalThis.crypto?.subtle) return null; // only there over HTTPS and on this machine
  const hash = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
  return [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
