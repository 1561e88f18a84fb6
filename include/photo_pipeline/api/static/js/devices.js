// The page of devices: makes a token, shows it once, lists, renames and revokes. Works with the session's cookie.

import { guarded, present, showSignedOut } from "./acting.js";
import { makeDevice } from "./api.js";
import { setUpCreated, showCreated } from "./devices/created.js";
import { keepListing, listDevices } from "./devices/list.js";
import { find } from "./dom.js";
import { onSend, sentence } from "./forms.js";
import { followCustomer } from "./tabs.js";

async function make(form) {
  const device = await makeDevice(form.elements.name.value.trim());
  form.reset();
  await showCreated(device);
  await listDevices();
  find("#created-heading").focus();
}

setUpCreated();
onSend("#device-form", (form, tell) => guarded(() => make(form), (error) => tell(sentence(error))));
followCustomer(showSignedOut);

await present(listDevices, "Your devices");
keepListing();
