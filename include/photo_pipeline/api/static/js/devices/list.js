// The list of devices: what each is called, and what can be done with it.

import { act, guarded } from "../acting.js";
import { devices, renameDevice, revokeDevice } from "../api.js";
import { ago, moment, span } from "../days.js";
import { announce, asked, find, make } from "../dom.js";

const HOUR = 3600; // seconds
const AGAIN_MILLISECONDS = 30_000;

/** What devices do changes while one looks; nobody is disturbed for it, and a failure waits for the next time. */
export function keepListing() {
  setInterval(async () => {
    const isBusy = find("#devices").contains(document.activeElement) || find("dialog[open]") !== null;
    if (document.hidden || isBusy || find("#application").hidden) return;
    await guarded(listDevices, () => {});
  }, AGAIN_MILLISECONDS);
}

export async function listDevices() {
  const { devices: all } = await devices();
  find("#application").hidden = false;
  find("#devices").replaceChildren(...all.map(item));
  find("#empty").hidden = all.length > 0;
}

function item(device) {
  const name = make("strong", { textContent: device.name });
  const notes = [seen(device), sent(device), `Made ${moment(device.created_at)}`];
  const what = make("span", { className: "what" }, name, ...notes.map((text) => make("span", { className: "note", textContent: text })));
  const rename = button("Rename", device, () => askForName(device));
  const revoke = button("Revoke", device, () => askToRevoke(device));
  revoke.className = "danger";
  return make("li", { className: "card" }, picture(device), what, make("span", { className: "buttons" }, rename, revoke));
}

function seen({ last_seen_at: at }) {
  return at === null ? "Not seen yet" : `Seen ${ago(at)}`;
}

/** How much it sends, and within how long: of a busy device only its newest photos are counted. */
function sent({ last_hour: hour, last_day: day }) {
  if (hour.seconds < HOUR) return `${photos(hour.photos)} in the last ${span(hour.seconds)}`;
  if (day.photos === 0) return "No photos in the last day";
  return `${photos(hour.photos)} in the last hour, ${day.photos.toLocaleString()} in the last ${span(day.seconds)}`;
}

const photos = (count) => (count === 1 ? "1 photo" : `${count.toLocaleString()} photos`);

/** Its newest photo, which leads to the gallery; an empty place where there is none. */
function picture({ name, last_photo: photo }) {
  if (photo === null) return make("span", { className: "picture" });
  const image = make("img", { src: photo.thumb, alt: `Last picture of ${name}, ${moment(photo.accepted_at)}`, width: 96, height: 72 });
  const link = make("a", { className: "picture", href: `/#photo=${photo.photo_id}` }, image);
  image.addEventListener("error", () => link.replaceWith(make("span", { className: "picture" })));
  return link;
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
