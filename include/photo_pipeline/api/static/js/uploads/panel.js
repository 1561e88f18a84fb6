// What is said of all photos on their way together. It is a bar once they go out; the list comes back at a click.

import { announce, find, formatBytes } from "../dom.js";
import { Pace } from "./pace.js";
import { ACTIVE, FINISHED, GOING, UNSAFE } from "./photo.js";

const LOOK_MILLISECONDS = 1000;

export class UploadPanel {
  /** @param {() => void} onOpen called when the list is to be seen again */
  constructor(onOpen) {
    this.onOpen = onOpen;
    this.pace = new Pace();
    this.gone = 0; // bytes that went out of photos that have left the list
    this.isBar = false;
    this.isChosen = false; // by whoever looks at it
    this.element = find("#upload-panel");
    this.toggle = find("#toggle-uploads");
    this.toggle.addEventListener("click", () => {
      this.isChosen = true;
      this.collapse(!this.isBar);
    });
  }

  collapse(isBar) {
    this.isBar = isBar;
    this.element.classList.toggle("is-bar", isBar);
    find("#upload-details").hidden = isBar;
    this.toggle.textContent = isBar ? "Show list" : "Hide list";
    if (!isBar) this.onOpen();
  }

  /** Photos leave the list; what went out of them counts for the pace. */
  leave(photos) {
    for (const photo of photos) this.gone += photo.moved;
  }

  show(photos, skipped, isLost) {
    this.element.hidden = photos.length === 0 && skipped === 0;
    if (this.element.hidden) this.isChosen = false;
    const { counts, sent, size, left, moved, forgettable } = summed(photos);
    const sum = (...states) => states.reduce((total, state) => total + (counts[state] ?? 0), 0);
    const going = sum(...GOING);
    if (sum(...ACTIVE, "safe") > 0 && !this.isChosen && !this.isBar) this.collapse(true);
    if (this.element.hidden && this.isBar) this.collapse(false);
    this.measure(this.gone + moved, going > 0 && !isLost);
    const isOpen = going + sum("paused") > 0;
    find("#upload-progress").max = size || 1;
    find("#upload-progress").value = sent;
    find("#upload-progress").hidden = !isOpen;
    find("#upload-facts").textContent = isOpen ? this.facts(sent, size, left) : "";
    find("#pause-uploads").hidden = !isOpen;
    find("#pause-uploads").textContent = going > 0 ? "Pause all" : "Resume all";
    find("#retry-uploads").hidden = sum("failed") === 0;
    find("#clear-uploads").hidden = sum(...FINISHED) === 0;
    find("#upload-unremembered").hidden = forgettable === 0;
    find("#upload-unremembered").textContent = `This browser cannot remember ${forgettable === 1 ? "1 photo" : `${forgettable} photos`} `
      + "until they are sent. Keep this page open.";
    this.tell([
      [sum("rejected", "failed"), "not taken"],
      [going, "to send"],
      [sum("paused"), "paused"],
      [sum("safe"), "safe, being processed"],
      [sum("processed", "expired"), "done"],
      [sum("duplicate"), "already here"],
      [skipped, skipped === 1 ? "other file left out" : "other files left out"],
    ]);
    return going > 0;
  }

  measure(moved, isGoing) {
    if (isGoing) this.pace.note(performance.now(), moved);
    else this.pace.rest();
  }

  facts(sent, size, left) {
    const { rate } = this.pace;
    const speed = rate > 0 ? `${formatBytes(rate)}/s` : "";
    return [`${formatBytes(sent)} of ${formatBytes(size)}`, speed, this.pace.timeFor(left)].filter(Boolean).join(" · ");
  }

  tell(parts) {
    const text = parts.filter(([number]) => number > 0).map(([number, words]) => `${number} ${words}`).join(" · ");
    find("#upload-summary").classList.toggle("has-errors", parts[0][0] > 0);
    if (find("#upload-summary").textContent === text) return;
    find("#upload-summary").textContent = text;
    // A screen reader would be told of every photo of a folder: the last state within a while is enough.
    clearTimeout(this.telling);
    this.telling = setTimeout(() => announce(text), LOOK_MILLISECONDS);
  }
}

function summed(photos) {
  const found = { counts: {}, sent: 0, size: 0, left: 0, moved: 0, forgettable: 0 };
  for (const photo of photos) {
    found.counts[photo.state] = (found.counts[photo.state] ?? 0) + 1;
    found.moved += photo.moved;
    if (photo.isUnremembered && UNSAFE.has(photo.state)) found.forgettable += 1;
    if (GOING.has(photo.state)) found.left += photo.file.size - photo.sent;
    if (photo.state === "rejected" || photo.state === "duplicate") continue;
    found.sent += photo.token === null ? photo.sent : photo.file.size;
    found.size += photo.file.size;
  }
  return found;
}
