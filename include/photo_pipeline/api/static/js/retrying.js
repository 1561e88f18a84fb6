// Work that goes on until it succeeds: it waits longer after each failure, for as long as the server asks, and no longer
// than until the connection is back.

import { ApiError } from "./api.js";

const FIRST_MILLISECONDS = 1000;
const LONGEST_MILLISECONDS = 60 * 1000;
const LONGEST_ASKED_MILLISECONDS = 10 * 60 * 1000;

export class Retrying {
  /**
   * @param {() => Promise} work what is to be done
   * @param {(trouble: ApiError|null) => void} onTrouble told of every failure, and with null once it is over
   * @param {(() => void)|null} onLoggedOut called when the session has ended, which stops it; without one that is thrown
   */
  constructor(work, onTrouble, onLoggedOut = null) {
    this.work = work;
    this.onTrouble = onTrouble;
    this.onLoggedOut = onLoggedOut;
    this.stopped = false;
    this.wake = null;
  }

  /**
   * @returns what the work came to; undefined where it was stopped before
   * @throws {ApiError} with status 401 when the session has ended and nobody is called for that
   */
  async run() {
    for (let failures = 1; !this.stopped; failures += 1) {
      try {
        const result = await this.work();
        if (failures > 1 && !this.stopped) this.onTrouble(null);
        return this.stopped ? undefined : result;
      } catch (error) {
        if (this.stopped) return undefined;
        if (error.status === 401 && this.onLoggedOut !== null) {
          this.stopped = true;
          this.onLoggedOut();
          return undefined;
        }
        if (!(error instanceof ApiError) || error.status === 401) throw error;
        this.onTrouble(error);
        await this.pause(error, failures);
      }
    }
    return undefined;
  }

  /** Tries again at once. */
  now() {
    this.wake?.();
  }

  stop() {
    this.stopped = true;
    this.now();
  }

  /** What is no matter of time waits until somebody asks. */
  pause(error, failures) {
    return new Promise((resolve) => {
      const timer = error.isTemporary ? setTimeout(() => this.now(), milliseconds(error, failures)) : undefined;
      const online = () => this.now();
      window.addEventListener("online", online);
      this.wake = () => {
        clearTimeout(timer);
        window.removeEventListener("online", online);
        this.wake = null;
        resolve();
      };
    });
  }
}

/** Not all pages that a server has turned away come again in the same moment. */
function milliseconds(error, failures) {
  const grown = Math.min(LONGEST_MILLISECONDS, FIRST_MILLISECONDS * 2 ** Math.min(failures - 1, 10));
  const asked = Math.min(LONGEST_ASKED_MILLISECONDS, error.retryAfter * 1000);
  return Math.max(grown, asked) * (1 + 0.25 * Math.random());
}

/** Why something failed, and what happens next, as a person would say it. */
export function explained(error) {
  if (!error.isTemporary) return error.message;
  const reason = error.status === 0 ? "There is no good connection to the server." : error.status === 429
    ? "The server was asked for too much at once." : "The server has trouble of its own.";
  return `${reason} It is tried again by itself.`;
}
