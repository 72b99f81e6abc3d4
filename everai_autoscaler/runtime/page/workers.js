// The workers, their logs, and how one is removed.

import { get, getOrNull, post } from "./api.js";
import { follow, openAsk, openShow } from "./dialogs.js";
import { $, arrange, button, el, fill, put } from "./elements.js";
import { now, state } from "./state.js";
import { brief, iso, moment, plural, span } from "./words.js";

const MOST_ENDED = 200;

export async function loadEnded() {
  if (!$("with-ended").checked) return;
  const all = await getOrNull("/api/workers?ended=1");
  if (!all) return;
  state.ended = all.filter((worker) => worker.deleted_at !== null).reverse().slice(0, MOST_ENDED);
  showWorkers();
}

export function showWorkers() {
  const all = $("with-ended").checked ? [...state.workers, ...state.ended] : state.workers;
  // A worker that has just ended may be in both lists.
  const workers = [...new Map(all.map((worker) => [worker.id, worker])).values()];
  arrange($("worker-rows"), workers, workerRow, ({ id }) => id).forEach((row, place) => updateRow(row, workers[place]));
  put($("c-workers"), String(state.workers.length));
  $("no-workers").hidden = all.length > 0;
}

function kindOf(worker) {
  if (worker.deleted_at !== null) return "ended";
  if (worker.status === "TERMINATING") return "draining";
  return { FREE: "free", BUSY: "busy", IN_FLIGHT: "inflight" }[worker.detail_status] ?? "ended";
}

function workerRow({ id }) {
  const cell = (kind, ...inside) => el("td", { class: kind, role: "cell" }, ...inside);
  return el(
    "tr", { role: "row" },
    el("th", { scope: "row", role: "rowheader" }, el("span", { class: "id", title: id }, id), el("span", { class: "sub" })),
    cell("status", el("i", { "aria-hidden": "true" }), el("b"), " ", el("span")),
    ...["number widest", "number age", "number wider", "number wider", "number widest", "number wider"].map((kind) => cell(kind)),
    cell(
      "doing",
      button({ class: "quiet", "aria-label": `Log of ${id}`, onclick: () => showLog(id) }, "Log"),
      button({ class: "quiet danger", "aria-label": `Remove ${id}`, onclick: () => askToRemove(id) }, "Remove"),
    ),
  );
}

function updateRow(row, worker) {
  const [name, status, created, age, serves, answers, average, idle, doing] = row.children;
  const kind = kindOf(worker);
  row.className = kind;
  put(name.lastChild, [worker.sessions ? plural(worker.sessions, "session") : "", worker.why].filter(Boolean).join(" · "));
  name.lastChild.title = worker.why;
  status.querySelector("i").className = `dot s-${kind}`;
  put(status.querySelector("b"), worker.detail_status || worker.status);
  put(status.lastChild, worker.detail_status ? worker.status : "");
  put(created, moment(worker.created_at));
  created.title = iso(worker.created_at);
  put(age, span((worker.deleted_at ?? now()) - worker.created_at));
  put(serves, worker.concurrency > 1 ? `${worker.requests} / ${worker.concurrency}` : String(worker.requests));
  put(answers, worker.failures ? `${worker.successes + worker.failures} (${worker.failures} failed)` : String(worker.successes));
  answers.classList.toggle("bad", worker.failures > 0);
  put(average, worker.successes + worker.failures ? brief(worker.average_response_time) : "–");
  const since = worker.last_served_at ?? worker.ready_at;
  put(idle, kind === "free" && since !== null ? span(now() - since) : "–");
  doing.lastChild.hidden = kind === "ended" || kind === "draining";
}

$("with-ended").addEventListener("change", () => {
  showWorkers();
  loadEnded();
});

function askToRemove(id) {
  const requests = state.workers.find((worker) => worker.id === id)?.requests;
  const serves = requests ? `, finishes the ${plural(requests, "request")} that it serves` : "";
  openAsk({
    title: "Remove this worker?",
    text: `${id} takes no more requests${serves}, and ends. The policy decides whether another one is started.`,
    yes: "Remove",
    danger: true,
    fields: ["by"],
    act: (answers) => post(`/api/workers/${encodeURIComponent(id)}/remove`, answers),
  });
}

function showLog(id) {
  const text = el("pre", { class: "log" }, "…");
  const body = openShow(`Log of ${id}`);
  fill(body, text);
  follow(async () => {
    try {
      const log = await get(`/api/workers/${encodeURIComponent(id)}/logs?tail=1000`);
      const atEnd = body.scrollTop + body.clientHeight >= body.scrollHeight - 30;
      text.className = "log";
      put(text, log || "Nothing was written yet.");
      if (atEnd || $("show-follow").checked) body.scrollTop = body.scrollHeight;
    } catch (error) {
      text.className = "log error";
      put(text, error.message);
    }
  });
}
