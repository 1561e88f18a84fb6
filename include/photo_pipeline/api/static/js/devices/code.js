// A link as a code that another device's camera reads.

import { make } from "../dom.js";

const QUIET = 4; // modules of white around it, which readers need
const PIXELS = 4; // of a module

/** A picture of the link, black on white in light and dark; null where it is too long for any code. */
export async function codeOf(link) {
  // Only who makes a token needs it.
  const { qrcode } = await import("/packages/qrcode-generator/qrcode.mjs");
  const code = qrcode(0, "L");
  try {
    code.addData(link);
    code.make();
  } catch {
    return null;
  }
  return drawn(code);
}

function drawn(code) {
  const modules = code.getModuleCount();
  const side = (modules + 2 * QUIET) * PIXELS;
  const canvas = make("canvas", { width: side, height: side });
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, side, side);
  context.fillStyle = "#000";
  for (let row = 0; row < modules; row += 1) {
    for (let column = 0; column < modules; column += 1) {
      if (code.isDark(row, column)) context.fillRect((column + QUIET) * PIXELS, (row + QUIET) * PIXELS, PIXELS, PIXELS);
    }
  }
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", "The link as a code for a phone's camera");
  return canvas;
}
