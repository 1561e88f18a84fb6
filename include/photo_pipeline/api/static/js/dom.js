// Small helpers for making and finding elements. Text is always set as text, never as markup.

export const find = (selector, root = document) => root.querySelector(selector);

export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** A box to be ticked. A browser that comes back to the page does not tick it by itself: it would not know what for. */
export function makeTick(label, properties = {}) {
  const tick = make("input", { type: "checkbox", className: "tick", autocomplete: "off", ...properties });
  tick.setAttribute("aria-label", label);
  return tick;
}

/** Tells a screen reader. */
export function announce(text) {
  find("#status").textContent = text;
}

/** Asks in a dialog; the value of the button that closed it. */
export async function asked(dialog) {
  dialog.returnValue = "";
  dialog.showModal();
  await new Promise((resolve) => { dialog.addEventListener("close", resolve, { once: true }); });
  return dialog.returnValue;
}

export function formatBytes(bytes) {
  if (bytes < 1024) return `${Math.round(bytes)} ${Math.round(bytes) === 1 ? "byte" : "bytes"}`;
  const kibibytes = Math.round(bytes / 1024);
  if (kibibytes < 1024) return `${kibibytes} KiB`;
  const mebibytes = (bytes / 1024 / 1024).toFixed(1);
  return mebibytes < 1024 ? `${mebibytes} MiB` : `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
}
