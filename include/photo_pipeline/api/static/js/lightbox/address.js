// Every photo has an address, and Back leads from it to where one was.

const ADDRESS = /^#photo=([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

const named = () => ADDRESS.exec(location.hash)?.[1] ?? null;

/** The address becomes the gallery's, and nobody is to come back to the photo. */
export function forget() {
  if (named() !== null) history.replaceState(null, "", location.pathname + location.search);
}

function write(photoId) {
  const address = `#photo=${photoId}`;
  if (named() !== null) {
    history.replaceState(history.state, "", address);
    return;
  }
  // The page stays where it is when one comes back.
  history.scrollRestoration = "manual";
  history.pushState({ beforeIsGallery: true }, "", address);
}

/** The page's address. A browser takes a moment to go back: what is opened meanwhile has its address after that. */
export class Address {
  /** @param {() => void} onChange called when the address has become another one, and not by us */
  constructor(onChange) {
    this.isLeaving = false;
    this.next = null;
    window.addEventListener("popstate", () => this.changed(onChange));
  }

  /** The photo that it names, or null. */
  get photoId() {
    return this.isLeaving ? this.next : named();
  }

  /** It becomes the photo's. Back closes it, however many were looked at. */
  enter(photoId) {
    if (this.isLeaving) this.next = photoId;
    else if (named() !== photoId) write(photoId);
  }

  /** It becomes the gallery's again. */
  leave() {
    if (this.isLeaving) this.next = null;
    else if (!history.state?.beforeIsGallery) forget();
    else if (named() !== null) {
      this.isLeaving = true;
      history.back();
    }
  }

  changed(onChange) {
    const { isLeaving, next } = this;
    this.isLeaving = false;
    this.next = null;
    if (!isLeaving || named() !== null) onChange();
    else if (next !== null) write(next);
  }
}
