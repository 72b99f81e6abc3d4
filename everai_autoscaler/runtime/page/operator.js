// What an operator can do: pause, hold, resume, decide now.

import { post } from "./api.js";
import { openAsk, openShow } from "./dialogs.js";
import { $, fill, problem, remembered } from "./elements.js";
import { state, totals } from "./state.js";
import { moment, plural } from "./words.js";

// A pause or a hold, as it stood when a decision was made.
export function said({ word, workers, by, until, reason }) {
  const done = word === "pause" ? "paused" : `held at ${plural(workers, "worker")}`;
  return `${done} by ${by}${until === null ? "" : ` until ${moment(until)}`}${reason ? `: ${reason}` : ""}`;
}

// The pause or the hold that is in force.
export function inForce({ word, workers, by, since, until, reason }) {
  const done = word === "pause" ? "Paused" : `Held at ${plural(workers, "worker")}`;
  const end = until === null ? "until somebody resumes" : `until ${moment(until)}`;
  return `${done} by ${by} since ${moment(since)}, ${end}${reason ? `: ${reason}` : ""}`;
}

$("pause").addEventListener("click", () => openAsk({
  title: "Pause scaling",
  text: "Nobody is started and nobody is removed. The policy is still asked, so that one sees what it would do.",
  yes: "Pause",
  fields: ["for", "reason", "by"],
  act: (answers) => post("/api/pause", answers),
}));
$("hold").addEventListener("click", () => openAsk({
  title: "Hold at a number of workers",
  text: "So many workers are kept, whatever the policy says, up to its maximum. Nobody who serves is removed.",
  yes: "Hold",
  fields: ["workers", "for", "reason", "by"],
  workers: state.status ? totals()[0] - (state.status.workers.draining || 0) : 1,
  act: (answers) => post("/api/hold", answers),
}));
actsAtOnce($("resume"), () => post("/api/resume", { by: remembered.get("by") || "the page" }));
actsAtOnce($("tick"), () => post("/api/tick", {}));

function actsAtOnce(button, action) {
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await action();
    } catch (error) {
      fill(openShow("That didn't work"), problem(error));
    } finally {
      button.disabled = false;
    }
  });
}
