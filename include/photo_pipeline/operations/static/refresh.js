// The page looks again while somebody sees it. Only what has changed is replaced, and nothing in which the reader is: a
// field that is filled in, a focus, a selection. What was unfolded or scrolled stays so.
const EVERY = 30_000;
const PARTS = "body > header, dl.numbers, section.card";
const known = new Map();
let looked = Date.now();

const key = (part) => part.getAttribute("aria-labelledby") ?? part.localName;
for (const part of document.querySelectorAll(PARTS)) known.set(key(part), part.outerHTML);

function occupied(part) {
  const selection = document.getSelection();
  return (
    (part.contains(document.activeElement) && document.activeElement !== document.body) ||
    (selection && !selection.isCollapsed && selection.containsNode(part, true)) ||
    [...part.querySelectorAll("input, textarea")].some((field) => field.value !== field.defaultValue)
  );
}

function renew(part, fresh) {
  const unfolded = [...part.querySelectorAll("details")].map((one) => one.open);
  const scrolled = [...part.querySelectorAll(".scroll")].map((one) => [one.scrollLeft, one.scrollTop]);
  const next = document.importNode(fresh, true);
  part.replaceWith(next);
  next.querySelectorAll("details").forEach((one, place) => { one.open = unfolded[place] ?? false; });
  next.querySelectorAll(".scroll").forEach((one, place) => { [one.scrollLeft, one.scrollTop] = scrolled[place] ?? [0, 0]; });
}

async function look() {
  looked = Date.now();
  try {
    const response = await fetch(window.location.href, { cache: "no-store" });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    if (!response.ok || !page.querySelector("[data-figure=verdict]")) return; // logged out, or Airflow is restarting
    const fresh = new Map([...page.querySelectorAll(PARTS)].map((part) => [key(part), part]));
    for (const part of document.querySelectorAll(PARTS)) {
      const next = fresh.get(key(part));
      if (!next || next.outerHTML === known.get(key(part)) || occupied(part)) continue;
      known.set(key(part), next.outerHTML);
      renew(part, next);
    }
  } catch {
    // Tried again in a while; the page says of when it is.
  }
}

setInterval(() => { if (!document.hidden) look(); }, EVERY);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && Date.now() - looked >= EVERY) look();
});
