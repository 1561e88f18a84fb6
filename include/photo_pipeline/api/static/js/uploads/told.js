// What somebody has to know of photos that were not sent, until they close it: one thing does not hide another.

import { find } from "../dom.js";

const MOST_NAMES = 3;
const NOT_TAKEN = {
  none: "The photos that you shared could not be taken over. Please share them again, or choose them here.",
  full: "Not all photos that you shared could be kept: this browser has no room for them. Please choose them here.",
  empty: "There was no file in what was shared. Please share photos, or choose them here.",
};

const said = (found, one, more) => (found.length === 1 ? `1 photo ${one}` : `${found.length} photos ${more}`);

function named(found) {
  const more = found.length - MOST_NAMES;
  return found.slice(0, MOST_NAMES).map(({ name }) => name).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

export class Told {
  /** @param {(found: object[]) => void} onClosed told of photos whose loss is known now: nothing of them is needed any more */
  constructor(onClosed) {
    this.element = find("#upload-gone");
    this.text = find("p", this.element);
    this.forget();
    find("button", this.element).addEventListener("click", () => {
      const { lost, late, asideAtLast } = this;
      this.forget();
      this.asideAtLast = asideAtLast;
      onClosed([...lost, ...late]);
    });
  }

  /** It is not for whoever is here now. */
  forget() {
    Object.assign(this, { lost: [], late: [], unread: [], aside: [], asideAtLast: 0, notTaken: null });
    this.show();
  }

  /** @param {object} found names of photos, by what became of them: `lost`, `late` or `unread` */
  add(found) {
    for (const [kind, more] of Object.entries(found)) {
      const known = new Set(this[kind].map(({ id }) => id));
      this[kind] = [...this[kind], ...more.filter(({ id }) => !known.has(id))];
    }
    this.show();
  }

  /** @param {object[]} found all photos of others that this page alone has */
  setAside(found) {
    if (found.length === this.asideAtLast) return;
    this.asideAtLast = found.length;
    this.aside = found;
    this.show();
  }

  /** Says why shared photos are not there, where they are not. */
  tellNotTaken(what) {
    this.notTaken = NOT_TAKEN[what] ?? null;
    this.show();
  }

  has(id) {
    return [this.lost, this.unread].some((found) => found.some((each) => each.id === id));
  }

  show() {
    const text = [...this.sentences()].join(" ");
    if (this.text.textContent !== text) this.text.textContent = text;
    this.element.hidden = text === "";
  }

  * sentences() {
    const { lost, late, unread, aside, notTaken } = this;
    if (notTaken !== null) yield notTaken;
    if (lost.length > 0) yield `${said(lost, "was", "were")} not sent, and cannot be found any more: ${named(lost)}. Please choose again.`;
    if (late.length > 0) {
      yield `${said(late, "has", "have")} come in when nobody was logged in, more than an hour ago, and ${late.length === 1 ? "is" : "are"} not sent. Please choose again.`;
    }
    if (unread.length > 0) yield `${said(unread, "is", "are")} not sent, and cannot be read just now: ${named(unread)}. Load this page again.`;
    if (aside.length > 0) {
      yield `${said(aside, "of the account that was here before is", "of the account that was here before are")} not sent, and this browser `
        + `had no room to remember ${aside.length === 1 ? "it" : "them"}: ${named(aside)}. Keep this page open, and log in here with that `
        + "account again; or choose again then.";
    }
  }
}
