// Libraries that are needed once a photo is opened. What could not be loaded is asked for again by the next who needs it.

import EXIF_READER from "/packages/exifreader/exif-reader.js?url";
import VIEWER from "/packages/photoswipe/photoswipe.esm.min.js?url";

const loaded = new Map();
let tries = 0;

function once(address, load) {
  if (!loaded.has(address)) {
    const loading = load(tries === 0 ? address : `${address}?try=${tries}`);
    loaded.set(address, loading);
    loading.catch(() => {
      // Browsers remember a module that did not come; at another address they ask again.
      tries += 1;
      loaded.delete(address);
    });
  }
  return loaded.get(address);
}

/** PhotoSwipe's class. */
export const viewer = () => once(VIEWER, async (address) => (await import(address)).default);

/** ExifReader; it is a script, no module. */
export const exifReader = () => once(EXIF_READER, (address) => new Promise((resolve, reject) => {
  const script = document.createElement("script");
  script.src = address;
  script.addEventListener("load", () => resolve(window.ExifReader));
  script.addEventListener("error", () => {
    script.remove();
    reject(new Error(`${address} could not be loaded`));
  });
  document.head.append(script);
}));
