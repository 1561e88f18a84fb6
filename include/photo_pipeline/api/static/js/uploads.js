// Sends files, a few at a time, and follows each until it is in the gallery or refused.

import { receiptStatuses, upload } from "./api.js";
import { announce, find, formatBytes, make } from "./dom.js";

const AT_ONCE = 3;
const POLL_MILLISECONDS = 1500;
const TOKENS_AT_ONCE = 100;
const RETRY_MILLISECONDS = [1000, 3000, 9000];

const LABELS = {
  waiting: "waiting",
  sending: "sending",
  safe: "safe · being processed",
  processed: "in your gallery",
  duplicate: "already here",
  expired: "its time has passed",
  rejected: "refused",
  failed: "not sent",
};
const UNSENT = new Set(["waiting", "sending"]);
const FINISHED = new Set(["processed", "duplicate", "expired", "rejected"]);

class Item {
  constructor(file, onRetry) {
    this.file = file;
    this.state = "waiting";
    this.attempts = 0;
    this.preview = make("img", { alt: "", className: "preview", width: 48, height: 48 });
    // A browser that cannot show this format shows a plain square instead.
    this.preview.addEventListener("error", () => this.preview.replaceWith(make("span", { className: "preview" })), { once: true });
    this.preview.src = URL.createObjectURL(file);
    this.progress = make("progress", { max: 1, value: 0 });
    this.progress.setAttribute("aria-label", `Progress of ${file.name}`);
    this.label = make("span", { className: "state" });
    this.retry = make("button", { type: "button", className: "quiet", textContent: "Retry", hidden: true });
    this.retry.addEventListener("click", () => onRetry(this));
    const name = make("span", { className: "name", textContent: file.name, title: file.name });
    const size = make("span", { className: "note", textContent: formatBytes(file.size) });
    this.element = make("li", {}, this.preview, make("div", { className: "what" }, name, size, this.progress, this.label), this.retry);
    this.show("waiting");
  }

  show(state, detail = LABELS[state]) {
    this.state = state;
    this.element.dataset.state = state;
    this.label.textContent = detail;
    this.progress.hidden = state !== "sending";
    this.retry.hidden = state !== "failed";
  }

  showProgress(sent, total) {
    this.progress.value = total ? sent / total : 0;
    this.label.textContent = sent < total ? `sending · ${Math.round((100 * sent) / total)} %` : "storing safely …";
  }

  remove() {
    URL.revokeObjectURL(this.preview.src);
    this.element.remove();
  }
}

/**
 * Makes the drop zone and the list of uploads work.
 * @param {() => void} onProcessed called when photos have come into the gallery, or were refused after all
 * @param {() => void} onLoggedOut called when the session has ended
 */
export class Uploads {
  constructor(onProcessed, onLoggedOut) {
    this.onProcessed = onProcessed;
    this.onLoggedOut = onLoggedOut;
    this.items = [];
    this.sending = 0;
    this.polling = false;
    this.list = find("#upload-list");
    this.panel = find("#upload-panel");
    find("#clear-uploads").addEventListener("click", () => this.clear(FINISHED));
    this.listen();
  }

  listen() {
    const zone = find("#drop-zone");
    const input = find("#file-input");
    input.addEventListener("change", () => {
      this.add(input.files);
      input.value = "";
    });
    for (const kind of ["dragenter", "dragover"]) {
      zone.addEventListener(kind, (event) => {
        event.preventDefault();
        zone.classList.add("over");
      });
    }
    for (const kind of ["dragleave", "drop"]) zone.addEventListener(kind, () => zone.classList.remove("over"));
    zone.addEventListener("drop", (event) => {
      event.preventDefault();
      this.add(event.dataTransfer.files);
    });
    document.addEventListener("paste", (event) => {
      if (!find("#application").hidden) this.add(event.clipboardData.files);
    });
    window.addEventListener("beforeunload", (event) => {
      if (this.items.some((item) => UNSENT.has(item.state))) event.preventDefault();
    });
  }

  add(files) {
    const added = [...files].map((file) => new Item(file, (item) => this.retry(item)));
    this.items.push(...added);
    this.list.append(...added.map((item) => item.element));
    this.summarise();
    this.pump();
  }

  clear(states) {
    for (const item of this.items.filter((found) => states === undefined || states.has(found.state))) item.remove();
    this.items = states === undefined ? [] : this.items.filter((item) => !states.has(item.state));
    this.summarise();
  }

  retry(item) {
    item.attempts = 0;
    item.show("waiting");
    this.pump();
  }

  pump() {
    while (this.sending < AT_ONCE) {
      const next = this.items.find((item) => item.state === "waiting");
      if (next === undefined) return;
      this.sending += 1;
      this.send(next).finally(() => {
        this.sending -= 1;
        this.summarise();
        this.pump();
      });
    }
  }

  async send(item) {
    item.show("sending", "sending");
    try {
      item.receipt = await upload(item.file, (sent, total) => item.showProgress(sent, total));
      item.show("safe");
      this.poll();
    } catch (error) {
      await this.failed(item, error);
    }
  }

  async failed(item, error) {
    if (error.status === 401) this.onLoggedOut();
    const pause = RETRY_MILLISECONDS[item.attempts];
    if (!error.isTemporary) {
      item.show(error.status === 401 ? "failed" : "rejected", error.message);
    } else if (pause === undefined) {
      item.show("failed", error.message);
    } else {
      item.attempts += 1;
      item.show("sending", `${error.message} Trying again …`);
      await new Promise((resolve) => { setTimeout(resolve, pause); });
      await this.send(item);
    }
  }

  async poll() {
    if (this.polling) return;
    this.polling = true;
    try {
      for (;;) {
        const open = this.items.filter((item) => item.state === "safe").slice(0, TOKENS_AT_ONCE);
        if (open.length === 0) return;
        await this.ask(open);
        await new Promise((resolve) => { setTimeout(resolve, POLL_MILLISECONDS); });
      }
    } finally {
      this.polling = false;
    }
  }

  async ask(open) {
    let answer;
    try {
      answer = await receiptStatuses(open.map((item) => item.receipt.token));
    } catch {
      return; // the next round asks again; the photos are safe meanwhile
    }
    let settled = 0;
    answer.receipts.forEach((found, at) => {
      if (found === null || found.status === "pending") return;
      open[at].show(found.status, found.sentence ?? LABELS[found.status]);
      settled += 1;
    });
    if (settled > 0) {
      this.summarise();
      this.onProcessed();
    }
  }

  summarise() {
    this.panel.hidden = this.items.length === 0;
    const count = (...states) => this.items.filter((item) => states.includes(item.state)).length;
    const parts = [
      [count("waiting", "sending"), "to send"],
      [count("safe"), "safe, being processed"],
      [count("processed", "duplicate", "expired"), "done"],
      [count("rejected", "failed"), "not taken"],
    ];
    const text = parts.filter(([number]) => number > 0).map(([number, words]) => `${number} ${words}`).join(" · ");
    if (find("#upload-summary").textContent === text) return;
    find("#upload-summary").textContent = text;
    announce(text);
  }
}
