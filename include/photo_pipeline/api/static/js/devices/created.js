// A new device's token, shown once: as a link for a phone, as a code that its camera reads, and as it is.

import { copy } from "../copying.js";
import { find } from "../dom.js";
import { codeOf } from "./code.js";

export async function showCreated(device) {
  find("#token").value = device.token;
  find("#camera-link").href = device.camera_url;
  find("#created-heading").textContent = `The token of ${device.name}`;
  find("#created").hidden = false;
  find("#code").replaceChildren(...[await codeOf(device.camera_url).catch(() => null)].filter(Boolean));
}

function forget() {
  find("#token").value = "";
  find("#camera-link").removeAttribute("href");
  find("#code").replaceChildren();
  find("#created").hidden = true;
  find("#copy").textContent = "Copy the token";
  find("#copy-link").textContent = "Copy the link";
  find("#device-name").focus();
}

export function setUpCreated() {
  const token = find("#token");
  find("#copy").addEventListener("click", ({ currentTarget }) => copy(token.value, currentTarget, "The token", token));
  find("#copy-link").addEventListener("click", ({ currentTarget }) => {
    copy(find("#camera-link").href, currentTarget, "The link", token, "The token");
  });
  find("#done").addEventListener("click", forget);
}
