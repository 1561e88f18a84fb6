// Photos that came back, or in, and wait for a word: for the permission to read them again, or whether they are meant at all.

import { find } from "../dom.js";
import { bytesOf, change, essence } from "./remembered.js";

const READ_AGAIN_MILLISECONDS = 2000;
const LOST = {
  bytes: new Set(["NotFoundError", "NotReadableError", "DataError"]), // so browsers call it where a file of theirs is damaged
  handle: new Set(["NotFoundError"]),
};

const said = (count, one, more) => (count === 1 ? `1 photo ${one}` : `${count} photos ${more}`);
const isApp = () => matchMedia("(display-mode: standalone)").matches;

/** A question about photos, with a button for yes and one for no. */
class Question {
  constructor(selector, { words, yes, no }) {
    this.element = find(selector);
    this.words = words;
    this.found = [];
    const [agree, refuse] = this.element.querySelectorAll("button");
    agree.addEventListener("click", () => yes(this.taken()));
    refuse.addEventListener("click", () => no(this.taken()));
  }

  ask(found) {
    this.found.push(...found);
    find("p", this.element).textContent = this.words(this.found.length);
    this.element.hidden = this.found.length === 0;
  }

  taken() {
    const { found } = this;
    this.found = [];
    this.ask([]);
    return found;
  }
}

export class Waiting {
  /**
   * @param {(origins: object[]) => void} onReady told of photos that can be sent: each with its file and what was remembered
   * @param {(found: object[]) => void} onDropped told of what is not wanted
   * @param {Told} told says which photos cannot be read
   */
  constructor(onReady, onDropped, told) {
    this.onReady = onReady;
    this.onDropped = onDropped;
    this.told = told;
    this.readings = new Map(); // ended where somebody else is here before a file is
    this.belonging = {};
    this.permission = new Question("#upload-permission", {
      words: (count) => `${said(count, "is", "are")} not sent yet. Your browser will ask whether this page may read ${count === 1 ? "it" : "them"} again.`,
      yes: (found) => this.permit(found),
      no: onDropped,
    });
    this.shared = new Question("#upload-shared", {
      words: (count) => `${said(count, "was", "were")} shared with this page. Send ${count === 1 ? "it" : "them"} to your gallery?`,
      yes: (found) => this.agree(found, { shared: false }),
      no: onDropped,
    });
    this.strays = new Question("#upload-strays", {
      words: (count) => `${said(count, "has", "have")} come in here while nobody was logged in. `
        + `Send ${count === 1 ? "it" : "them"} to the gallery of ${find("#account-name").textContent}?`,
      yes: (found) => this.agree(found, { shared: false, ...this.belonging }),
      no: onDropped,
    });
  }

  get count() {
    return this.all.length;
  }

  get all() {
    return [...this.permission.found, ...this.shared.found, ...this.strays.found];
  }

  has(id) {
    return [this.all, ...this.readings.values()].some((found) => found.some((each) => each.id === id)) || this.told.has(id);
  }

  /** Another site may have made the browser share something with a page, but not with the installed application. */
  take(found) {
    const isAsked = (each) => each.shared && !isApp();
    this.shared.ask(found.filter(isAsked));
    this.read(found.filter((each) => !isAsked(each)));
  }

  /**
   * Somebody is here now; whether what came in before is theirs they alone know.
   * @param {{owner: string, tab: string}} belonging what they would be remembered with
   */
  askWhose(found, belonging) {
    this.belonging = belonging;
    this.strays.ask(found.filter(({ id }) => !this.has(id)));
  }

  clear() {
    this.readings.clear();
    for (const question of [this.permission, this.shared, this.strays]) question.taken();
  }

  async read(found) {
    const reading = Symbol("reading");
    this.readings.set(reading, found);
    const [ready, closed, lost, unread] = [[], [], [], []];
    for (const each of found) {
      const file = await fileOf(each);
      if (file === null) closed.push(each);
      else if (file === LOST) lost.push(each);
      else if (file === undefined) unread.push(each);
      else ready.push({ ...each, file, record: each });
    }
    if (!this.readings.delete(reading)) return;
    if (ready.length > 0) this.onReady(ready);
    if (closed.length > 0) this.permission.ask(closed);
    this.told.add({ lost, unread });
  }

  /** Nobody asks again, whatever becomes of the page. Some may not be remembered, but in hand. */
  async agree(found, part) {
    const isInHand = ({ file }) => file !== undefined;
    if (found.some(isInHand)) this.onReady(found.filter(isInHand));
    const remembered = found.filter((each) => !isInHand(each));
    await Promise.all(remembered.map(({ id }) => change(id, part).catch(() => {})));
    await this.read(remembered.map((each) => ({ ...each, ...part })));
  }

  /** A browser asks once for a folder, and once for all files that it let a page read before. */
  async permit(found) {
    for (const handle of new Set(found.map(({ root, handle: own }) => root ?? own))) {
      await handle.requestPermission({ mode: "read" }).catch(() => {});
    }
    await this.read(found);
  }
}

/**
 * The file; null where the browser wants to ask before, LOST where there is none any more. A database that is closed, or a disk
 * that is busy, is no loss: undefined where it cannot be read now, nor in a moment.
 */
async function fileOf(found) {
  const kind = found.handle === undefined ? "bytes" : "handle";
  for (const isLast of [false, true]) {
    try {
      return await (kind === "bytes" ? fileOfBytes(found) : fileOfHandle(found));
    } catch (error) {
      if (LOST[kind].has(error?.name)) return LOST;
      if (!isLast) await new Promise((resolve) => { setTimeout(resolve, READ_AGAIN_MILLISECONDS); });
    }
  }
  return undefined;
}

async function fileOfBytes({ id, ...rest }) {
  const bytes = await bytesOf(id);
  if (bytes === undefined) return LOST;
  await bytes.slice(0, 1).arrayBuffer(); // what is lost may be there by name
  const { name, type, lastModified } = essence(rest);
  return new File([bytes], name, { type, lastModified });
}

async function fileOfHandle({ handle, root }) {
  if (await (root ?? handle).queryPermission({ mode: "read" }) !== "granted") return null;
  return await handle.getFile();
}
