// What the tabs of one browser tell one another, and what a tab is opened with.

const CHANNEL = "photo-session";
const KEY = "photo-queue-key";
const IS_KEY = /^[0-9a-f-]{36}$/;

/** Somebody has signed out, or closed the account. */
export const SIGNED_OUT = "signed out";

/** Under which a browser's tabs find the customer who has the session. */
export const WHO_KEY = "photo-customer";

/** Has a page that shows somebody's begin anew where another tab has logged somebody else in: it would act as them. */
export function followCustomer() {
  window.addEventListener("storage", ({ key, oldValue, newValue }) => {
    if (key === WHO_KEY && newValue !== null && newValue !== oldValue) location.reload();
  });
}

export class Tabs {
  /** @param {(what: string, customerId: string) => void} onTold told what happened in another tab, and to whom */
  constructor(onTold = () => {}) {
    this.channel = new BroadcastChannel(CHANNEL);
    this.channel.addEventListener("message", ({ data: { what, customerId } }) => onTold(what, customerId));
  }

  tell(what, customerId) {
    this.channel.postMessage({ what, customerId });
  }
}

/**
 * What this tab was opened with: the key of what was shared with it, or why that was not taken. The key stays in the tab.
 * @returns {{key: string, notTaken: string|null}}
 */
export function sharedFrom(location, storage) {
  const url = new URL(location.href);
  const shared = url.searchParams.get("shared");
  if (shared !== null) {
    url.searchParams.delete("shared");
    history.replaceState(history.state, "", url);
  }
  const isKey = shared !== null && IS_KEY.test(shared);
  const key = isKey ? shared : storage.getItem(KEY) ?? newKey();
  storage.setItem(KEY, key);
  return { key, notTaken: isKey ? null : shared };
}

/** Where a browser makes no ids it remembers nothing, either. */
const newKey = () => crypto.randomUUID?.() ?? "";
