// A form of a DAG: what it would do is asked while it is filled in, and its run is followed to its end. Nothing is
// decided here: the server knows what can be meant, and Airflow starts the run under the operator's account.
const form = document.querySelector("form[data-runs]");
const said = document.getElementById("said");
const preview = document.getElementById("preview");
const button = form.querySelector("button");
const QUIET = 300; // milliseconds without a change before it is asked
const FOLLOW = 3000;
const ENDED = new Set(["success", "failed"]);
let asked = 0;

// Pickers of times know no zone: the page's times are in UTC. What is empty is not said.
function conf() {
  const values = {};
  for (const [name, value] of new FormData(form)) {
    const field = form.elements[name];
    if (field.type !== "datetime-local") values[name] = value.trim() || null;
    else values[name] = value ? `${value.length === 16 ? `${value}:00` : value.slice(0, 19)}+00:00` : "";
  }
  return values;
}

function mark(name, problem) {
  for (const field of form.elements) {
    if (!field.name) continue;
    const wrong = field.name === name;
    field.toggleAttribute("aria-invalid", wrong);
    if (wrong) field.setAttribute("aria-invalid", "true");
    const note = document.getElementById(`problem-${field.name}`);
    if (note) note.textContent = wrong ? problem : "";
  }
}

async function ask() {
  const turn = ++asked;
  const query = new URLSearchParams(Object.entries(conf()).filter(([, value]) => value !== null));
  let answer;
  try {
    const response = await fetch(`${form.dataset.preview}?${query}`);
    answer = response.ok ? await response.json() : { said: "What it would do cannot be counted now." };
  } catch {
    answer = { said: "What it would do cannot be counted now." };
  }
  if (turn !== asked) return; // something has changed since
  mark(answer.field, answer.problem);
  preview.textContent = answer.said ?? "";
  button.disabled = Boolean(answer.problem || answer.nothing);
  const choices = document.getElementById("customers");
  if (choices && answer.customers) {
    choices.replaceChildren(...answer.customers.map((id) => Object.assign(document.createElement("option"), { value: id })));
  }
}

let waiting;
form.addEventListener("input", () => {
  asked += 1;
  button.disabled = true; // until it is known what it would do now
  clearTimeout(waiting);
  waiting = setTimeout(ask, QUIET);
});
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  button.disabled = true;
  said.textContent = "Starting…";
  try {
    const answer = await json(form.dataset.runs, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ logical_date: null, conf: conf() }),
    });
    await follow_run(answer.dag_run_id);
  } catch (error) {
    said.textContent = `Not started. ${error.message}`;
    button.disabled = false;
  }
});

async function follow_run(id) {
  const link = document.createElement("a");
  link.href = form.dataset.runPage + encodeURIComponent(id);
  link.dataset.airflow = "";
  link.textContent = id;
  const state = document.createElement("span");
  said.replaceChildren("Started: ", link, " ", state);
  for (;;) {
    let run;
    try {
      run = await json(`${form.dataset.runs}/${encodeURIComponent(id)}`);
    } catch {
      run = { state: "not known now, asked again" };
    }
    state.textContent = END[run.state] ?? `(${run.state})`;
    state.className = run.state;
    if (ENDED.has(run.state)) return;
    await new Promise((resolve) => setTimeout(resolve, FOLLOW));
  }
}

const END = { success: "has done it.", failed: "failed: its red task's last line says why." };

async function json(address, options) {
  const response = await fetch(address, options);
  const answer = await response.json();
  if (!response.ok) throw new Error(describe(answer));
  return answer;
}

function describe({ detail }) {
  return Array.isArray(detail) ? detail.map((one) => one.msg).join(" ") : String(detail ?? "Airflow gave no reason.");
}

ask();
