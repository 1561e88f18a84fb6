// Whether the server can be reached, by what the browser says and by what becomes of requests.

const PROBE = "/healthz";
const PROBE_MILLISECONDS = [0, 1000, 2000, 4000, 8000, 15_000];
const PATIENCE_MILLISECONDS = 10_000;

export class Reach {
  /** @param {(isLost: boolean) => void} onChange told when it cannot be reached any more, and when it can again */
  constructor(onChange) {
    this.onChange = onChange;
    this.isLost = false;
    this.probing = null;
    this.waiting = new Set();
    window.addEventListener("offline", () => this.lose());
    window.addEventListener("online", () => this.probe());
    window.addEventListener("unanswered", () => this.doubt());
    window.addEventListener("answered", () => this.find());
    if (!navigator.onLine) queueMicrotask(() => this.lose()); // whoever is told is there by then
  }

  /** Resolves when it can be reached again; `signal` ends the waiting, too. */
  back(signal) {
    return new Promise((resolve) => {
      const done = () => {
        this.waiting.delete(done);
        signal.removeEventListener("abort", done);
        resolve();
      };
      if (!this.isLost) resolve();
      else {
        this.waiting.add(done);
        signal.addEventListener("abort", done);
      }
    });
  }

  /** One request alone may fail for reasons of its own. */
  doubt() {
    if (this.probing === null) this.probe();
  }

  lose() {
    if (!this.isLost) {
      this.isLost = true;
      this.onChange(true);
    }
    this.doubt();
  }

  find() {
    clearTimeout(this.probing);
    this.probing = null;
    if (!this.isLost) return;
    this.isLost = false;
    this.onChange(false);
    for (const done of this.waiting) done();
  }

  /** Asks until there is an answer, whatever it says. */
  probe(failures = 0) {
    clearTimeout(this.probing);
    const milliseconds = PROBE_MILLISECONDS[Math.min(failures, PROBE_MILLISECONDS.length - 1)];
    const timer = setTimeout(async () => {
      const answered = await fetch(PROBE, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MILLISECONDS) }).then(() => true, () => false);
      if (this.probing !== timer) return;
      if (answered) this.find();
      else {
        this.probe(failures + 1);
        this.lose();
      }
    }, milliseconds);
    this.probing = timer;
  }
}

/** To be called with what became of a request. */
export function tellReach(wasAnswered) {
  window.dispatchEvent(new Event(wasAnswered ? "answered" : "unanswered"));
}
