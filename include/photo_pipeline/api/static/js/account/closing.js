// The end of the account.

import { guarded } from "../acting.js";
import { closeAccount } from "../api.js";
import { asked, find } from "../dom.js";
import { onSend, sentence } from "../forms.js";
import { SIGNED_OUT, Tabs } from "../tabs.js";

async function askToClose(form) {
  if (await asked(find("#confirm")) !== "close") return;
  await closeAccount(form.elements.password.value);
  await forgetQueue().catch(() => {}); // a browser that remembers nothing
  find("#application").hidden = true;
  find("#closed").hidden = false;
  find("#closed-heading").focus();
}

/** Photos that were not sent are nobody's now. */
async function forgetQueue() {
  const { forgetCustomer, lastCustomer } = await import("../uploads/remembered.js");
  const customerId = await lastCustomer();
  if (customerId === undefined) return;
  new Tabs().tell(SIGNED_OUT, customerId);
  await forgetCustomer(customerId);
}

export function setUpClosing() {
  onSend("#close-form", (form, tell) => guarded(() => askToClose(form), (error) => tell(sentence(error)))
    .finally(() => form.reset()));
}
