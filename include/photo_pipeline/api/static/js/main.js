// Puts the page together: who is here decides what is shown.

import { logOut, me } from "./api.js";
import { setUpAuth } from "./auth.js";
import { find } from "./dom.js";
import { Gallery } from "./gallery.js";
import { Uploads } from "./uploads.js";

const SESSION_CHECK_MILLISECONDS = 5 * 60 * 1000;

const gallery = new Gallery(showWelcome);
const uploads = new Uploads(() => gallery.refresh(), showWelcome);

function showWelcome() {
  find("#welcome").hidden = false;
  find("#application").hidden = true;
  find("#account").hidden = true;
  gallery.clear();
}

async function showApplication(customer) {
  find("#account-name").textContent = customer?.display_name ?? "";
  find("#welcome").hidden = true;
  find("#application").hidden = false;
  find("#account").hidden = false;
  await gallery.start();
  uploads.pump();
}

async function begin() {
  try {
    await showApplication(await me());
  } catch (error) {
    // With the database away, photos can still be sent.
    if (error.isTemporary) await showApplication(null);
    else showWelcome();
  }
}

setUpAuth(begin);
find("#sign-out").addEventListener("click", async () => {
  await logOut();
  uploads.clear();
  showWelcome();
});
// Asking prolongs the session, so that a long upload does not outlive it.
setInterval(() => { if (!find("#application").hidden) me().catch(() => {}); }, SESSION_CHECK_MILLISECONDS);

await begin();
