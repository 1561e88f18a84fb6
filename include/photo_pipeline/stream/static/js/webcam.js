// The camera: opened, shown, turned into JPEG pictures, and let go of.

const QUALITY = 0.85;

const REASONS = {
  NotAllowedError: "The camera may not be used. Allow it for this page in the browser's settings, then start again.",
  NotFoundError: "There is no such camera on this device.",
  OverconstrainedError: "There is no such camera on this device.",
  NotReadableError: "The camera is in use by another program.",
};

export class Webcam {
  /** `onLost` is called when the camera is taken away. */
  constructor(video, onLost) {
    this.video = video;
    this.onLost = onLost;
    this.media = null;
    this.canvas = document.createElement("canvas");
  }

  /** Asks for the camera. Fails with an Error that a person can read. */
  async open(choice, longEdge) {
    if (!navigator.mediaDevices?.getUserMedia) {
      throw new Error("Browsers give the camera to pages over HTTPS only. Open this page with https://.");
    }
    try {
      this.media = await navigator.mediaDevices.getUserMedia({ audio: false, video: constraints(choice, longEdge) });
    } catch (error) {
      throw new Error(REASONS[error.name] ?? "The camera could not be started.");
    }
    for (const track of this.media.getTracks()) track.addEventListener("ended", this.onLost);
    this.video.srcObject = this.media;
    await this.video.play();
  }

  /** One picture with at most `longEdge` pixels at its longer side, or null while there is none. */
  picture(longEdge) {
    const { videoWidth: width, videoHeight: height } = this.video;
    if (width === 0 || this.media === null) return Promise.resolve(null);
    const scale = Math.min(1, longEdge / Math.max(width, height));
    this.canvas.width = Math.round(width * scale);
    this.canvas.height = Math.round(height * scale);
    this.canvas.getContext("2d").drawImage(this.video, 0, 0, this.canvas.width, this.canvas.height);
    return new Promise((resolve) => { this.canvas.toBlob(resolve, "image/jpeg", QUALITY); });
  }

  /** Lets go of the camera: its light goes out. */
  close() {
    for (const track of this.media?.getTracks() ?? []) {
      track.removeEventListener("ended", this.onLost);
      track.stop();
    }
    this.media = null;
    this.video.srcObject = null;
  }

  /** Cameras by name; browsers tell the names only once one was opened. */
  static async names() {
    const devices = await navigator.mediaDevices?.enumerateDevices?.() ?? [];
    return devices.filter(({ kind, label }) => kind === "videoinput" && label !== "");
  }
}

function constraints(choice, longEdge) {
  const video = { width: { ideal: longEdge } };
  if (choice.startsWith("facing:")) return { ...video, facingMode: { ideal: choice.slice("facing:".length) } };
  return choice === "" ? video : { ...video, deviceId: { exact: choice } };
}
