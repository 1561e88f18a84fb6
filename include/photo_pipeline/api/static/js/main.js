// Puts the page together: who is here decides what is shown.

import { logOut, me } from "./api.js";
import { setUpAuth } from "./auth.js";
import { announce, find } from "./dom.js";
import { Gallery } from "./gallery.js";
import { forget } from "./lightbox/address.js";
import { LiveStatus } from "./live.js";
import { Retrying } from "./retrying.js";
import { Uploads } from "./uploads.js";

const SESSION_CHECK_MILLISECONDS = 5 * 60 * 1000;
const REFRESH_MILLISECONDS = 300;
const WHO_KEY = "photo-customer";

const gallery = new Gallery(sessionEnded);
const uploads = new Uploads(refreshSoon, sessionEnded);
const live = new LiveStatus(tell, look, (isLive) => { find("#live-note").hidden = isLive; });
let refreshing = null;
let knowing = null;

/** Photos come by the hundred: one look serves all that came in a moment. */
function refreshSoon() {
  refreshing ??= setTimeout(() => {
    refreshing = null;
    gallery.refresh();
  }, REFRESH_MILLISECONDS);
}

function tell(outcomes) {
  // The list of uploads may want to know, too.
  document.dispatchEvent(new CustomEvent("photo-outcomes", { detail: outcomes }));
  const arrived = outcomes.filter((outcome) => outcome.status === "processed").length;
  if (arrived > 0) announce(arrived === 1 ? "A photo has come into your gallery" : `${arrived} photos have come into your gallery`);
  gallery.hear(outcomes);
  refreshSoon();
}

/** While there are no events: is the session still there, and what is new? */
async function look() {
  try {
    await me();
  } catch (error) {
    if (error.status === 401) sessionEnded();
    return;
  }
  refreshSoon();
}

function showWelcome() {
  live.stop();
  knowing?.stop();
  find("#starting").hidden = true;
  find("#welcome").hidden = false;
  find("#application").hidden = true;
  find("#account").hidden = true;
  find("#live-note").hidden = true;
  gallery.clear();
  gallery.selection.leave();
  gallery.filters.clear();
}

/** Nobody has signed out: the page says why it does not show their photos any more. */
function sessionEnded() {
  if (find("#application").hidden) return;
  showWelcome();
  tellProblem("Your session has ended. Log in to go on where you were.");
}

function tellProblem(text) {
  find("#auth-error").textContent = text;
  find("#auth-error").hidden = false;
}

function showApplication() {
  find("#starting").hidden = true;
  find("#welcome").hidden = true;
  find("#application").hidden = false;
  find("#account").hidden = false;
  uploads.pump();
  live.start();
  gallery.start();
}

function know(customer) {
  find("#account-name").textContent = customer.display_name;
  gallery.know(customer);
  localStorage.setItem(WHO_KEY, customer.customer_id);
}

/** The page works without knowing whose it is, and will know. */
async function knowLater() {
  knowing = new Retrying(me, () => {});
  try {
    const customer = await knowing.run();
    if (customer !== undefined) know(customer);
  } catch (error) {
    if (error.status === 401) sessionEnded();
  }
}

async function begin() {
  try {
    know(await me());
    showApplication();
  } catch (error) {
    // With the database away, photos can still be sent.
    if (!error.isTemporary) {
      showWelcome();
      return;
    }
    showApplication();
    knowLater();
  }
}

/** A browser has one session: somebody else has logged in in another tab, and what is shown here is not theirs. */
function followOtherTabs({ key, newValue }) {
  if (key !== WHO_KEY || newValue === null || newValue === gallery.customerId || find("#application").hidden) return;
  gallery.clear();
  announce("Another account has logged in.");
  begin();
}

async function signOut() {
  uploads.clear();
  gallery.selection.forget();
  showWelcome();
  forget();
  gallery.filters.forget();
  find("#account-name").textContent = "";
  find("#auth-form").elements.email.focus();
  find("#auth-error").hidden = true;
  try {
    await logOut();
    announce("You are signed out.");
  } catch (error) {
    tellProblem(`You may still be signed in on the server. ${error.message}`);
  }
}

setUpAuth(begin);
find("#sign-out").addEventListener("click", signOut);
window.addEventListener("storage", followOtherTabs);
// Asking prolongs the session, so that a long upload does not outlive it.
setInterval(() => { if (!find("#application").hidden) me().catch(() => {}); }, SESSION_CHECK_MILLISECONDS);

await begin();
