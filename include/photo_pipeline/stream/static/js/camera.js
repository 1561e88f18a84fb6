// The page that streams a webcam: puts token, camera, pace and connection together.

import { Connection, whoIs } from "./connection.js";
import { Pace } from "./pace.js";
import { Webcam } from "./webcam.js";

const KEPT_AS = "photo-device-token"; // in sessionStorage: this tab alone, until it is closed
const SHOWN_ANSWERS = 8;
const SLOWER_SECONDS = 2; // where the server says "later" but not when

const find = (id) => document.getElementById(id);
const counts = { sent: 0, safe: 0, refused: 0, "left-out": 0 };
let streaming = null;
let isLeft = false; // somebody has signed out

class Streaming {
  constructor(webcam, token, rate, longEdge) {
    this.webcam = webcam;
    this.longEdge = longEdge;
    this.pace = new Pace(rate);
    this.connection = new Connection(token);
    this.timer = null;
    this.isStopped = false;
    this.connection.addEventListener("open", () => { if (!this.isStopped) say("Streaming.", "good"); });
    this.connection.addEventListener("answer", ({ answer, picture }) => this.hear(answer, picture));
    this.connection.addEventListener("lost", ({ reason, seconds }) => {
      say(`${reason} Trying again in ${seconds} s; nothing that was sent is forgotten.`, "bad");
    });
    this.connection.addEventListener("ended", ({ reason }) => stop(`Stopped. ${reason}`, "bad"));
  }

  start() {
    this.connection.open();
    this.tick();
  }

  async tick() {
    const began = performance.now();
    await this.take();
    show(this);
    if (this.isStopped) return;
    const took = performance.now() - began;
    this.timer = setTimeout(() => this.tick(), Math.max(0, this.pace.interval(performance.now()) - took));
  }

  async take() {
    if (this.connection.window === null) return; // not connected: there is nobody to be too fast for
    if (!this.connection.hasRoom) {
      counts["left-out"] += 1;
      this.pace.slowDown(performance.now());
      return;
    }
    const blob = await this.webcam.picture(this.longEdge);
    if (blob === null || this.isStopped || !this.connection.hasRoom) return;
    const now = new Date();
    const filename = `webcam-${now.toISOString().replaceAll(/[:.]/g, "-")}.jpg`;
    this.connection.send({ blob, filename, takenAt: now.toLocaleTimeString() });
    counts.sent += 1;
  }

  hear({ receipt, error }, { takenAt }) {
    if (receipt) {
      counts.safe += 1;
      this.pace.speedUp();
      note(`${takenAt}: safe`, "good", receipt.photo_id);
    } else {
      counts.refused += 1;
      if (error.retry) this.pace.slowDown(performance.now(), error.retry_after ?? SLOWER_SECONDS);
      note(`${takenAt}: ${error.detail}`, "bad");
    }
    show(this);
  }

  async stop() {
    this.isStopped = true;
    clearTimeout(this.timer);
    this.webcam.close(); // first of all: whoever presses stop wants the camera off
    return this.connection.close();
  }
}

function show({ connection, pace, isStopped }) {
  for (const [id, count] of Object.entries(counts)) find(id).textContent = count;
  find("waiting").textContent = connection.waiting;
  find("refused").parentElement.classList.toggle("bad", counts.refused > 0);
  const now = isStopped ? 0 : pace.now;
  const slowed = !isStopped && pace.isSlowed;
  find("pace").textContent = slowed ? `${now.toFixed(1)} of ${pace.wanted}: slowed down` : String(now);
  find("pace").parentElement.classList.toggle("bad", slowed);
  const meter = find("window");
  const frames = connection.window?.frames;
  if (frames) [meter.max, meter.high] = [frames, Math.max(1, frames - 1)];
  meter.value = connection.waiting;
  find("window-text").textContent = frames ? `${connection.waiting} of ${frames} pictures` : "not connected";
}

/** Tells everybody, screen readers included; the same again is not said twice. */
function say(text, kind = "") {
  const status = find("status");
  if (status.textContent !== text) status.textContent = text;
  status.className = `notice ${kind}`;
}

function note(text, kind, photoId = "") {
  const entry = document.createElement("li");
  entry.className = kind;
  entry.textContent = text;
  if (photoId) entry.dataset.photoId = photoId;
  find("no-answers").hidden = true;
  find("answers").prepend(entry);
  while (find("answers").children.length > SHOWN_ANSWERS) find("answers").lastElementChild.remove();
}

function enable(isStreaming) {
  for (const id of ["start", "camera", "rate", "size", "forget"]) find(id).disabled = isStreaming;
  find("stop").disabled = !isStreaming;
  find("no-picture").hidden = isStreaming;
}

async function start() {
  const webcam = new Webcam(find("preview"), () => stop("Stopped. The camera was taken away.", "bad"));
  enable(true);
  say("Starting the camera.");
  try {
    await webcam.open(find("camera").value, Number(find("size").value));
  } catch (error) {
    webcam.close();
    enable(false);
    say(error.message, "bad");
    find("start").focus();
    return;
  }
  for (const id of Object.keys(counts)) counts[id] = 0;
  streaming = new Streaming(webcam, sessionStorage.getItem(KEPT_AS), Number(find("rate").value), Number(find("size").value));
  streaming.start();
  find("stop").focus();
  await listCameras();
}

async function stop(text = "", kind = "") {
  const ending = streaming;
  if (ending === null) return;
  streaming = null;
  say(text || "Stopping: the camera is off, the last answers are on their way.", kind);
  const unanswered = await ending.stop();
  show(ending);
  enable(false);
  const rest = unanswered ? `${unanswered} pictures stayed without an answer.` : "Every picture has its answer.";
  say(`${text || "Stopped."} ${rest}`, unanswered ? "bad" : kind);
  find("start").focus();
}

async function listCameras() {
  const known = [...find("camera").options].map(({ value }) => value);
  for (const { deviceId, label } of await Webcam.names()) {
    if (!known.includes(deviceId)) find("camera").append(new Option(label, deviceId));
  }
}

async function enter(token) {
  const problem = find("token-error");
  problem.hidden = true;
  try {
    const sender = await whoIs(token);
    if (isLeft) return;
    sessionStorage.setItem(KEPT_AS, token);
    find("device").textContent = sender.device_id ?? "none, in person";
    find("token-form").reset();
    find("token-form").hidden = true;
    find("studio").hidden = false;
    find("start").focus();
  } catch (error) {
    if (error.isFinal) sessionStorage.removeItem(KEPT_AS);
    else find("token").value = token; // to be tried again
    problem.textContent = error.message;
    problem.hidden = false;
  }
}

find("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  enter(find("token").value.trim());
});
find("forget").addEventListener("click", () => {
  sessionStorage.removeItem(KEPT_AS);
  find("studio").hidden = true;
  find("token-form").hidden = false;
  find("token").focus();
});
// Whoever signs out leaves nothing behind: this device's right to send neither.
document.querySelector(".bar form").addEventListener("submit", () => {
  isLeft = true;
  sessionStorage.removeItem(KEPT_AS);
});
find("controls").addEventListener("submit", (event) => {
  event.preventDefault();
  start();
});
find("stop").addEventListener("click", () => stop());
window.addEventListener("pagehide", () => streaming?.webcam.close());
// Whoever stays after all comes back to the page, perhaps as it was.
window.addEventListener("pageshow", () => { isLeft = false; });

/** A link that pairs this device brings its token behind the #, which goes to no server; it leaves the address at once. */
function broughtToken() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token !== null) history.replaceState(null, "", location.pathname);
  return token;
}

// Whoever opens another link in the same tab wants that device, unless pictures are on their way.
window.addEventListener("hashchange", () => {
  const token = broughtToken();
  if (token !== null && streaming === null) enter(token);
});

const known = broughtToken() ?? sessionStorage.getItem(KEPT_AS);
if (known) enter(known);
