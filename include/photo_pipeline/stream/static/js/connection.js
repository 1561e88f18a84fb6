// The long connection: sends pictures within the server's window, keeps each until its answer has come, and comes back
// after it was lost. Speaks the protocol photo-stream.v1, as the API description says.

const SUBPROTOCOL = "photo-stream.v1";
const FIRST_WAIT_SECONDS = 1;
const LONGEST_WAIT_SECONDS = 30;
const FAREWELL_MILLISECONDS = 5000;
const FINAL = new Set([1008, 1009, 3000]); // codes after which the same again would end the same way

/** Whose token this is. Fails with an Error that has `isFinal`, and `seconds` where the server said them. */
export async function whoIs(token) {
  let response;
  try {
    response = await fetch("/api/v1/sender", { headers: { Authorization: `Bearer ${token}` }, credentials: "omit" });
  } catch {
    throw failure("The server cannot be reached.", false);
  }
  const body = await response.json().catch(() => ({}));
  if (response.ok) return body;
  const isFinal = response.status === 401 || response.status === 403;
  throw failure(body.detail ?? "The server does not answer as it should.", isFinal, response.headers.get("Retry-After"));
}

function failure(message, isFinal, seconds = null) {
  return Object.assign(new Error(message), { isFinal, seconds: seconds === null ? null : Number(seconds) });
}

/**
 * Events: `open`, `answer` ({answer, picture}), `lost` ({reason, seconds}), `ended` ({reason}).
 */
export class Connection extends EventTarget {
  constructor(token) {
    super();
    this.token = token;
    this.socket = null;
    this.window = null;
    this.onTheWay = new Map(); // number on this connection -> picture
    this.again = []; // pictures without an answer from before the connection was lost
    this.sent = 0;
    this.failures = 0;
    this.isOver = false;
    this.wake = () => { if (this.timer) this.retryNow(); };
    window.addEventListener("online", this.wake);
  }

  get waiting() {
    return this.onTheWay.size + this.again.length;
  }

  get hasRoom() {
    if (this.window === null || this.again.length > 0) return false;
    const bytes = [...this.onTheWay.values()].reduce((sum, { blob }) => sum + blob.size, 0);
    return this.onTheWay.size < this.window.frames && bytes < this.window.bytes;
  }

  async open() {
    this.timer = null;
    try {
      await whoIs(this.token); // a WebSocket that is refused does not say why
    } catch (error) {
      this.lost(error.message, error.isFinal, error.seconds);
      return;
    }
    if (this.isOver) return;
    const address = new URL("/api/v1/stream", location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    this.socket = new WebSocket(address, [SUBPROTOCOL, `bearer.${this.token}`]);
    this.socket.addEventListener("message", ({ data }) => this.hear(JSON.parse(data)));
    this.socket.addEventListener("close", ({ code, reason }) => this.closed(code, reason));
  }

  /** Sends a picture; look at `hasRoom` first. */
  send(picture) {
    this.sent += 1;
    this.onTheWay.set(this.sent, picture);
    this.socket.send(JSON.stringify({ filename: picture.filename }));
    this.socket.send(picture.blob);
  }

  hear(message) {
    if (message.type === "hello") {
      this.window = message.window;
      this.failures = 0;
      const again = this.again.splice(0);
      for (const picture of again) this.send(picture);
      this.tell("open");
    } else if (message.type === "ack") {
      const picture = this.onTheWay.get(message.seq);
      this.onTheWay.delete(message.seq);
      this.tell("answer", { answer: message, picture });
    }
  }

  closed(code, reason) {
    this.window = null;
    this.sent = 0;
    this.again.push(...this.onTheWay.values());
    this.onTheWay.clear();
    this.lost(reason || "The connection was lost.", FINAL.has(code));
  }

  lost(reason, isFinal, seconds = null) {
    if (this.isOver) return;
    if (isFinal) {
      this.over();
      this.tell("ended", { reason });
      return;
    }
    const wait = seconds ?? Math.min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2 ** this.failures);
    this.failures += 1;
    const jittered = wait * (0.75 + Math.random() / 2); // so that not all come back at once
    this.timer = setTimeout(() => this.open(), jittered * 1000);
    this.tell("lost", { reason, seconds: Math.ceil(jittered) });
  }

  retryNow() {
    clearTimeout(this.timer);
    this.open();
  }

  /** Ends, once what is on its way is answered, or after a few seconds. Gives how many pictures stayed without answer. */
  async close() {
    const until = Date.now() + FAREWELL_MILLISECONDS;
    while (this.onTheWay.size > 0 && this.window !== null && Date.now() < until) {
      await new Promise((resolve) => { setTimeout(resolve, 50); });
    }
    this.over();
    return this.waiting;
  }

  over() {
    this.isOver = true;
    clearTimeout(this.timer);
    window.removeEventListener("online", this.wake);
    this.socket?.close(1000);
    this.window = null;
  }

  tell(type, detail = {}) {
    this.dispatchEvent(Object.assign(new Event(type), detail));
  }
}
