// The links that the customer has shared.

import { endShare, shares } from "../api.js";
import { moment } from "../days.js";
import { announce, find } from "../dom.js";
import { line } from "./line.js";

const counted = (count, one, many) => (count === 1 ? `1 ${one}` : `${count} ${many}`);

export async function listShares() {
  const { shares: all } = await shares();
  find("#shares").replaceChildren(...all.map(shareLine));
  find("#no-shares").hidden = all.length > 0;
}

function shareLine(share) {
  const made = moment(share.created_at);
  const title = `${counted(share.photos, "photo", "photos")}, until ${moment(share.expires_at)}`;
  const note = `Made ${made}, opened ${counted(share.views, "time", "times")}`;
  return line(title, note, { text: "End", label: `End the link made ${made}`, work: () => end(share) });
}

async function end(share) {
  await endShare(share.share_id);
  await listShares();
  announce("The link is over.");
  find("#shares-heading").focus();
}
