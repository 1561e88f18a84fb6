// What this browser remembers of photos that are not sent yet, each customer's apart. Pages and the service worker use it.
//
// A photo is known by its file's handle where the browser has one, and else by its bytes. It belongs to one tab at a time.

import { openDB } from "/packages/idb/index.js";

const NAME = "photo-queue";
const MOST_BYTES = 2 * 1024 ** 3;
const SHARE_OF_ROOM = 0.5; // the rest is for whatever else there is of this site, and of others
const KEPT_MILLISECONDS = 7 * 24 * 3600 * 1000;
const PATIENCE_MILLISECONDS = 5000; // some browsers never say what became of opening a database
const UNOWNED_MILLISECONDS = 3600 * 1000; // later somebody else may be here
const LAST = "last customer";
const USED = "bytes";

/** The tab that photos belong to which came in without one. */
export const NO_TAB = "no tab";
/** The customer of photos that came in when nobody was known; whoever has the key may take them. */
export const unowned = (key) => `nobody:${key}`;

/** A question without an owner would be answered with everybody's. */
const of = (owner) => IDBKeyRange.only(owner);

let opened = null;

function database() {
  opened ??= orTooLate(openDB(NAME, 1, {
    upgrade(db) {
      db.createObjectStore("photos", { keyPath: "id" }).createIndex("owner", "owner");
      db.createObjectStore("bytes");
      db.createObjectStore("known");
    },
    blocking(_current, _blocked, event) {
      event.target.close();
      opened = null;
    },
    terminated() { opened = null; },
  }));
  opened.catch(() => { opened = null; });
  return opened;
}

/** Nobody signs out, and no photo is told that it is not remembered, before this is known. */
function orTooLate(opening) {
  const tooLate = new Promise((_, reject) => {
    setTimeout(() => reject(new Error("The browser does not open its database.")), PATIENCE_MILLISECONDS);
  });
  return Promise.race([opening, tooLate]);
}

/**
 * Remembers a photo.
 * @param {object} photo id, owner, tab, at, and what else it takes to send it, with the handle if there is one
 * @param {Blob|null} bytes where there is no handle
 * @returns {Promise<boolean>} false where there is no room for it
 */
export async function remember(photo, bytes) {
  const kept = bytes?.size ?? 0;
  const { quota = Infinity, usage = 0 } = await navigator.storage.estimate();
  const transaction = (await database()).transaction(["photos", "bytes", "known"], "readwrite");
  const used = await transaction.objectStore("known").get(USED) ?? 0;
  if (kept > 0 && !fits(kept, used, quota - usage)) return false;
  const writes = [
    transaction.objectStore("photos").put({ ...photo, kept }),
    transaction.objectStore("known").put(used + kept, USED),
  ];
  if (bytes !== null) writes.push(transaction.objectStore("bytes").put(bytes, photo.id));
  try {
    await Promise.all([...writes, transaction.done]);
  } catch (error) {
    if (error?.name === "QuotaExceededError") return false;
    throw error;
  }
  return true;
}

/** Whether so many bytes more are within what is remembered at most, and within half of what the browser has left. */
export const fits = (size, used, left) => used + size <= MOST_BYTES && size <= left * SHARE_OF_ROOM;

/** Changes what is known of a photo, if it is still remembered. */
export async function change(id, part) {
  const transaction = (await database()).transaction("photos", "readwrite");
  const photo = await transaction.store.get(id);
  if (photo !== undefined) transaction.store.put({ ...photo, ...part });
  await transaction.done;
}

export async function forget(ids) {
  await forgetAll(await database(), ids);
}

async function forgetAll(db, ids) {
  if (ids.length === 0) return;
  const transaction = db.transaction(["photos", "bytes", "known"], "readwrite");
  const [photos, bytes, known] = ["photos", "bytes", "known"].map((name) => transaction.objectStore(name));
  let used = await known.get(USED) ?? 0;
  for (const id of ids) {
    used -= (await photos.get(id))?.kept ?? 0;
    photos.delete(id);
    bytes.delete(id);
  }
  known.put(used, USED);
  await transaction.done;
}

/** All of a customer's, and that they were here. */
export async function forgetCustomer(owner) {
  const db = await database();
  await forgetAll(db, await db.getAllKeysFromIndex("photos", "owner", of(owner)));
  if (await db.get("known", LAST) === owner) await db.delete("known", LAST);
}

/** The customer who was here last and has not signed out, if any. */
export async function lastCustomer() {
  return (await database()).get("known", LAST);
}

/** How many of a customer's photos other tabs have than this one. */
export async function countElsewhere(owner, tab) {
  const photos = await (await database()).getAllFromIndex("photos", "owner", of(owner));
  return photos.filter((photo) => photo.tab !== tab).length;
}

/** Somebody is here: what this browser is given from now on is theirs. */
export async function welcome(owner) {
  await (await database()).put("known", owner, LAST);
}

/**
 * What came in under this key when nobody was known; it is nobody's until somebody says that it is theirs.
 * @returns {Promise<{fresh: object[], late: object[]}>} the latter came in too long ago for that
 */
export async function strays(key) {
  const found = await (await database()).getAllFromIndex("photos", "owner", of(unowned(key)));
  const isLate = ({ at }) => Date.now() - at > UNOWNED_MILLISECONDS;
  return { fresh: found.filter((each) => !isLate(each)).sort(inOrder), late: found.filter(isLate) };
}

/** What others never came back for. Whoever does still finds theirs, however late it is, or the clock says that it is. */
export async function forgetOld(owner) {
  const db = await database();
  const isOld = (photo) => photo.owner !== owner && Date.now() - photo.at > KEPT_MILLISECONDS;
  await forgetAll(db, (await db.getAll("photos")).filter(isOld).map(({ id }) => id));
}

/** The tabs that a customer's photos belong to. */
export async function tabsOf(owner) {
  const photos = await (await database()).getAllFromIndex("photos", "owner", of(owner));
  return new Set(photos.map(({ tab }) => tab));
}

/** Gives all of a customer's photos that belong to one tab to another one, at once, so that only one of them has them. */
export async function take(owner, from, to) {
  const transaction = (await database()).transaction("photos", "readwrite");
  const photos = (await transaction.store.index("owner").getAll(of(owner))).filter(({ tab }) => tab === from);
  for (const photo of photos) transaction.store.put({ ...photo, tab: to });
  await transaction.done;
  return photos.sort(inOrder);
}

const inOrder = (one, other) => one.at - other.at || one.number - other.number;

/** The bytes of a photo that is known by them. */
export async function bytesOf(id) {
  return (await database()).get("bytes", id);
}

/**
 * Remembers what a phone has shared, for whoever was here last; for whoever has the key, where nobody was.
 * @returns {Promise<boolean>} whether there was room for all of it
 */
export async function keepShared(files, key) {
  const owner = await lastCustomer() ?? unowned(key);
  let all = true;
  for (const [number, file] of files.entries()) {
    const record = { ...essence(file), id: crypto.randomUUID(), owner, tab: NO_TAB, at: Date.now(), number, shared: true };
    if (await remember(record, file)) continue;
    all = false;
    await remember(record, null); // so that the page can name it
  }
  return all;
}

export const essence = ({ name, size, type, lastModified }) => ({ name, size, type, lastModified });
