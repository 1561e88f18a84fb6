// Signs out of any page but the gallery, which does the same itself: what is not sent is forgotten on a word only.

import { me } from "./api.js";
import { find } from "./dom.js";
import { notSent } from "./tabs.js";
import { countUnsent, forgetQueue } from "./uploads/leaving.js";

const form = find("#leave-form");

async function signOut(customerId) {
  // A browser that cannot forget it by itself is asked to forget all that it has of this site.
  const action = await forgetQueue(customerId).then(() => "/log-out?forgotten=true", () => "/log-out");
  form.setAttribute("action", action);
  form.submit();
}

async function begin() {
  const { customer_id: customerId } = await me();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    signOut(customerId);
  });
  const unsent = await countUnsent(customerId);
  if (unsent === 0) await signOut(customerId);
  else find("#leave-heading").textContent = notSent(unsent);
}

find("#stay").addEventListener("click", () => history.back());
// Without an answer the form asks all the same, of nobody in particular.
await begin().catch((error) => { if (error.status === 401) location.replace("/"); });
find("#leaving").hidden = false;
