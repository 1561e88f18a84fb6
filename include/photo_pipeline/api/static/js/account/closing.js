// The end of the account.

import { guarded } from "../acting.js";
import { closeAccount } from "../api.js";
import { asked, find } from "../dom.js";
import { onSend, sentence } from "../forms.js";

async function askToClose(form) {
  if (await asked(find("#confirm")) !== "close") return;
  await closeAccount(form.elements.password.value);
  find("#application").hidden = true;
  find("#closed").hidden = false;
  find("#closed-heading").focus();
}

export function setUpClosing() {
  onSend("#close-form", (form, tell) => guarded(() => askToClose(form), (error) => tell(sentence(error)))
    .finally(() => form.reset()));
}
