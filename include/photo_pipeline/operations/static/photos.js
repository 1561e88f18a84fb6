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

const form = document.getElementById("reprocess");
form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const said = document.getElementById("said");
  const button = form.querySelector("button");
  const conf = Object.fromEntries(new FormData(form));
  conf.customer_id = conf.customer_id || null;
  button.disabled = true;
  said.textContent = "Starting…";
  try {
    const response = await fetch(form.dataset.runs, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ logical_date: null, conf }),
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(describe(answer));
    const link = document.createElement("a");
    link.href = form.dataset.runPage + encodeURIComponent(answer.dag_run_id);
    link.dataset.airflow = "";
    link.textContent = answer.dag_run_id;
    said.replaceChildren("Started: ", link);
  } catch (error) {
    said.textContent = `Not started. ${error.message}`;
    button.disabled = false;
  }
});

function describe(answer) {
  const { detail } = answer;
  return Array.isArray(detail) ? detail.map((one) => one.msg).join(" ") : String(detail ?? "Airflow gave no reason.");
}
