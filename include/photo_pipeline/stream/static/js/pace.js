// How many pictures per second: halved where the server cannot keep up, and brought back step by step (additive
// increase, multiplicative decrease, as TCP does it).

const FLOOR = 0.05; // of the wanted rate
const STEP = 0.05; // of the wanted rate, for each picture that is safe
const GRACE_MILLISECONDS = 1000; // what was on its way already says nothing new

export class Pace {
  constructor(wanted) {
    this.wanted = wanted;
    this.now = wanted;
    this.slowedAt = -Infinity;
    this.pausedUntil = -Infinity;
  }

  get isSlowed() {
    return this.now < this.wanted;
  }

  /** Milliseconds to the next picture. */
  interval(time) {
    return Math.max(1000 / this.now, this.pausedUntil - time);
  }

  /** The server did not keep up, or said after how many seconds it will. */
  slowDown(time, seconds = 0) {
    this.pausedUntil = Math.max(this.pausedUntil, time + seconds * 1000);
    if (time - this.slowedAt < GRACE_MILLISECONDS) return;
    this.slowedAt = time;
    this.now = Math.max(this.now / 2, this.wanted * FLOOR);
  }

  speedUp() {
    this.now = Math.min(this.wanted, this.now + this.wanted * STEP);
  }
}
