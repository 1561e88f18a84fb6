// Name and password.

import { guarded } from "../acting.js";
import { changePassword, me, rename } from "../api.js";
import { moment } from "../days.js";
import { announce, find } from "../dom.js";
import { onSend, sentence } from "../forms.js";
import { listSessions } from "./sessions.js";

export async function showAccount() {
  const account = await me();
  find("#name").value = account.display_name;
  find("#email").textContent = account.email;
  find("#since").textContent = moment(account.created_at);
}

async function saveName(form) {
  const { display_name: name } = await rename(form.elements.display_name.value.trim());
  find("#name").value = name;
  announce(`You are called ${name} now.`);
  find("#name-saved").hidden = false;
}

async function savePassword(form) {
  await changePassword(form.elements.old_password.value, form.elements.password.value);
  form.reset();
  find("#password-saved").hidden = false;
  announce(find("#password-saved").textContent);
  await listSessions();
}

export function setUpYou() {
  for (const [form, saved, work] of [["#name-form", "#name-saved", saveName], ["#password-form", "#password-saved", savePassword]]) {
    onSend(form, (element, tell) => {
      find(saved).hidden = true;
      return guarded(() => work(element), (error) => tell(sentence(error)));
    });
  }
}
