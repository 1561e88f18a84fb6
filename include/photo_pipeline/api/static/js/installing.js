// Has the browser keep what the page needs without a network, and take what a phone shares: see service-worker.js.

const WORKER = "/service-worker.js";
const LATER_MILLISECONDS = 3000; // the photos come first

let asked = false;

/**
 * @param {Notice} notice says that there is a new version, which is there when the page is loaded anew
 * @param {() => boolean} wouldLose whether photos would be lost with this page
 */
export function installSoon(notice, wouldLose) {
  if (asked || !navigator.serviceWorker) return;
  asked = true;
  setTimeout(() => install(notice, wouldLose).catch(() => {}), LATER_MILLISECONDS); // the page does without
}

async function install(notice, wouldLose) {
  const registration = await navigator.serviceWorker.register(WORKER, { type: "module", updateViaCache: "none" });
  registration.addEventListener("updatefound", () => {
    const isFirst = registration.active === null;
    const { installing } = registration;
    installing.addEventListener("statechange", () => {
      if (installing.state !== "activated" || isFirst) return;
      const advice = wouldLose() ? "Load it when your photos are sent: this browser cannot remember them." : "What is not sent yet stays.";
      notice.show(`There is a new version of this page. ${advice}`, () => location.reload());
    });
  });
}
