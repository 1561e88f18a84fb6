// The page of a link to photos: says so where some do not come, as once the link has been ended.

import { find } from "./dom.js";

const tell = () => { find("#trouble").hidden = false; };

document.addEventListener("error", ({ target }) => { if (target instanceof HTMLImageElement) tell(); }, { capture: true });
if ([...document.images].some((image) => image.complete && image.naturalWidth === 0)) tell(); // before this was here
