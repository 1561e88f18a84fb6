// What the tabs of one browser tell one another, and what a tab is opened with.

import { find } from "./dom.js";

const CHANNEL = "photo-session";
const KEY = "photo-queue-key";
const IS_KEY = /^[0-9a-f-]{36}$/;

const HOW_MANY = "how many";
const SO_MANY = "so many";
const ANSWER_MILLISECONDS = 300;

/** Somebody has signed out, or closed the account. */
export const SIGNED_OUT = "signed out";

/** Somebody has logged in. */
export const LOGGED_IN = "logged in";

/** Photos were put into the bin, or taken out of it. What has done that says so with the event `MOVED`. */
export const [DELETED, BROUGHT_BACK] = ["deleted", "brought back"];
export const MOVED = "photos-moved";

export function tellMoved(what, photos) {
  document.dispatchEvent(new CustomEvent(MOVED, { detail: { what, photoIds: photos.map((photo) => photo.photo_id) } }));
}

/** Under which a browser's tabs find the customer who has the session. */
export const WHO_KEY = "photo-customer";

/** What is said before what is not sent is forgotten. */
export const notSent = (count) => (count === 1 ? "1 photo is not sent yet" : `${count} photos are not sent yet`);

/**
 * Has a page that shows somebody's begin anew where another tab has logged somebody else in: it would act as them. So does one
 * that waits for a session.
 * @param {() => void} onSignedOut called when they have signed out in another tab
 */
export function followCustomer(onSignedOut) {
  new Tabs(({ what }) => {
    const isWaiting = find("#application").hidden;
    if (what === SIGNED_OUT && !isWaiting) onSignedOut();
    if (what === LOGGED_IN && isWaiting) location.reload();
  });
  window.addEventListener("storage", ({ key, oldValue, newValue }) => {
    if (key === WHO_KEY && newValue !== null && newValue !== oldValue) location.reload();
  });
}

export class Tabs {
  /**
   * @param {(told: {what: string, customerId: string, photoIds: string[]}) => void} onTold told what happened in another tab, to
   *   whom, and to which photos
   * @param {(customerId: string) => number} count how many photos of a customer this tab alone has
   */
  constructor(onTold = () => {}, count = () => 0) {
    this.channel = new BroadcastChannel(CHANNEL);
    this.channel.addEventListener("message", ({ data }) => {
      const { what, customerId } = data;
      if (what === HOW_MANY) this.channel.postMessage({ what: SO_MANY, customerId, number: count(customerId) });
      else if (what !== SO_MANY) onTold(data);
    });
  }

  tell(what, customerId, photoIds = []) {
    this.channel.postMessage({ what, customerId, photoIds });
  }

  /** How many photos of a customer other tabs have that nothing else knows of. They have a moment to say so. */
  async countOthers(customerId) {
    let sum = 0;
    const hear = ({ data }) => { if (data.what === SO_MANY && data.customerId === customerId) sum += data.number; };
    this.channel.addEventListener("message", hear);
    this.tell(HOW_MANY, customerId);
    await new Promise((resolve) => { setTimeout(resolve, ANSWER_MILLISECONDS); });
    this.channel.removeEventListener("message", hear);
    return sum;
  }
}

/**
 * What this tab was opened with: the key of what was shared with it, or why that was not taken. The key stays in the tab.
 * @returns {{key: string, isShared: boolean, notTaken: string|null}}
 */
export function sharedFrom(location, storage) {
  const url = new URL(location.href);
  const [shared, left] = ["shared", "left"].map((name) => url.searchParams.get(name));
  if (shared !== null) {
    url.searchParams.delete("shared");
    url.searchParams.delete("left");
    history.replaceState(history.state, "", url);
  }
  const isKey = shared !== null && IS_KEY.test(shared);
  const key = isKey ? shared : storage.getItem(KEY) ?? newKey();
  storage.setItem(KEY, key);
  return { key, isShared: isKey, notTaken: isKey ? left : shared };
}

/** Where a browser makes no ids it remembers nothing, either. */
const newKey = () => crypto.randomUUID?.() ?? "";
