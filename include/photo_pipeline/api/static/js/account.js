// The account's page: links, the bin, the export, and the end. Works with the session's cookie.

import { binned, closeAccount, endShare, me, restore, shares } from "./api.js";
import { moment } from "./days.js";
import { announce, asked, find, make } from "./dom.js";

const counted = (count, one, many) => (count === 1 ? `1 ${one}` : `${count} ${many}`);

/** One line of a list: what it is, and what can be done with it. */
function line(title, note, action, label, work) {
  const what = make("span", {}, make("strong", { textContent: title }), make("span", { className: "note", textContent: note }));
  const button = make("button", { type: "button", textContent: action });
  button.setAttribute("aria-label", label);
  button.addEventListener("click", () => guarded(work));
  return make("li", {}, what, button);
}

function shareLine(share) {
  const title = `${counted(share.photos, "photo", "photos")}, until ${moment(share.expires_at)}`;
  const note = `Made ${moment(share.created_at)}, opened ${counted(share.views, "time", "times")}`;
  return line(title, note, "End", `End the link made ${moment(share.created_at)}`, async () => {
    await endShare(share.share_id);
    await listShares();
    announce("The link is over.");
    find("#shares-heading").focus();
  });
}

async function listShares() {
  const { shares: all } = await shares();
  find("#shares").replaceChildren(...all.map(shareLine));
  find("#no-shares").hidden = all.length > 0;
}

function binnedLine(photo) {
  const title = photo.filename ?? "Photo without a name";
  const end = photo.kept_until === null ? "" : `, gone ${moment(photo.kept_until)}`;
  const note = `Deleted ${moment(photo.binned_at)}${end}`;
  return line(title, note, "Restore", `Restore ${title}`, async () => {
    await restore([photo.photo_id]);
    await listBinned();
    announce(`${title} is in the gallery again.`);
    find("#bin-heading").focus();
  });
}

let nextCursor = null;

async function listBinned(cursor = null) {
  const { photos, next_cursor: next } = await binned(cursor);
  const lines = photos.map(binnedLine);
  if (cursor === null) find("#binned").replaceChildren(...lines);
  else find("#binned").append(...lines);
  nextCursor = next;
  find("#more-binned").hidden = next === null;
  find("#no-binned").hidden = find("#binned").childElementCount > 0;
}

async function show() {
  const account = await me();
  find("#name").textContent = account.display_name;
  find("#email").textContent = account.email;
  find("#since").textContent = moment(account.created_at);
  await Promise.all([listShares(), listBinned()]);
  find("#application").hidden = false;
}

async function askToClose(form) {
  if (await asked(find("#confirm")) !== "close") return;
  await closeAccount(form.elements.password.value);
  find("#application").hidden = true;
  find("#closed").hidden = false;
  find("#closed-heading").focus();
}

/** Does something and says what went wrong, at `place`. */
async function guarded(work, place = "#page-error") {
  find(place).hidden = true;
  try {
    await work();
  } catch (error) {
    const isSignedOut = error.status === 401;
    find("#signed-out").hidden = !isSignedOut;
    if (isSignedOut) {
      find("#application").hidden = true;
      return;
    }
    find(place).textContent = error.message;
    find(place).hidden = false;
  }
}

find("#close-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.currentTarget;
  guarded(() => askToClose(form), "#close-error").finally(() => form.reset());
});
find("#more-binned").addEventListener("click", () => guarded(() => listBinned(nextCursor)));

await guarded(show);
