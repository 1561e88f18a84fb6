// One file's way to the server by tus, with the client library of its makers (window.tus, see index.html).

import { ApiError, errorFrom, MEANT_FOR } from "../api.js";
import { tellReach } from "../reach.js";

const ENDPOINT = "/api/v1/uploads";
// Browsers send a request again by themselves, from its beginning, when a connection that they had used before breaks:
// what a cut can cost is one piece.
const CHUNK = 1024 * 1024;
const STORED = "tus::"; // so the library begins its names
const LONGEST_PAUSE = 30_000;
const ATTEMPTS = 12;
const GONE = new Set([404, 410]);
const PASSING = new Set([0, 408, 409, 423, 429]);

/** What the names begin with under which a customer's addresses are stored. */
const addressesOf = (owner) => `photo-${owner ?? "nobody"}-`;

/** A customer's addresses are not needed any more. */
export function forgetAddresses(owner) {
  const names = Object.keys(localStorage).filter((name) => name.startsWith(STORED + addressesOf(owner)));
  for (const name of names) localStorage.removeItem(name);
}

export class Stopped extends Error {}

/** Goes on where it was cut, for as long as there is hope; `stop` ends it, `start` goes on again. */
export class Transfer {
  /** @param {Photo} photo told how it goes: `began` with each try, `progressed` with bytes, `troubled` before another try */
  constructor(photo) {
    const { file, sha256, key } = photo;
    this.photo = photo;
    this.failures = 0;
    this.reached = 0;
    const metadata = { filename: file.name, filetype: file.type };
    if (sha256 !== null) metadata.sha256 = sha256;
    // The same bytes go on after the page was loaded anew; without their hash, the same name, size and age.
    this.name = `${addressesOf(photo.owner)}${sha256 ?? [file.name, file.size, file.lastModified].join("/")}`;
    this.upload = new window.tus.Upload(file, {
      endpoint: ENDPOINT,
      chunkSize: CHUNK,
      retryDelays: null,
      // A large file needs an address before its first byte, or a cut would cost all that was sent until then.
      uploadDataDuringCreation: file.size <= CHUNK,
      metadata,
      // A creation whose answer was lost is made again, and hears what became of the first.
      onBeforeRequest: (request) => {
        if (key !== null && request.getMethod() === "POST") request.setHeader("Idempotency-Key", `"${key}"`);
      },
      fingerprint: async () => this.name,
      // Until nothing here would send it again: asked for at its address, the server tells its receipt.
      removeFingerprintOnSuccess: false,
      // From here on a failed question where to go on must not begin a new upload, as the library would.
      onUploadUrlAvailable: () => { this.upload.options.endpoint = null; },
      onProgress: (sent) => this.progressed(sent),
      onSuccess: ({ lastResponse }) => this.settle?.resolve(lastResponse.getHeader("Photo-Receipt")),
      onError: (error) => this.settle?.reject(problemOf(error)),
    });
  }

  /**
   * Sends what is missing.
   * @returns {Promise<string>} the receipt's token
   * @throws {Stopped} when it was stopped
   * @throws {ApiError} when there is no hope, or the photo was refused
   */
  async start() {
    this.stopped = false;
    this.failures = 0;
    await this.recall();
    for (;;) {
      try {
        return await this.once();
      } catch (error) {
        if (this.stopped || error instanceof Stopped) throw new Stopped();
        await this.recover(error);
        if (this.stopped) throw new Stopped();
      }
    }
  }

  /** Ends `start`; what has arrived stays there. */
  stop() {
    this.stopped = true;
    this.upload.abort().catch(() => {});
    this.settle?.reject(new Stopped());
    this.wake?.();
  }

  /** Ends it for good, here and at the server. */
  cancel() {
    const { url } = this.upload;
    this.stop();
    if (url) this.upload.abort(true).catch(() => {}); // it expires there all the same
  }

  /** Its address at the server is not needed any more. */
  async forgetAddress() {
    const { urlStorage } = this.upload.options;
    for (const { urlStorageKey } of await urlStorage.findUploadsByFingerprint(this.name)) await urlStorage.removeUpload(urlStorageKey);
  }

  once() {
    const { owner } = this.photo;
    // Another tab may have logged somebody else in meanwhile.
    this.upload.options.headers = owner === null ? {} : { [MEANT_FOR]: owner };
    this.photo.began(Boolean(this.upload.url));
    return new Promise((resolve, reject) => {
      this.settle = { resolve, reject };
      this.upload.start();
    }).finally(() => { this.settle = null; });
  }

  async recall() {
    if (this.upload.url) return;
    const [previous] = await this.upload.findPreviousUploads();
    if (previous?.uploadUrl === undefined) return;
    this.upload.resumeFromPreviousUpload(previous);
    this.upload.options.endpoint = null;
  }

  async recover(error) {
    // A browser says nothing but that a request failed also where the file has changed or is gone; this throws then.
    if (error.status === 0) await this.photo.file.slice(0, 1).arrayBuffer();
    if (GONE.has(error.status) && this.upload.url) {
      // It expired there, or was another customer's.
      this.upload.url = null;
      this.upload.options.endpoint = ENDPOINT;
      this.failures += 1;
      if (this.failures > ATTEMPTS) throw error;
      return;
    }
    if (!PASSING.has(error.status) && error.status < 500) throw error;
    if (this.photo.reach.isLost) {
      // That may take hours, and is not the photo's fault.
      this.photo.troubled("No connection. It goes on by itself.");
      await this.pause((signal) => this.photo.reach.back(signal));
      return;
    }
    this.failures += 1;
    if (this.failures > ATTEMPTS) throw error;
    this.photo.troubled(`${error.message} Trying again …`);
    const milliseconds = Math.max(500 * 2 ** (this.failures - 1), (error.retryAfter ?? 0) * 1000);
    await this.pause((signal) => later(Math.min(milliseconds, LONGEST_PAUSE), signal));
  }

  /** Waits, but not longer than until it is woken. */
  async pause(wait) {
    const ending = new AbortController();
    this.wake = () => ending.abort();
    await wait(ending.signal);
    this.wake = null;
  }

  progressed(sent) {
    if (sent > this.reached) {
      this.reached = sent;
      this.failures = 0;
    }
    this.photo.progressed(sent);
  }
}

function later(milliseconds, signal) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      window.removeEventListener("online", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    window.addEventListener("online", done);
    signal.addEventListener("abort", done);
  });
}

function problemOf(error) {
  const response = error.originalResponse ?? null;
  tellReach(response !== null);
  if (response === null) return new ApiError("The connection was lost.");
  const problem = errorFrom(response.getStatus(), response.getBody(), "The photo could not be sent.");
  problem.retryAfter = Number(response.getHeader("Retry-After") ?? 0);
  return problem;
}
