// What a page does for whoever is logged in, and what it says where that fails.

import { find } from "./dom.js";
import { sentence } from "./forms.js";
import { Notice } from "./notice.js";
import { explained, Retrying } from "./retrying.js";

const UNAUTHORIZED = 401;
const notice = new Notice("#page-trouble");

/** Shows nobody's any more. */
export function showSignedOut() {
  find("#signed-out").hidden = false;
  find(".bar form").hidden = true;
  find("#application").hidden = true;
}

/** Does something; `tell` hears what went wrong, unless the session has ended: then the page says so. */
export async function guarded(work, tell) {
  try {
    await work();
  } catch (error) {
    if (error.status === UNAUTHORIZED) showSignedOut();
    else tell(error);
  }
}

/** What somebody asked for: it is not tried again behind their back. */
export function act(work) {
  notice.hide();
  return guarded(work, (error) => notice.show(sentence(error), () => act(work)));
}

/** What the page is for is asked for until it is there; `what` begins the sentence that says why it is not. */
export function present(work, what) {
  const asking = new Retrying(work, (trouble) => {
    if (trouble === null) notice.hide();
    else notice.show(`${what} cannot be shown just now. ${explained(trouble)}`, () => asking.now());
  });
  return guarded(() => asking.run(), (error) => notice.show(error.message));
}
