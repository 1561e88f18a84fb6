// Sees to it that photos that are not safe yet outlive their page, and brings back those of pages that are gone.
//
// A page holds a lock for as long as it lives: whose lock is free, its photos are anybody's of the same customer.

import { UNSAFE } from "./photo.js";
import * as remembered from "./remembered.js";

const LOCK = "photo-queue";

const essenceOf = (photo) => ({
  paused: photo.state === "paused" && !photo.loggedOut, sendAnyway: photo.sendAnyway, begun: photo.begun, key: photo.key,
});
const differs = (one, other) => Object.keys(one).some((name) => one[name] !== other[name]);

export class Memory {
  /**
   * @param {string} key what came in before anybody was known is remembered under it
   * @param {(found: object[]) => void} onFound told of photos that pages that are gone have left
   * @param {(found: {fresh: object[], late: object[]}, owner: string) => void} onStrays told of what came in when nobody was known
   * @param {() => void} onChange told that a photo is remembered, or cannot be
   */
  constructor(key, { onFound, onStrays, onChange }) {
    this.key = key;
    this.onFound = onFound;
    this.onStrays = onStrays;
    this.onChange = onChange;
    this.owner = remembered.unowned(key);
    this.tab = crypto.randomUUID();
    this.writing = Promise.resolve();
    this.number = 0;
    this.isThere = null;
  }

  /** Somebody is here: what they had not sent comes back, now or when the tab that has it is gone. */
  async know(owner) {
    this.owner = owner;
    await this.writing.catch(() => {});
    await remembered.welcome(owner);
    await this.begin();
    await this.bringBack(owner, this.tab);
    const strays = await remembered.strays(this.key);
    if (owner !== this.owner) return;
    this.onStrays(strays, owner);
    for (const tab of await remembered.tabsOf(owner)) {
      if (tab === this.tab) continue;
      navigator.locks.request(`${LOCK} ${tab}`, () => this.bringBack(owner, tab)).catch(() => {});
    }
    await remembered.forgetOld(owner);
  }

  async bringBack(owner, tab) {
    if (owner !== this.owner) return;
    const found = await remembered.take(owner, tab, this.tab);
    if (found.length > 0 && owner === this.owner) this.onFound(found);
  }

  /** Others see by the lock that this page is there. */
  begin() {
    this.isThere ??= new Promise((resolve, reject) => {
      navigator.locks.request(`${LOCK} ${this.tab}`, () => {
        resolve();
        return new Promise(() => {}); // as long as the page lives
      }).catch(reject);
    });
    return this.isThere;
  }

  /** To be called with every change of a photo's state. */
  note(photo) {
    if (photo.isLeft) return;
    const isWanted = UNSAFE.has(photo.state);
    if (!isWanted) this.forget(photo);
    else if (photo.record === undefined) this.add(photo);
    else if (differs(essenceOf(photo), photo.record)) this.rewrite(photo);
  }

  /** One after the other: what is sent before its turn comes is not written at all. */
  add(photo) {
    const { owner } = this;
    const { handle, root } = photo.origin;
    const id = crypto.randomUUID();
    photo.recordId = id;
    photo.record = { ...remembered.essence(photo.file), ...essenceOf(photo), ...(handle && { handle }), ...(root && { root }), id, owner,
      tab: this.tab, at: Date.now(), number: this.number++ };
    photo.written = this.writing = this.writing.catch(() => {}).then(async () => {
      if (photo.record === undefined) return;
      await this.begin();
      // Whoever has left since is its owner all the same.
      const record = photo.isLeft ? photo.record : { ...photo.record, owner: this.owner };
      photo.isRemembered = await remembered.remember(record, handle ? null : photo.file);
      photo.isUnremembered = !photo.isRemembered;
    }).catch(() => { photo.isUnremembered = true; }).finally(() => this.onChange());
  }

  rewrite(photo) {
    const part = essenceOf(photo);
    Object.assign(photo.record, part);
    photo.written = Promise.resolve(photo.written).then(() => remembered.change(photo.record?.id, part)).catch(() => {});
  }

  /** It is safe, refused or not wanted any more. Only when nothing here knows it is its address at the server let go. */
  async forget(photo) {
    const { record, token, transfer } = photo;
    photo.record = undefined;
    photo.isUnremembered = false;
    await photo.written;
    if (record !== undefined) await remembered.forget([record.id]).catch(() => {});
    if (token !== null) await transfer?.forgetAddress();
  }

  /** What was found is not wanted. */
  drop(found) {
    remembered.forget(found.map(({ id }) => id)).catch(() => {});
  }

  /** Photos that are no matter of this page any more, but of their customer's: also those that are yet to be written. */
  leave(photos) {
    for (const photo of photos) {
      photo.isLeft = true;
      if (photo.record !== undefined) photo.record = { ...photo.record, owner: this.owner };
    }
  }

  /** Somebody signs out: nothing of theirs stays. */
  async clear(photos) {
    this.leave(photos);
    for (const photo of photos) photo.record = undefined;
    const { owner } = this;
    this.owner = remembered.unowned(this.key);
    await this.writing.catch(() => {});
    await remembered.forgetCustomer(owner);
    await remembered.forgetCustomer(this.owner); // what nobody had said to be theirs
  }

  /** How many photos other pages of the same customer have. */
  countElsewhere() {
    return remembered.countElsewhere(this.owner, this.tab);
  }
}
