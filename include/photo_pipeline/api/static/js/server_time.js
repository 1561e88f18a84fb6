// What time it is, as the server's answers tell: a reader's own clock may be a day off.

let ahead = 0; // milliseconds

/** Takes note of the server's time, from an answer that it has just made; and says it. */
export function hearTime(response) {
  const told = Date.parse(response.headers.get("Date"));
  if (!Number.isNaN(told)) ahead = told - Date.now();
  return now();
}

export const now = () => Date.now() + ahead;
