// A customer's queue as pages see it that do not have it: how much is not sent, and its end.

import { SIGNED_OUT, Tabs, WHO_KEY } from "../tabs.js";
import { countElsewhere, forgetCustomer } from "./remembered.js";
import { forgetAddresses } from "./transfer.js";

/** How many photos of a customer this browser has not sent. */
export async function countUnsent(customerId) {
  const counts = await Promise.all([countElsewhere(customerId, null).catch(() => 0), new Tabs().countOthers(customerId)]);
  return counts[0] + counts[1];
}

/** Nothing of a customer's stays, in any tab. What others have here does. */
export async function forgetQueue(customerId) {
  new Tabs().tell(SIGNED_OUT, customerId);
  if (localStorage.getItem(WHO_KEY) === customerId) localStorage.removeItem(WHO_KEY);
  forgetAddresses(customerId);
  sessionStorage.clear(); // what they had chosen, and what nobody had said to be theirs
  await forgetCustomer(customerId);
}
