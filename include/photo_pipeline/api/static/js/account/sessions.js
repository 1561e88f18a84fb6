// Where the customer is logged in.

import { act } from "../acting.js";
import { endOtherSessions, endSession, sessions } from "../api.js";
import { moment } from "../days.js";
import { announce, find } from "../dom.js";
import { line } from "./line.js";

export async function listSessions() {
  const { sessions: all } = await sessions();
  find("#sessions").replaceChildren(...all.map(sessionLine));
  find("#end-others").hidden = !all.some(({ current }) => !current);
}

function sessionLine(session) {
  const agent = session.agent ?? "Unknown program";
  const since = `Logged in ${moment(session.began_at)}`;
  if (session.current) return line(`${agent}: this one`, since, null);
  const note = `${since}, seen ${moment(session.seen_at)}`;
  const label = `Log out ${agent}, logged in ${moment(session.began_at)}`;
  return line(agent, note, { text: "Log out", label, work: () => end(() => endSession(session.session_id), `${agent} is logged out.`) });
}

async function end(work, told) {
  try {
    await work();
  } catch (error) {
    if (error.status !== 404) throw error; // it has ended by itself: as wanted
  }
  await listSessions();
  announce(told);
  find("#sessions-heading").focus();
}

export function setUpSessions() {
  find("#end-others").addEventListener("click", () => {
    act(() => end(endOtherSessions, "You are logged in here alone."));
  });
}
