// Every photo has an address, and Back leads from it to where one was.

const ADDRESS = /^#photo=([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

/** The photo that the address names, or null. */
export const photoInAddress = () => ADDRESS.exec(location.hash)?.[1] ?? null;

/** The address becomes the photo's. Back closes it, however many were looked at. */
export function enter(photoId) {
  const address = `#photo=${photoId}`;
  if (photoInAddress() === photoId) return;
  if (photoInAddress() !== null) {
    history.replaceState(history.state, "", address);
    return;
  }
  // The page stays where it is when one comes back.
  history.scrollRestoration = "manual";
  history.pushState({ beforeIsGallery: true }, "", address);
}

/** The address becomes the gallery's again. */
export function leave() {
  if (photoInAddress() === null) return;
  if (history.state?.beforeIsGallery) history.back();
  else forget();
}

/** As `leave`, where nobody is to come back to the photo. */
export function forget() {
  if (photoInAddress() !== null) history.replaceState(null, "", location.pathname + location.search);
}
