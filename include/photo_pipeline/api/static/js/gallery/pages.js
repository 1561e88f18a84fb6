// The pages of a list, one after the other. A page that cannot be had is tried again until it can.

import { PAGE_LENGTH, photos } from "../api.js";
import { Retrying } from "../retrying.js";

export class Pages {
  /**
   * @param {object} list which one: its order, and what is asked for
   * @param {(page: object) => void} onPage given each page, in order; those without photos alone where it is the last
   * @param {(trouble: ApiError|null, retry: () => void) => void} onTrouble told why there is none, and when that is over
   * @param {() => void} onLoggedOut called when the session has ended
   */
  constructor(list, onPage, onTrouble, onLoggedOut) {
    Object.assign(this, { list, onPage, onTrouble, onLoggedOut });
    this.cursor = null;
    this.limit = PAGE_LENGTH;
    this.atEnd = false;
    this.loading = null;
    this.retrying = new Retrying(() => this.fetch(), (trouble) => this.onTrouble(trouble, () => this.retrying.now()),
      this.onLoggedOut);
  }

  get hasStopped() {
    return this.retrying.stopped;
  }

  stop() {
    this.retrying.stop();
  }

  /** The next page, unless it is on its way. */
  more() {
    if (this.atEnd || this.hasStopped) return Promise.resolve();
    this.loading ??= this.load().finally(() => { this.loading = null; });
    return this.loading;
  }

  async load() {
    const page = await this.retrying.run();
    if (page === undefined) return;
    this.cursor = page.next_cursor;
    this.atEnd = page.next_cursor === null;
    // Among very many photos the next one that fits may be far away.
    if (page.photos.length === 0 && !this.atEnd) await this.load();
    else this.onPage(page);
  }

  async fetch() {
    try {
      return await photos({ cursor: this.cursor, limit: this.limit, ...this.list });
    } catch (error) {
      // A place that the server does not know any more: what is there already is not shown twice.
      if (error.status !== 422 || this.cursor === null) throw error;
      return photos(this.list);
    }
  }
}
