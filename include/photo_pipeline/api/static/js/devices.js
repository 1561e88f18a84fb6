// The page of devices: makes a token, shows it once, lists and revokes. Works with the session's cookie.

import { devices, makeDevice, revokeDevice } from "./api.js";
import { moment } from "./days.js";
import { announce, asked } from "./dom.js";
import { Notice } from "./notice.js";
import { explained, Retrying } from "./retrying.js";

const find = (id) => document.getElementById(id);

function sentenceOf(error) {
  return error.status === 422 ? "A name has 1 to 100 characters, and no spaces at its ends." : error.message;
}

function item(device) {
  const element = document.createElement("li");
  element.className = "card";
  const what = document.createElement("span");
  what.className = "what";
  const name = document.createElement("strong");
  name.textContent = device.name;
  const since = document.createElement("span");
  since.className = "note";
  since.textContent = `Made ${moment(device.created_at)}`;
  what.append(name, since);
  const revoke = document.createElement("button");
  revoke.type = "button";
  revoke.className = "danger";
  revoke.textContent = "Revoke";
  revoke.setAttribute("aria-label", `Revoke ${device.name}`);
  revoke.addEventListener("click", () => act(() => askToRevoke(device)));
  element.append(what, revoke);
  return element;
}

async function list() {
  const { devices: all } = await devices();
  find("application").hidden = false;
  find("devices").replaceChildren(...all.map(item));
  find("empty").hidden = all.length > 0;
}

async function askToRevoke(device) {
  find("confirm-heading").textContent = `Revoke ${device.name}?`;
  if (await asked(find("confirm")) !== "revoke") return;
  await revokeDevice(device.device_id);
  await list();
  announce(`${device.name} is revoked.`);
  find("list-heading").focus();
}

async function make(form) {
  const device = await makeDevice(form.elements.name.value.trim());
  form.reset();
  find("token").value = device.token;
  find("created-heading").textContent = `The token of ${device.name}`;
  find("created").hidden = false;
  await list();
  find("created-heading").focus();
}

async function copy() {
  const token = find("token");
  token.select();
  try {
    await navigator.clipboard.writeText(token.value);
    find("copy").textContent = "Copied";
    announce("The token is copied.");
  } catch {
    announce("The token is selected; copy it with the keyboard.");
  }
}

function forgetToken() {
  find("token").value = "";
  find("created").hidden = true;
  find("copy").textContent = "Copy";
  find("device-name").focus();
}

/** Does something and says what went wrong, with `tell`. */
async function guarded(work, tell) {
  try {
    await work();
  } catch (error) {
    const isLoggedOut = error.status === 401;
    find("signed-out").hidden = !isLoggedOut;
    if (isLoggedOut) find("application").hidden = true;
    else tell(sentenceOf(error));
  }
}

const notice = new Notice("#page-trouble");

/** What somebody asked for: it is not tried again behind their back. */
function act(work) {
  notice.hide();
  return guarded(work, (text) => notice.show(text, () => act(work)));
}

/** The list is asked for until it is there. */
function show() {
  const listing = new Retrying(list, (trouble) => {
    if (trouble === null) notice.hide();
    else notice.show(`Your devices cannot be shown just now. ${explained(trouble)}`, () => listing.now());
  });
  return guarded(() => listing.run(), (text) => notice.show(text));
}

find("device-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.currentTarget;
  const submit = form.querySelector("[type=submit]");
  submit.disabled = true;
  const problem = find("form-error");
  problem.hidden = true;
  guarded(() => make(form), (text) => {
    problem.textContent = text;
    problem.hidden = false;
  }).finally(() => { submit.disabled = false; });
});
find("copy").addEventListener("click", copy);
find("done").addEventListener("click", forgetToken);

await show();
