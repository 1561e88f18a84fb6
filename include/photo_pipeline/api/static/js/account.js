// The account's page: who one is, where one is logged in, links, the bin, the export, and the end. Works with the cookie.

import { listBinned, setUpBin } from "./account/bin.js";
import { setUpClosing } from "./account/closing.js";
import { listSessions, setUpSessions } from "./account/sessions.js";
import { listShares } from "./account/shares.js";
import { setUpYou, showAccount } from "./account/you.js";
import { present, showSignedOut } from "./acting.js";
import { find } from "./dom.js";
import { followCustomer } from "./tabs.js";

async function show() {
  await Promise.all([showAccount(), listSessions(), listShares(), listBinned()]);
  find("#application").hidden = false;
}

for (const setUp of [setUpYou, setUpSessions, setUpBin, setUpClosing]) setUp();
followCustomer(showSignedOut);

await present(show, "Your account");
