// The upload part of the page: photos come in, go out a few at a time, and are followed until they are in the gallery.

import { find } from "./dom.js";
import { Aside } from "./uploads/aside.js";
import { follower } from "./uploads/following.js";
import { UploadList } from "./uploads/list.js";
import { UploadPanel } from "./uploads/panel.js";
import { ACTIVE, FINISHED, GOING, Photo, UNSAFE } from "./uploads/photo.js";
import { setUpPicking } from "./uploads/picking.js";
import { forgetThumbnail } from "./uploads/thumbnails.js";
import { Told } from "./uploads/told.js";
import { forgetAddresses } from "./uploads/transfer.js";

const AT_ONCE = 3;
const LOOK_MILLISECONDS = 1000;
const RECALL_MILLISECONDS = [10_000, 20_000, 60_000]; // a browser that is busy may not open its database at once

export class Uploads {
  /**
   * @param {Reach} reach whether the server can be reached
   * @param {string} key what came in before anybody was known is remembered under it
   * @param {() => void} onProcessed called when photos have come into the gallery, or were refused after all
   * @param {() => void} onLoggedOut called when the session has ended
   */
  constructor(reach, key, onProcessed, onLoggedOut) {
    this.reach = reach;
    this.key = key;
    this.onLoggedOut = onLoggedOut;
    this.photos = [];
    this.sending = 0;
    this.skipped = 0;
    this.owner = null;
    this.memory = null;
    this.aside = new Aside();
    this.told = new Told((found) => this.drop(found));
    this.list = new UploadList({ act: (photo) => this.act(photo), remove: (photo) => this.remove([photo]) });
    this.panel = new UploadPanel(() => this.list.later());
    this.follow = follower(() => this.photos.filter((photo) => photo.state === "safe"), onProcessed);
    setUpPicking((origins) => this.add(origins), (count) => this.skip(count));
    find("#clear-uploads").addEventListener("click", () => this.remove(this.photos.filter((photo) => FINISHED.has(photo.state))));
    find("#pause-uploads").addEventListener("click", () => this.pauseOrResume());
    find("#retry-uploads").addEventListener("click", () => this.restart("failed"));
    // What is remembered and does not go out now is as safe with the page as without it.
    const leavesSomething = (photo) => GOING.has(photo.state) || (UNSAFE.has(photo.state) && !photo.isRemembered);
    window.addEventListener("beforeunload", (event) => {
      if (this.photos.some(leavesSomething) || this.aside.forgettable.length > 0) event.preventDefault();
    });
  }

  /** Called when it is known who is here: what they had not sent comes back, what somebody else, or nobody, had here goes. */
  async know(customerId) {
    if (this.owner !== customerId) {
      this.leave();
      this.owner = customerId;
    }
    if (this.memory === null) await this.remembering();
    else await this.recall();
    if (this.owner !== customerId) return;
    this.add(this.aside.take(customerId).map(({ origin }) => origin));
    await this.askWhose([]);
  }

  async recall(tries = 0) {
    const { owner } = this;
    try {
      await this.memory.know(owner);
    } catch {
      const milliseconds = RECALL_MILLISECONDS[tries];
      if (milliseconds !== undefined) setTimeout(() => { if (owner === this.owner) this.recall(tries + 1); }, milliseconds);
    }
  }

  /** Has what is not sent outlive the page, where the browser can do that. */
  async remembering() {
    if (this.memory !== null || !navigator.locks || !window.indexedDB) return;
    // Nobody waits for this to see their photos.
    const [{ Memory }] = await Promise.all([import("./uploads/memory.js"), this.beginWaiting()]).catch(() => [{}]);
    if (this.memory !== null) return;
    for (const photo of this.aside.photos) photo.isUnremembered = true; // whose they are has gone
    if (Memory === undefined) {
      for (const photo of this.photos) photo.isUnremembered = true; // until the next ones come in
      this.later();
      return;
    }
    this.memory = new Memory(this.key, {
      onFound: (found) => this.waiting.take(found.filter((each) => !this.has(each))),
      onStrays: ({ fresh, late }) => {
        this.told.add({ late });
        this.askWhose(fresh);
      },
      onChange: () => this.later(),
    });
    for (const photo of this.photos) this.remember(photo);
    if (this.owner !== null) await this.recall();
  }

  async beginWaiting() {
    const { Waiting } = await import("./uploads/waiting.js");
    this.waiting ??= new Waiting((origins) => this.arrive(origins), (found) => this.drop(found), this.told);
  }

  /** @param {object[]} found what is remembered of photos that came in when nobody was known; there may be others in hand */
  async askWhose(found) {
    const inHand = this.aside.of(null).map((photo) => ({ ...photo.origin, id: photo }));
    if (found.length + inHand.length === 0) return;
    await this.beginWaiting().catch(() => {}); // until somebody is known the next time
    if (this.owner !== null) this.waiting?.askWhose([...found, ...inHand], { owner: this.owner, tab: this.memory?.tab });
  }

  arrive(origins) {
    this.aside.drop(origins.map(({ id }) => id));
    this.add(origins);
  }

  /** What was found is not wanted, or not there any more. */
  drop(found) {
    this.aside.drop(found.map(({ id }) => id));
    this.memory?.drop(found.filter(({ file }) => file === undefined));
  }

  /** Called when somebody has logged in: what waited for that goes on. */
  goOn() {
    this.restart("logged-out");
    for (const photo of this.photos) photo.hurry();
  }

  /** How many photos of whoever is here this page has that would be lost with their queue. */
  get unsent() {
    return this.photos.filter((photo) => UNSAFE.has(photo.state)).length + (this.waiting?.count ?? 0) + this.told.unread.length;
  }

  /** Whether photos would be lost with this page. */
  get wouldLose() {
    return this.aside.forgettable.length + this.forgettableOf(this.owner) > 0;
  }

  /** How many photos of a customer this page alone has. */
  forgettableOf(customerId) {
    return [...this.photos, ...this.aside.photos]
      .filter((photo) => photo.owner === customerId && photo.isUnremembered && UNSAFE.has(photo.state)).length;
  }

  /** How many other pages of this browser have, as far as they are remembered. */
  async countElsewhere() {
    return await this.memory?.countElsewhere().catch(() => 0) ?? 0;
  }

  /** Called when nobody is logged in any more: what goes out waits for somebody. */
  halt() {
    const going = this.photos.filter((photo) => GOING.has(photo.state));
    for (const photo of going.reverse()) photo.logOut(); // the waiting ones first, so that none of them begins
  }

  /** Called when somebody has signed out, here or in another tab: nothing of theirs stays. */
  async clear() {
    const { photos, owner } = this;
    this.part((photo) => photo.cancel());
    for (const each of [owner, null]) {
      this.aside.take(each);
      forgetAddresses(each);
    }
    await this.memory?.clear(photos).catch(() => {});
  }

  /** Whoever was here before has signed out in another tab. */
  forgetAside(customerId) {
    for (const photo of this.aside.take(customerId)) photo.record = undefined; // it is not written any more, either
  }

  /** Another customer sees and sends nothing of what is here; it waits for whose it is. */
  leave() {
    this.aside.put(this.photos);
    this.part(() => {});
  }

  part(end) {
    const { photos } = this;
    if (this.owner !== null) this.told.forget();
    this.owner = null;
    this.memory?.leave(photos);
    this.waiting?.clear();
    for (const photo of photos) {
      photo.isLeft = true;
      if (UNSAFE.has(photo.state)) photo.stop("failed");
      end(photo);
    }
    this.takeOff(photos);
  }

  /** @param {object[]} origins files, with what is remembered of them where they come back */
  add(origins) {
    const added = origins.map((origin) => this.photoOf(origin));
    this.photos.push(...added);
    this.list.show(this.photos);
    if (this.memory === null) this.remembering();
    for (const photo of added) this.remember(photo);
    this.later();
    this.next();
  }

  photoOf(origin) {
    const photo = new Photo(origin, this.reach, (changed) => this.changed(changed));
    photo.owner = this.owner;
    const { record } = origin;
    if (record === undefined) return photo;
    Object.assign(photo, { record, recordId: record.id, isRemembered: true, sendAnyway: record.sendAnyway ?? false,
      begun: record.begun ?? false, key: record.key ?? record.id });
    if (record.paused && UNSAFE.has(photo.state)) photo.set("paused");
    return photo;
  }

  has({ id }) {
    return this.waiting.has(id) || this.photos.some((photo) => photo.recordId === id);
  }

  remember(photo) {
    if (this.memory !== null) this.memory.note(photo);
    else photo.isUnremembered = !(navigator.locks && window.indexedDB);
  }

  skip(count) {
    this.skipped += count;
    this.later();
  }

  remove(photos) {
    for (const photo of photos) photo.cancel();
    for (const photo of photos) this.memory?.forget(photo);
    this.takeOff(photos);
  }

  takeOff(photos) {
    const gone = new Set(photos);
    for (const photo of gone) forgetThumbnail(photo.file);
    this.panel.leave(photos);
    this.photos = this.photos.filter((photo) => !gone.has(photo));
    this.list.show(this.photos);
    if (this.photos.length === 0) this.skipped = 0;
    this.later();
  }

  act(photo) {
    if (photo.state === "paused" || photo.state === "failed") photo.again();
    else if (photo.state === "duplicate") photo.sendAgain();
    else photo.pause();
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
      if (!wanted) continue;
      photo.loggedOut = false;
      photo.again();
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
      if (this.memory === null && photo.token !== null) await photo.transfer?.forgetAddress();
    } catch {
      this.onLoggedOut(); // the one error that a photo does not keep to itself
    }
  }

  twinOf(photo) {
    const fine = (state) => state !== "failed" && state !== "rejected" && state !== "expired" && state !== "duplicate";
    return this.photos.find((other) => other !== photo && other.sha256 === photo.sha256 && fine(other.state));
  }

  changed(photo) {
    this.list?.changed(photo);
    this.memory?.note(photo);
    this.later();
  }

  later() {
    if (this.frame !== undefined) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = undefined;
      this.summarise();
    });
  }

  /** While photos go out, the time that is left is told every second, also of a line on which nothing moves. */
  summarise() {
    const isGoing = this.panel.show(this.photos, this.skipped, this.reach.isLost);
    this.told.setAside(this.aside.forgettable.filter(({ owner }) => owner !== null && owner !== this.owner).map(({ file }) => file));
    clearTimeout(this.looking);
    if (isGoing) this.looking = setTimeout(() => this.later(), LOOK_MILLISECONDS);
  }
}
