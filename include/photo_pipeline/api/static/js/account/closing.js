// The end of the account.

import { guarded } from "../acting.js";
import { closeAccount, me } from "../api.js";
import { asked, find } from "../dom.js";
import { onSend, sentence } from "../forms.js";
import { notSent } from "../tabs.js";
import { countUnsent, forgetQueue } from "../uploads/leaving.js";

async function askToClose(form) {
  const { customer_id: customerId } = await me();
  const unsent = await countUnsent(customerId);
  find("#confirm-unsent").textContent = unsent === 0 ? "" : `${notSent(unsent)}: what is not sent is forgotten.`;
  if (await asked(find("#confirm")) !== "close") return;
  await closeAccount(form.elements.password.value);
  find("#application").hidden = true;
  await forgetQueue(customerId).catch(() => {}); // a browser that remembers nothing
  find("#closed").hidden = false;
  find("#closed-heading").focus();
}

export function setUpClosing() {
  onSend("#close-form", (form, tell) => guarded(() => askToClose(form), (error) => tell(sentence(error)))
    .finally(() => form.reset()));
}
