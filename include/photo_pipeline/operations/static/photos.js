// The page stands in a frame of Airflow's UI, whose sandbox lets no link out of it. What belongs into Airflow's own
// window is therefore followed by a link of that window's document.
const outside = (() => {
  try {
    return window.parent !== window && window.parent.document ? window.parent : null;
  } catch {
    return null; // framed by another site, which the policy forbids anyway
  }
})();

function follow(address) {
  if (!outside) {
    window.location.assign(address);
    return;
  }
  const link = outside.document.createElement("a");
  link.href = new URL(address, window.location.href).href;
  outside.document.body.append(link);
  link.click();
  link.remove();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-airflow]");
  if (link && outside && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    follow(link.href);
  }
});

// Airflow's UI has a switch of its own for light and dark.
const theme = outside?.document.documentElement.classList;
if (theme) document.documentElement.dataset.theme = theme.contains("dark") ? "dark" : "light";
