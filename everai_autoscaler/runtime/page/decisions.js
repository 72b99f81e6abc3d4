// The decisions: what each did and why, and its record.

import { get } from "./api.js";
import { openShow } from "./dialogs.js";
import { $, arrange, button, el, fill, problem, put, remembered } from "./elements.js";
import { argumentRows } from "./lists.js";
import { said } from "./operator.js";
import { REASONS, state, STATUSES } from "./state.js";
import { brief, iso, moment, plural, span } from "./words.js";

export const MOST_DECISIONS = 400;

const wants = ({ up, down }) => up > 0 || down.length > 0;
// What a policy wants isn't done in a dry run, nor where an operator has said something else.
export const acts = ({ applied }) => applied !== null && wants(applied);
export const notable = (decision) => wants(decision) || acts(decision) || decision.held || ["failure", "guard"].includes(decision.by);

export function change({ up, down, held }) {
  if (up && down.length) return `+${up} −${down.length}`;
  return up ? `+${up}` : down.length ? `−${down.length}` : held ? "hold" : "none";
}

export function action(decision) {
  if (decision.by === "failure") return "failed";
  if (decision.by !== "operator") return change(decision);
  return decision.applied ? change(decision.applied) : decision.operator.word;
}

// Why it was decided: the operator's word stands above the policy's.
export function whysOf(decision) {
  if (decision.by === "failure") return [decision.failure];
  const whys = decision.why.length ? decision.why : ["no reason given"];
  return decision.by === "operator" ? [`operator: ${said(decision.operator)}`, `policy: ${change(decision)}; ${whys.join("; ")}`] : whys;
}

export function badge(decision, text = action(decision)) {
  const kind = { f: "failed", "+": "up", "−": "down", h: "held", p: "held", n: "none" }[text[0]];
  const title = { up: "starts", down: "removes", held: "holds", none: "does nothing", failed: "failed" }[kind];
  return el("span", { class: `badge ${kind}`, title }, text);
}

// What was applied of a policy's decision, and why no more, where that isn't all of it.
export function partOf({ applied, by, shortfall, up, down }) {
  if (by === "operator" || (applied ? applied.up === up && applied.down.length === down.length : !shortfall.length)) return null;
  const parts = applied ? [`applied: ${became(applied)}`, ...shortfall] : shortfall;
  return el("span", { class: "sentence applied" }, parts.join("; "));
}

export function sentence(text) {
  const found = /^([\w.-]{1,40}): ([^]*)$/.exec(text);
  return el("span", { class: "sentence" }, ...(found ? [el("b", { class: `who ${["guard", "operator"].includes(found[1]) ? found[1] : ""}` }, found[1]), " ", found[2]] : [text]));
}

export function takeDecisions(decisions) {
  const known = new Map([...state.decisions, ...decisions].map((decision) => [decision.id, decision]));
  state.decisions = [...known.values()].sort((one, other) => other.id - one.id).slice(0, MOST_DECISIONS);
  showDecisions();
}

function showDecisions() {
  const list = $("decision-list");
  const shown = $("only-changes").checked ? state.decisions.filter(notable) : state.decisions;
  arrange(list, shown, decisionRow, ({ id }) => id);
  if (!shown.length) fill(list, el("li", { class: "empty" }, state.decisions.length ? "None of the last ones changed anything." : "None was made yet."));
}

function decisionRow(decision) {
  const details = el("div", { class: "details", id: `decision-${decision.id}`, hidden: "" });
  const lines = whysOf(decision);
  const opener = button(
    {
      class: `decision ${notable(decision) ? "" : "calm"}`,
      "aria-expanded": "false",
      "aria-controls": details.id,
      onclick: async () => {
        details.hidden = !details.hidden;
        opener.setAttribute("aria-expanded", String(!details.hidden));
        if (!details.hidden && !details.children.length) await showRecord(details, decision.id);
      },
    },
    el("time", { title: iso(decision.at) }, moment(decision.at)),
    badge(decision),
    el(
      "span", { class: "whys" },
      ...lines.slice(0, 3).map(sentence),
      lines.length > 3 ? el("span", { class: "muted" }, `and ${lines.length - 3} more`) : null,
      partOf(decision),
    ),
  );
  return el("li", {}, opener, details);
}

async function showRecord(box, id) {
  fill(box, el("p", { class: "muted" }, "…"));
  try {
    fill(box, ...recordParts(await get(`/api/decisions/${id}`)));
  } catch (error) {
    fill(box, problem(error));
  }
}

export async function showDecisionAt(at) {
  try {
    const [decision] = await get(`/api/decisions?limit=1&at=${at.toFixed(3)}`);
    if (!decision) return;
    const body = openShow(`Decision at ${moment(decision.at)}`);
    const full = await get(`/api/decisions/${decision.id}`);
    const [first, ...more] = whysOf(full);
    fill(body, el("p", {}, badge(full), " ", sentence(first)), ...more.map((why) => el("p", {}, sentence(why))), ...recordParts(full));
  } catch (error) {
    fill(openShow("Decision"), problem(error));
  }
}

function recordParts(decision) {
  const { record } = decision;
  const parts = [];
  if (decision.why.length > 3) parts.push(el("ul", { class: "whys-all" }, ...decision.why.map((why) => el("li", {}, sentence(why)))));
  parts.push(el("dl", { class: "facts" }, ...facts(decision).flatMap(([name, text]) => [el("dt", {}, name), el("dd", {}, text)])));
  if (record && Object.keys(record.arguments).length) {
    const rows = Object.entries(record.arguments).flatMap(([name, one]) => argumentRows(name, one, null));
    parts.push(el("table", { class: "pairs" }, el("tbody", {}, ...rows)));
  }
  parts.push(el("p", { class: "muted small" }, "What would have flipped it: ", el("code", {}, `everai-autoscaler decisions explain ${decision.id}`)));
  if (record) {
    const raw = el("pre", { tabindex: "0" });
    const ontoggle = () => put(raw, JSON.stringify(record, null, 1));
    parts.push(el("details", { ontoggle }, el("summary", {}, "The whole record"), raw));
  }
  return parts;
}

function* facts(decision) {
  const { record } = decision;
  if (decision.operator) yield ["Operator", said(decision.operator)];
  if (decision.failure) yield ["Failure", decision.failure];
  if (record) {
    const seen = record.decorated ?? record.snapshot;
    if (seen) {
      yield ["Workers seen", counts(seen.workers, seen.worker)];
      yield ["Queue seen", seen.queue === null ? "not known" : amounts(seen.queue) || "empty"];
      if (seen.utilization !== null && seen.utilization !== undefined) yield ["Utilization", `${seen.utilization} %`];
      const histories = Object.keys(seen.queue_histories ?? {}).map(Number);
      if (histories.length) yield ["Histories", `${histories.length}, back to ${span(Math.max(...histories))} before`];
    } else {
      yield ["Seen", "nothing: there was no snapshot"];
    }
    const stood = outcome(record.result), proposed = record.proposed ? outcome(record.proposed) : stood;
    if (proposed !== stood) yield ["Policy said", proposed];
    yield [proposed === stood ? "Result" : "Stood", stood];
    if (record.error) yield ["Error", record.error];
    if (record.memory !== null) yield ["Remembered", JSON.stringify(record.memory)];
  } else {
    yield ["Record", "none was kept"];
  }
  if (decision.operator || decision.applied || wants(decision)) yield ["Done", became(decision.applied)];
  yield ["Took", brief(decision.took)];
}

function counts(workers, summary) {
  if (!workers) return summary ? amounts(summary) : "not known";
  const sums = {};
  for (const { status, draining } of workers) {
    const name = draining ? "draining" : status;
    sums[name] = (sums[name] || 0) + 1;
  }
  return workers.length ? `${workers.length}: ${amounts(sums)}` : "none";
}

// A record has the model's words; here they are those of the rest of the page.
const called = (name) => [...REASONS, ...STATUSES].find(({ key, also }) => also === name || key === name.toLowerCase())?.label ?? name;

const amounts = (sums) => Object.entries(sums).filter(([, number]) => number).map(([name, number]) => `${number} ${called(name)}`).join(", ");

const became = (applied) => (applied && wants(applied) ? change(applied) : "nothing");

function outcome({ max_workers: most, actions, held }) {
  const up = actions.reduce((sum, one) => sum + (one.count || 0), 0);
  const down = actions.filter((one) => one.worker_id !== undefined).map((one) => one.worker_id);
  const what = held ? "hold" : [up ? `start ${plural(up, "worker")}` : "", down.length ? `remove ${down.join(", ")}` : ""].filter(Boolean).join(" and ") || "nothing to do";
  return `${what}; at most ${most}`;
}

$("only-changes").checked = remembered.get("only-changes") === "1";
$("only-changes").addEventListener("change", (event) => {
  remembered.set("only-changes", event.target.checked ? "1" : "0");
  showDecisions();
});
