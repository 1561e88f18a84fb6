// Photos are deleted and brought back, so many at a time as the server takes.

import { bin, restore } from "../api.js";

const AT_ONCE = 1000;

/**
 * Moves photos piece by piece. Where it fails, it goes on from there when it is called again.
 * @param {object[]} left those to be moved; what was moved is taken out of it
 * @param {(photoIds: string[]) => Promise<{done: string[]}>} move what the server is asked
 * @param {(piece: object[], done: object[]) => void} onMoved told of each piece, and which of it are where they were wanted
 */
async function inPieces(left, move, onMoved) {
  while (left.length > 0) {
    const piece = left.slice(0, AT_ONCE);
    const ids = new Set((await move(piece.map((photo) => photo.photo_id))).done);
    left.splice(0, piece.length);
    onMoved(piece, piece.filter((photo) => ids.has(photo.photo_id)));
  }
}

export const putIntoBin = (left, onMoved) => inPieces(left, bin, onMoved);
export const takeOutOfBin = (left, onMoved) => inPieces(left, restore, onMoved);
