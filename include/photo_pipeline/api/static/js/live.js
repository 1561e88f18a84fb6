// Hears from the server what became of photos, as it happens; looks by itself now and then while it cannot.

const EVENTS = "/api/v1/events";
const LOOK_MILLISECONDS = 15 * 1000;
const PATIENCE_MILLISECONDS = 8 * 1000;

export class LiveStatus {
  /**
   * @param {(outcomes: object[]) => void} onOutcomes what became of some photos
   * @param {() => void} onLook something may have happened: look
   * @param {(isLive: boolean) => void} onChange whether the connection is there
   */
  constructor(onOutcomes, onLook, onChange) {
    this.onOutcomes = onOutcomes;
    this.onLook = onLook;
    this.onChange = onChange;
    this.source = null;
    this.timers = [];
    this.wanted = false;
    this.greetings = 0;
    // A page that nobody looks at gives its connection back: a browser has six for a server, and others may want them.
    document.addEventListener("visibilitychange", () => {
      if (!this.wanted) return;
      if (document.hidden) this.close();
      else this.open();
    });
  }

  start() {
    this.wanted = true;
    this.greetings = 0;
    this.open();
  }

  stop() {
    this.wanted = false;
    this.close();
  }

  open() {
    this.close();
    this.source = new EventSource(EVENTS);
    this.source.addEventListener("hello", () => this.greeted());
    this.source.addEventListener("outcomes", (event) => this.onOutcomes(JSON.parse(event.data).outcomes));
    this.source.addEventListener("refresh", () => this.onLook());
    this.source.addEventListener("error", () => this.lost());
    this.lookLater();
  }

  close() {
    this.source?.close();
    this.source = null;
    this.timers.forEach(clearTimeout);
    this.timers = [];
  }

  greeted() {
    this.timers.forEach(clearTimeout);
    this.timers = [];
    this.onChange(true);
    // What happened between the last look and now is in no event. The first time, the page has just looked.
    if (this.greetings > 0) this.onLook();
    this.greetings += 1;
  }

  lost() {
    if (this.timers.length === 0) this.lookLater();
    if (this.source.readyState === EventSource.CLOSED) this.onLook(); // refused: perhaps because the session has ended
    // The browser connects again by itself, unless the server refused: then it is tried again with the next look.
  }

  /** Until the next greeting: say so after a moment, look every so often, and connect again where the browser gave up. */
  lookLater() {
    const tell = setTimeout(() => this.onChange(false), PATIENCE_MILLISECONDS);
    const look = setTimeout(() => {
      this.timers = [];
      this.onLook();
      if (this.wanted && this.source?.readyState === EventSource.CLOSED) this.open();
      else if (this.wanted) this.lookLater();
    }, LOOK_MILLISECONDS);
    this.timers = [tell, look];
  }
}
