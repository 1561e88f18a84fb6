// How fast photos really go out, and in how long they will have, as a person would say it.

const WINDOW_MILLISECONDS = 30_000;
const LEAST_MILLISECONDS = 2000;
const [MINUTE, HOUR, DAY] = [60, 3600, 86_400];

export class Pace {
  constructor() {
    this.samples = []; // of what had gone out when, oldest first
  }

  /** Nothing goes out now, and that says nothing about the line. */
  rest() {
    this.samples = [];
  }

  /** @param {number} sent bytes that have gone out so far; what was there already is none of them */
  note(now, sent) {
    this.samples.push({ now, sent });
    while (this.samples.length > 2 && this.samples[1].now <= now - WINDOW_MILLISECONDS) this.samples.shift();
  }

  /** Bytes a second; null where that cannot be said yet. */
  get rate() {
    const [first, last] = [this.samples[0], this.samples.at(-1)];
    if (first === undefined || last.now - first.now < LEAST_MILLISECONDS) return null;
    return (1000 * (last.sent - first.sent)) / (last.now - first.now);
  }

  /** What is said of the time that so many bytes will take; nothing where there is nothing to say. */
  timeFor(bytes) {
    const { rate } = this;
    return rate === null || rate <= 0 ? "" : inWords(bytes / rate);
  }
}

/** The time that is left, as exactly as anybody can know it. */
export function inWords(seconds) {
  if (seconds < 10) return "a few seconds left";
  if (seconds < 50) return "less than a minute left";
  if (seconds < 90) return "about a minute left";
  if (seconds < 55 * MINUTE) return `about ${coarse(seconds / MINUTE)} minutes left`;
  if (seconds < 1.5 * HOUR) return "about an hour left";
  return seconds < DAY ? `about ${Math.round(seconds / HOUR)} hours left` : "more than a day left";
}

const coarse = (minutes) => (minutes < 10 ? Math.round(minutes) : 5 * Math.round(minutes / 5));
