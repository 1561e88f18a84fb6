// How photos are chosen: by their ticks, by keys, by a long press and taps, and a day's all at once.

import { MOST } from "./chosen.js";

const HOLD_MILLISECONDS = 450;
const STILL_PIXELS = 10;

export class Choosing {
  /**
   * @param {object} gallery whose photos they are
   * @param {Chosen} chosen
   * @param {object} on what is called: `completing` when the rest of a day is on its way, and when it is there; `chosen` when
   *   somebody is done with choosing
   */
  constructor(gallery, chosen, on) {
    Object.assign(this, { gallery, chosen, on });
    this.anchor = null; // from where a range goes
    this.holding = null;
    this.wasHeld = false;
    this.completing = null;
    const { root } = gallery;
    root.addEventListener("click", (event) => this.clicked(event), { capture: true });
    root.addEventListener("change", (event) => this.dayTicked(event));
    root.addEventListener("keydown", (event) => this.pressed(event));
    // Browsers press a button when Space comes up again.
    root.addEventListener("keyup", (event) => { if (this.isSpaceOnTile(event)) event.preventDefault(); });
    root.addEventListener("pointerdown", (event) => this.hold(event));
    root.addEventListener("pointermove", (event) => { if (this.hasMoved(event)) this.letGo(); });
    for (const type of ["pointerup", "pointercancel"]) root.addEventListener(type, () => this.letGo());
    // A long press is ours, where browsers would offer what to do with a picture.
    root.addEventListener("contextmenu", (event) => { if (this.holding !== null || this.wasHeld) event.preventDefault(); });
  }

  get isChoosing() {
    return this.chosen.count > 0;
  }

  /** Nothing is chosen any more. */
  end() {
    this.anchor = null;
    this.completing = null;
  }

  set(photos, isChosen) {
    if (isChosen) this.chosen.add(photos);
    else this.chosen.remove(photos);
  }

  /** One photo, or with Shift all from the last one to it. */
  press(photo, isRange) {
    const { stacks } = this.gallery;
    if (isRange && this.anchor !== null && this.gallery.has(this.anchor)) {
      this.set([...this.gallery.between(this.anchor, photo), ...stacks.allOf(photo)], true);
    } else {
      const all = stacks.allOf(photo);
      this.set(all, !all.every(this.chosen.has) && this.chosen.count < MOST);
    }
    this.anchor = photo;
    this.gallery.tiles.choose(photo);
  }

  clicked(event) {
    const photo = this.gallery.tiles.photoAt(event.target);
    if (photo === null || event.target.matches(".stack")) return;
    const isTick = event.target.matches(".tick");
    // Enter opens a photo whatever is chosen; a mouse or a finger goes on choosing.
    const isMeant = isTick || event.shiftKey || event.ctrlKey || event.metaKey || (this.isChoosing && event.detail > 0);
    if (!isTick && (isMeant || this.wasHeld)) {
      event.preventDefault();
      event.stopPropagation();
    }
    if (isMeant && !this.wasHeld) this.press(photo, event.shiftKey);
    this.wasHeld = false;
  }

  isSpaceOnTile = (event) => event.key === " " && event.target.matches(".tile");

  pressed(event) {
    if (this.isChoosing && event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      this.on.chosen();
    }
    if (!this.isSpaceOnTile(event) || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    if (!event.repeat) this.press(this.gallery.tiles.photoAt(event.target), event.shiftKey);
  }

  /** Shift and an arrow: what is passed on the way from the anchor is chosen, and no more on the way back. */
  extend(photo, next) {
    if (this.anchor === null || !this.chosen.has(this.anchor)) this.anchor = photo;
    const steps = (other) => this.gallery.between(this.anchor, other).length;
    const { stacks } = this.gallery;
    if (steps(next) < steps(photo)) this.set(stacks.allOf(photo), false);
    else this.set([...this.gallery.between(photo, next), ...stacks.allOf(photo), ...stacks.allOf(next)], true);
  }

  hold(event) {
    this.letGo();
    this.wasHeld = false;
    const photo = this.gallery.tiles.photoAt(event.target);
    if (event.pointerType !== "touch" || !event.isPrimary || photo === null || event.target.matches(".tick")) return;
    const timer = setTimeout(() => {
      this.holding = null;
      this.wasHeld = true;
      this.press(photo, false);
    }, HOLD_MILLISECONDS);
    this.holding = { x: event.clientX, y: event.clientY, timer };
  }

  hasMoved = ({ clientX, clientY }) => this.holding !== null
    && Math.hypot(clientX - this.holding.x, clientY - this.holding.y) > STILL_PIXELS;

  letGo() {
    clearTimeout(this.holding?.timer);
    this.holding = null;
  }

  dayTicked({ target }) {
    const day = this.gallery.grid.dayOfTick(target);
    if (day !== null) this.chooseDay(day, target.checked);
  }

  /** All of a day, also those that scrolling has not come to yet. */
  async chooseDay(day, isChosen) {
    this.completing = isChosen ? day : null;
    this.set(day.photos, isChosen);
    if (isChosen) await this.complete(day);
    if (this.completing === day) this.completing = null;
    this.on.completing();
  }

  async complete(day) {
    const { gallery } = this;
    const { pages } = gallery;
    const isWanted = () => this.completing === day && gallery.pages === pages && !pages.hasStopped;
    while (isWanted() && this.chosen.count < MOST && !gallery.hasAllOf(day)) {
      this.on.completing();
      const before = new Set(day.photos);
      await gallery.more();
      // Those that were taken out of the choice meanwhile stay out of it.
      if (isWanted()) this.set(day.photos.filter((photo) => !before.has(photo)), true);
    }
  }
}
