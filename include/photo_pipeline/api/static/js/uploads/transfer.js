// One file's way to the server by tus, with the client library of its makers (window.tus, see index.html).

import { ApiError, errorFrom } from "../api.js";

const ENDPOINT = "/api/v1/uploads";
// Browsers send a request again by themselves, from its beginning, when a connection that they had used before breaks:
// what a cut can cost is one piece.
const CHUNK = 1024 * 1024;
const LONGEST_PAUSE = 30_000;
const ATTEMPTS = 12;
const GONE = new Set([404, 410]);
const PASSING = new Set([0, 408, 409, 423, 429]);

export class Stopped extends Error {}

/** Goes on where it was cut, for as long as there is hope; `stop` ends it, `start` goes on again. */
export class Transfer {
  /**
   * @param {File} file
   * @param {string|null} sha256 of the file, in hexadecimal; the server compares it
   * @param {(sent: number) => void} onProgress bytes that are on their way or there
   * @param {(message: string) => void} onTrouble told when the connection is lost, before it is tried again
   */
  constructor(file, sha256, onProgress, onTrouble) {
    this.file = file;
    this.onProgress = onProgress;
    this.onTrouble = onTrouble;
    this.failures = 0;
    this.reached = 0;
    const metadata = { filename: file.name, filetype: file.type };
    if (sha256 !== null) metadata.sha256 = sha256;
    // The same bytes go on after the page was loaded anew; without their hash, the same name, size and age.
    const name = sha256 ?? [file.name, file.size, file.lastModified].join("/");
    this.upload = new window.tus.Upload(file, {
      endpoint: ENDPOINT,
      chunkSize: CHUNK,
      retryDelays: null,
      // A large file needs an address before its first byte, or a cut would cost all that was sent until then.
      uploadDataDuringCreation: file.size <= CHUNK,
      metadata,
      fingerprint: async () => `photo-${name}`,
      removeFingerprintOnSuccess: true,
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

  once() {
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
    if (GONE.has(error.status) && this.upload.url) {
      // It expired there, or was another customer's.
      this.upload.url = null;
      this.upload.options.endpoint = ENDPOINT;
      this.failures += 1;
      if (this.failures > ATTEMPTS) throw error;
      return;
    }
    if (!PASSING.has(error.status) && error.status < 500) throw error;
    this.failures += 1;
    if (this.failures > ATTEMPTS) throw error;
    this.onTrouble(navigator.onLine ? `${error.message} Trying again …` : "No connection. It goes on by itself.");
    await this.pause(Math.max(500 * 2 ** (this.failures - 1), (error.retryAfter ?? 0) * 1000));
  }

  /** Waits, but not longer than until the connection is back. */
  pause(milliseconds) {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        window.removeEventListener("online", done);
        this.wake = null;
        resolve();
      };
      const timer = setTimeout(done, Math.min(milliseconds, LONGEST_PAUSE));
      window.addEventListener("online", done);
      this.wake = done;
    });
  }

  progressed(sent) {
    if (sent > this.reached) {
      this.reached = sent;
      this.failures = 0;
    }
    this.onProgress(sent);
  }
}

function problemOf(error) {
  const response = error.originalResponse ?? null;
  if (response === null) return new ApiError("The connection was lost.");
  const problem = errorFrom(response.getStatus(), response.getBody(), "The photo could not be sent.");
  problem.retryAfter = Number(response.getHeader("Retry-After") ?? 0);
  return problem;
}
