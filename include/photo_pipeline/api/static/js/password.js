// A password that was forgotten: has a link mailed, and sets another password with it.

import { askForReset, useReset } from "./api.js";
import { find } from "./dom.js";
import { onSend, sentence } from "./forms.js";

const GONE = 410;
let token = null;

function show(step, isFirst = false) {
  for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== step;
  if (!isFirst) find(`#${step}-heading`).focus();
}

/** The token leaves the address at once: what is left of it stands in no history. */
function takeToken() {
  const found = new URLSearchParams(location.hash.slice(1)).get("token");
  if (found === null) return false;
  token = found;
  history.replaceState(null, "", location.pathname);
  return true;
}

async function ask(form, tell) {
  const address = form.elements.email.value.trim();
  try {
    await askForReset(address);
  } catch (error) {
    tell(sentence(error));
    return;
  }
  find("#asked-address").textContent = address;
  show("asked");
}

async function choose(form, tell) {
  try {
    await useReset(token, form.elements.password.value);
  } catch (error) {
    if (error.status === GONE) show("over");
    else tell(sentence(error));
    return;
  }
  form.reset();
  show("done");
}

onSend("#ask-form", ask);
onSend("#choose-form", choose);
for (const again of ["#ask-again", "#ask-anew"]) find(again).addEventListener("click", () => show("ask"));
window.addEventListener("hashchange", () => { if (takeToken()) show("choose"); });

show(takeToken() ? "choose" : "ask", true);
