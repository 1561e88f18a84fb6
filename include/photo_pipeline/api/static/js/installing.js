// Has the browser keep what the page needs without a network, and take what a phone shares: see service-worker.js.

const WORKER = "/service-worker.js";
const LATER_MILLISECONDS = 3000; // the photos come first

let asked = false;

/** @param {Notice} notice says that there is a new version, which is there when the page is loaded anew */
export function installSoon(notice) {
  if (asked || !navigator.serviceWorker) return;
  asked = true;
  setTimeout(() => install(notice).catch(() => {}), LATER_MILLISECONDS); // the page does without
}

async function install(notice) {
  const registration = await navigator.serviceWorker.register(WORKER, { type: "module", updateViaCache: "none" });
  registration.addEventListener("updatefound", () => {
    const isFirst = registration.active === null;
    const { installing } = registration;
    installing.addEventListener("statechange", () => {
      if (installing.state !== "activated" || isFirst) return;
      notice.show("There is a new version of this page. What is not sent yet stays.", () => location.reload());
    });
  });
}
