// The upload part of the page: photos come in, go out a few at a time, and are followed until they are in the gallery.

import { me } from "./api.js";
import { announce, find, formatBytes } from "./dom.js";
import { follower } from "./uploads/following.js";
import { UploadList } from "./uploads/list.js";
import { ACTIVE, FINISHED, Photo, UNSAFE } from "./uploads/photo.js";
import { setUpPicking } from "./uploads/picking.js";
import { forgetThumbnail } from "./uploads/thumbnails.js";

const AT_ONCE = 3;
const STORED_ADDRESSES = "tus::";

/**
 * @param {() => void} onProcessed called when photos have come into the gallery, or were refused after all
 * @param {() => void} onLoggedOut called when the session has ended
 */
export class Uploads {
  constructor(onProcessed, onLoggedOut) {
    this.onLoggedOut = onLoggedOut;
    this.photos = [];
    this.sending = 0;
    this.skipped = 0;
    this.owner = null;
    this.list = new UploadList({ act: (photo) => this.act(photo), remove: (photo) => this.remove([photo]) });
    this.follow = follower(() => this.photos.filter((photo) => photo.state === "safe"), onProcessed);
    setUpPicking((files) => this.add(files), (count) => this.skip(count));
    find("#clear-uploads").addEventListener("click", () => this.remove(this.photos.filter((photo) => FINISHED.has(photo.state))));
    find("#pause-uploads").addEventListener("click", () => this.pauseOrResume());
    find("#retry-uploads").addEventListener("click", () => this.restart("failed"));
    window.addEventListener("beforeunload", (event) => {
      if (this.photos.some((photo) => UNSAFE.has(photo.state))) event.preventDefault();
    });
  }

  /** Called when somebody has logged in: what waited for that goes on, unless it is somebody else's. */
  async pump() {
    const customer = await me().catch(() => null);
    if (customer !== null && this.owner !== null && customer.customer_id !== this.owner) this.clear();
    if (customer !== null) this.owner = customer.customer_id;
    this.restart("logged-out");
  }

  /** Called when somebody has signed out: nothing of theirs stays. */
  clear() {
    for (const photo of this.photos) if (UNSAFE.has(photo.state)) photo.stop("failed");
    this.remove(this.photos);
    this.owner = null;
    for (const key of Object.keys(localStorage)) if (key.startsWith(STORED_ADDRESSES)) localStorage.removeItem(key);
  }

  add(files) {
    this.photos.push(...files.map((file) => new Photo(file, (photo) => this.changed(photo))));
    this.list.show(this.photos);
    this.later();
    this.next();
  }

  skip(count) {
    this.skipped += count;
    this.later();
  }

  remove(photos) {
    const gone = new Set(photos);
    for (const photo of gone) {
      photo.cancel();
      forgetThumbnail(photo.file);
    }
    this.photos = this.photos.filter((photo) => !gone.has(photo));
    this.list.show(this.photos);
    if (this.photos.length === 0) this.skipped = 0;
    this.later();
  }

  act(photo) {
    if (photo.state === "paused" || photo.state === "failed") photo.again();
    else if (photo.state === "duplicate") {
      photo.sendAnyway = true;
      photo.again();
    } else photo.pause();
    this.next();
  }

  pauseOrResume() {
    const going = this.photos.filter((photo) => photo.state === "waiting" || ACTIVE.has(photo.state));
    if (going.length === 0) this.restart("paused");
    else for (const photo of going.reverse()) photo.pause(); // the waiting ones first, so that none of them begins
  }

  restart(kind) {
    for (const photo of this.photos) {
      const wanted = kind === "logged-out" ? photo.loggedOut : photo.state === kind;
      photo.loggedOut = false;
      if (wanted) photo.again();
    }
    this.next();
  }

  next() {
    while (this.sending < AT_ONCE) {
      const photo = this.photos.find((found) => found.state === "waiting");
      if (photo === undefined) return;
      this.sending += 1;
      this.send(photo).finally(() => {
        this.sending -= 1;
        this.next();
      });
    }
  }

  async send(photo) {
    try {
      await photo.send((found) => this.twinOf(found));
      if (photo.state === "safe") this.follow();
    } catch {
      photo.loggedOut = true; // the one error that a photo does not keep to itself
      this.onLoggedOut();
    }
  }

  twinOf(photo) {
    const fine = (state) => state !== "failed" && state !== "rejected" && state !== "expired" && state !== "duplicate";
    return this.photos.find((other) => other !== photo && other.sha256 === photo.sha256 && fine(other.state));
  }

  changed(photo) {
    this.list?.changed(photo);
    this.later();
  }

  later() {
    if (this.frame !== undefined) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = undefined;
      this.summarise();
    });
  }

  summarise() {
    find("#upload-panel").hidden = this.photos.length === 0 && this.skipped === 0;
    const counts = {};
    let [sent, size, speed] = [0, 0, 0];
    for (const photo of this.photos) {
      counts[photo.state] = (counts[photo.state] ?? 0) + 1;
      if (photo.state === "rejected" || photo.state === "duplicate") continue;
      sent += photo.token === null ? photo.sent : photo.file.size;
      size += photo.file.size;
      speed += photo.speed;
    }
    const sum = (...states) => states.reduce((total, state) => total + (counts[state] ?? 0), 0);
    const going = sum("waiting", "checking", "sending", "retrying");
    find("#upload-progress").max = size || 1;
    find("#upload-progress").value = sent;
    find("#upload-progress").hidden = going + sum("paused") === 0;
    find("#upload-speed").textContent = speed > 0 ? `${formatBytes(speed)}/s` : "";
    find("#pause-uploads").hidden = going + sum("paused") === 0;
    find("#pause-uploads").textContent = going > 0 ? "Pause all" : "Resume all";
    find("#retry-uploads").hidden = sum("failed") === 0;
    find("#clear-uploads").hidden = sum(...FINISHED) === 0;
    this.tell([
      [going, "to send"],
      [sum("paused"), "paused"],
      [sum("safe"), "safe, being processed"],
      [sum("processed", "expired"), "done"],
      [sum("duplicate"), "already here"],
      [sum("rejected", "failed"), "not taken"],
      [this.skipped, this.skipped === 1 ? "other file left out" : "other files left out"],
    ]);
  }

  tell(parts) {
    const text = parts.filter(([number]) => number > 0).map(([number, words]) => `${number} ${words}`).join(" · ");
    if (find("#upload-summary").textContent === text) return;
    find("#upload-summary").textContent = text;
    // A screen reader would be told of every photo of a folder: the last state within a while is enough.
    clearTimeout(this.telling);
    this.telling = setTimeout(() => announce(text), 1000);
  }
}
