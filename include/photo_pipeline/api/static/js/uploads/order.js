// In which order photos on their way are listed.

import { REFUSED } from "./photo.js";

/** What somebody has to do something about comes first; else the order is that in which they came. */
export function errorsFirst(photos) {
  const [wrong, fine] = [[], []];
  for (const photo of photos) (REFUSED.has(photo.state) ? wrong : fine).push(photo);
  return wrong.length === 0 ? photos : [...wrong, ...fine];
}
