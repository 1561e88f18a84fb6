// Puts the page together: who is here decides what is shown.

import { logOut, me } from "./api.js";
import { setUpAuth } from "./auth.js";
import { announce, find } from "./dom.js";
import { Gallery } from "./gallery.js";
import { LiveStatus } from "./live.js";
import { Uploads } from "./uploads.js";

const SESSION_CHECK_MILLISECONDS = 5 * 60 * 1000;
const REFRESH_MILLISECONDS = 300;

const gallery = new Gallery(showWelcome);
const uploads = new Uploads(refreshSoon, showWelcome);
const live = new LiveStatus(tell, look, (isLive) => { find("#live-note").hidden = isLive; });
let refreshing = null;

/** Photos come by the hundred: one look serves all that came in a moment. */
function refreshSoon() {
  refreshing ??= setTimeout(async () => {
    refreshing = null;
    await gallery.refresh();
  }, REFRESH_MILLISECONDS);
}

function tell(outcomes) {
  // The list of uploads may want to know, too.
  document.dispatchEvent(new CustomEvent("photo-outcomes", { detail: outcomes }));
  const arrived = outcomes.filter((outcome) => outcome.status === "processed").length;
  if (arrived > 0) announce(arrived === 1 ? "A photo has come into your gallery" : `${arrived} photos have come into your gallery`);
  refreshSoon();
}

/** While there are no events: is the session still there, and what is new? */
async function look() {
  try {
    await me();
  } catch (error) {
    if (error.status === 401) showWelcome();
    return;
  }
  refreshSoon();
}

function showWelcome() {
  live.stop();
  find("#welcome").hidden = false;
  find("#application").hidden = true;
  find("#account").hidden = true;
  find("#live-note").hidden = true;
  gallery.clear();
}

async function showApplication(customer) {
  find("#account-name").textContent = customer?.display_name ?? "";
  find("#welcome").hidden = true;
  find("#application").hidden = false;
  find("#account").hidden = false;
  gallery.lightbox.mayKeep = (customer?.holds_allowed ?? 0) > 0;
  uploads.pump();
  live.start();
  await gallery.start();
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

async function signOut() {
  uploads.clear();
  showWelcome();
  find("#auth-form").elements.email.focus();
  const problem = find("#auth-error");
  problem.hidden = true;
  try {
    await logOut();
    announce("You are signed out.");
  } catch (error) {
    problem.textContent = `You may still be signed in on the server. ${error.message}`;
    problem.hidden = false;
  }
}

setUpAuth(begin);
find("#sign-out").addEventListener("click", signOut);
// Asking prolongs the session, so that a long upload does not outlive it.
setInterval(() => { if (!find("#application").hidden) me().catch(() => {}); }, SESSION_CHECK_MILLISECONDS);

await begin();
