// Puts the page together: who is here decides what is shown.

import { logOut, me } from "./api.js";
import { setUpAuth } from "./auth.js";
import { announce, asked, find } from "./dom.js";
import { Gallery } from "./gallery.js";
import { installSoon } from "./installing.js";
import { forget } from "./lightbox/address.js";
import { LiveStatus } from "./live.js";
import { Notice } from "./notice.js";
import { Reach } from "./reach.js";
import { Retrying } from "./retrying.js";
import { BROUGHT_BACK, DELETED, LOGGED_IN, MOVED, notSent, sharedFrom, SIGNED_OUT, Tabs, WHO_KEY } from "./tabs.js";
import { Uploads } from "./uploads.js";

const SESSION_CHECK_MILLISECONDS = 5 * 60 * 1000;
const REFRESH_MILLISECONDS = 300;

const { key, isShared, notTaken } = sharedFrom(location, sessionStorage);
const gallery = new Gallery(sessionEnded);
const reach = new Reach(tellReached);
const uploads = new Uploads(reach, key, refreshSoon, sessionEnded);
const tabs = new Tabs(hearTab, (customerId) => uploads.forgettableOf(customerId));
const live = new LiveStatus(tell, look, (isLive) => { find("#live-note").hidden = isLive; });
let refreshing = null;
let knowing = null;

function tellReached(isLost) {
  find("#offline").hidden = !isLost;
  uploads.later();
  if (isLost || find("#application").hidden) return;
  announce("The connection is back.");
  uploads.remembering(); // what it takes may not have come before
  refreshSoon();
}

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
  const arrived = gallery.hear(outcomes).filter((outcome) => outcome.status === "processed").length;
  if (arrived > 0) announce(arrived === 1 ? "A photo has come into your gallery" : `${arrived} photos have come into your gallery`);
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
  uploads.halt();
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
  uploads.goOn();
  live.start();
  gallery.start({ isReturn: true });
  installSoon(new Notice("#new-version"), () => uploads.wouldLose);
}

function know(customer) {
  find("#account-name").textContent = customer.display_name;
  gallery.know(customer);
  localStorage.setItem(WHO_KEY, customer.customer_id);
  uploads.know(customer.customer_id);
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
      if (isShared) tellProblem("Log in to send what you have shared. This browser keeps it for you.");
      return;
    }
    showApplication();
    // Whoever was here last, as far as anybody can tell: the server takes nothing for them from somebody else.
    const last = localStorage.getItem(WHO_KEY);
    if (last !== null) uploads.know(last);
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

/** What is not sent is forgotten with whose it is, so that is asked before. */
async function isSureToLeave() {
  const elsewhere = await Promise.all([uploads.countElsewhere(), tabs.countOthers(uploads.owner)]);
  const unsent = elsewhere.reduce((sum, number) => sum + number, uploads.unsent);
  if (unsent === 0) return true;
  find("#leave-heading").textContent = notSent(unsent);
  return await asked(find("#leave")) === "leave";
}

/** Nothing of theirs stays, not even where they were. */
function forgetGallery() {
  gallery.selection.forget();
  gallery.place.forget();
}

async function signOut() {
  if (!await isSureToLeave()) return;
  tabs.tell(SIGNED_OUT, uploads.owner);
  localStorage.removeItem(WHO_KEY);
  const cleared = uploads.clear();
  showWelcome();
  forgetGallery();
  forget();
  gallery.filters.forget();
  find("#account-name").textContent = "";
  find("#auth-form").elements.email.focus();
  find("#auth-error").hidden = true;
  try {
    await cleared;
    await logOut();
    announce("You are signed out.");
  } catch (error) {
    tellProblem(`You may still be signed in on the server. ${error.message}`);
  }
}

async function loggedIn() {
  await begin();
  tabs.tell(LOGGED_IN, gallery.customerId);
}

/** Somebody has signed out in another tab: nothing of theirs stays in this one, either. Or in. */
function hearTab({ what, customerId, photoIds }) {
  if (what === LOGGED_IN && !find("#welcome").hidden) begin();
  if (customerId === gallery.customerId && what === DELETED) gallery.hearDeleted(photoIds);
  if (customerId === gallery.customerId && what === BROUGHT_BACK) gallery.hearBroughtBack(photoIds);
  if (what !== SIGNED_OUT) return;
  uploads.forgetAside(customerId);
  if (customerId !== uploads.owner) return;
  uploads.clear();
  sessionEnded();
  forgetGallery();
}

setUpAuth(loggedIn);
find("#sign-out").addEventListener("click", signOut);
window.addEventListener("storage", followOtherTabs);
document.addEventListener(MOVED, ({ detail: { what, photoIds } }) => tabs.tell(what, gallery.customerId, photoIds));
// Asking prolongs the session, so that a long upload does not outlive it.
setInterval(() => { if (!find("#application").hidden) me().catch(() => {}); }, SESSION_CHECK_MILLISECONDS);

if (notTaken !== null) uploads.told.tellNotTaken(notTaken);
await begin();
