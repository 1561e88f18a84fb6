// The list of devices: what each is called, and what can be done with it.

import { act } from "../acting.js";
import { devices, renameDevice, revokeDevice } from "../api.js";
import { moment } from "../days.js";
import { announce, asked, find, make } from "../dom.js";

export async function listDevices() {
  const { devices: all } = await devices();
  find("#application").hidden = false;
  find("#devices").replaceChildren(...all.map(item));
  find("#empty").hidden = all.length > 0;
}

function item(device) {
  const name = make("strong", { textContent: device.name });
  const since = make("span", { className: "note", textContent: `Made ${moment(device.created_at)}` });
  const what = make("span", { className: "what" }, name, since);
  const rename = button("Rename", device, () => askForName(device));
  const revoke = button("Revoke", device, () => askToRevoke(device));
  revoke.className = "danger";
  return make("li", { className: "card" }, what, make("span", { className: "buttons" }, rename, revoke));
}

function button(text, device, work) {
  const element = make("button", { type: "button", textContent: text });
  element.setAttribute("aria-label", `${text} ${device.name}`);
  element.addEventListener("click", () => act(work));
  return element;
}

async function askForName(device) {
  const dialog = find("#rename");
  const input = find("#new-name");
  find("#rename-heading").textContent = `Rename ${device.name}`;
  input.value = device.name;
  if (await asked(dialog) !== "rename" || input.value.trim() === device.name) return;
  const { name } = await renameDevice(device.device_id, input.value.trim());
  await changed(`The device is called ${name} now.`);
}

async function askToRevoke(device) {
  find("#confirm-heading").textContent = `Revoke ${device.name}?`;
  if (await asked(find("#confirm")) !== "revoke") return;
  await revokeDevice(device.device_id);
  await changed(`${device.name} is revoked.`);
}

async function changed(told) {
  await listDevices();
  announce(told);
  find("#list-heading").focus();
}
