// What there is to choose from: cameras, devices and types of photos that the customer has.

import { choices } from "../api.js";
import { Notice } from "../notice.js";
import { explained, Retrying } from "../retrying.js";

export class Choices {
  /** @param {() => void} onLoggedOut called when the session has ended */
  constructor(onLoggedOut) {
    this.onLoggedOut = onLoggedOut;
    this.notice = new Notice("#choices-trouble");
    this.clear();
  }

  clear() {
    this.asking?.stop();
    this.notice.hide();
    this.found = null;
    this.asking = null;
    this.loading = null;
  }

  /** What there is, asked for once; undefined where that came to an end before. */
  load() {
    this.loading ??= this.ask();
    return this.loading;
  }

  async ask() {
    const asking = new Retrying(choices, (trouble) => {
      if (trouble === null) this.notice.hide();
      else this.notice.show(`What you can choose from cannot be shown just now. ${explained(trouble)}`, () => asking.now());
    }, this.onLoggedOut);
    this.asking = asking;
    const found = await asking.run();
    if (this.asking === asking && found !== undefined) this.found = found;
    return found;
  }

  /** A device's name; null where it is not known, or not yet. */
  deviceName(deviceId) {
    return this.found?.devices.find((device) => device.device_id === deviceId)?.name ?? null;
  }
}
