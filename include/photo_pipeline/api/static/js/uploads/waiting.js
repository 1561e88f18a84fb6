// Photos that came back, or in, and wait for a word: for the permission to read them again, or whether they are meant at all.

import { find } from "../dom.js";
import { bytesOf, change, essence } from "./remembered.js";

const NOT_TAKEN = {
  none: "The photos that you shared could not be taken over. Please share them again, or choose them here.",
  full: "Not all photos that you shared could be kept: this browser has no room for them. Please choose them here.",
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
   * @param {(found: object[]) => void} onDropped told of what is not wanted, or not there any more
   */
  constructor(onReady, onDropped) {
    this.onReady = onReady;
    this.onDropped = onDropped;
    this.readings = new Set(); // ended where somebody else is here before a file is
    this.permission = new Question("#upload-permission", {
      words: (count) => `${said(count, "is", "are")} not sent yet. Your browser will ask whether this page may read ${count === 1 ? "it" : "them"} again.`,
      yes: (found) => this.permit(found),
      no: onDropped,
    });
    this.shared = new Question("#upload-shared", {
      words: (count) => `${said(count, "was", "were")} shared with this page. Send ${count === 1 ? "it" : "them"} to your gallery?`,
      yes: (found) => this.agree(found),
      no: onDropped,
    });
  }

  get count() {
    return this.all.length;
  }

  get all() {
    return [...this.permission.found, ...this.shared.found];
  }

  has(id) {
    return this.all.some((found) => found.id === id);
  }

  /** Another site may have made the browser share something with a page, but not with the installed application. */
  take(found) {
    const isAsked = (each) => each.shared && !isApp();
    this.shared.ask(found.filter(isAsked));
    this.read(found.filter((each) => !isAsked(each)));
  }

  clear() {
    this.readings.clear();
    this.permission.taken();
    this.shared.taken();
  }

  async read(found) {
    const reading = Symbol("reading");
    this.readings.add(reading);
    const [ready, closed, gone] = [[], [], []];
    for (const each of found) {
      const file = await fileOf(each);
      if (file === null) closed.push(each);
      else if (file === undefined) gone.push(each);
      else ready.push({ ...each, file, record: each });
    }
    if (!this.readings.delete(reading)) return;
    if (ready.length > 0) this.onReady(ready);
    if (closed.length > 0) this.permission.ask(closed);
    if (gone.length > 0) this.tell(gone);
  }

  /** Nobody asks again, whatever becomes of the page. */
  async agree(found) {
    await Promise.all(found.map(({ id }) => change(id, { shared: false }).catch(() => {})));
    await this.read(found.map((each) => ({ ...each, shared: false })));
  }

  /** A browser asks once for a folder, and once for all files that it let a page read before. */
  async permit(found) {
    for (const handle of new Set(found.map(({ root, handle: own }) => root ?? own))) {
      await handle.requestPermission({ mode: "read" }).catch(() => {});
    }
    await this.read(found);
  }

  tell(gone) {
    this.onDropped(gone);
    say(`${said(gone.length, "was", "were")} not sent, and cannot be found any more: ${gone.slice(0, 3).map(({ name }) => name).join(", ")}`
      + `${gone.length > 3 ? " …" : ""}. Please choose again.`);
  }
}

/** Says why shared photos are not there, where they are not. */
export function tellNotTaken(what) {
  if (Object.hasOwn(NOT_TAKEN, what)) say(NOT_TAKEN[what]);
}

function say(text) {
  const notice = find("#upload-gone");
  find("p", notice).textContent = text;
  find("button", notice).onclick = () => { notice.hidden = true; };
  notice.hidden = false;
}

/** The file; null where the browser wants to ask before, undefined where there is none any more, or none that can be read. */
async function fileOf({ id, handle, root, ...rest }) {
  try {
    if (handle === undefined) {
      const bytes = await bytesOf(id);
      const { name, type, lastModified } = essence(rest);
      return bytes && new File([bytes], name, { type, lastModified });
    }
    if (await (root ?? handle).queryPermission({ mode: "read" }) !== "granted") return null;
    return await handle.getFile();
  } catch {
    return undefined;
  }
}
