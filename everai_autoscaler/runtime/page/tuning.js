// What the tuner chose, what it spent of the error budget, and how other rules would have done.

import { getOrNull } from "./api.js";
import { $, arrange, el, put, refill } from "./elements.js";
import { state } from "./state.js";
import { iso, moment, span } from "./words.js";

const MOST_SWITCHES = 5;

const percent = (share, digits = 2) => `${(100 * share).toFixed(digits)} %`;
const given = (one) => Object.entries(one.arguments).map(([name, value]) => `${name} ${value}`).join(", ");

export async function loadTuning() {
  const found = await getOrNull("/api/tuning");
  if (found === null && state.tuning) return; // the runtime doesn't answer, which a banner says
  state.tuning = found;
  showTuning();
}

function showTuning() {
  const found = state.tuning;
  $("tuning").hidden = !found;
  if (!found) return;
  put($("c-tuning"), found.act ? "acts" : "only advises");
  put($("tuning-said"), found.said);
  refill($("tuning-facts"), JSON.stringify(found), () => [...facts(found)].flatMap(([name, text, title]) => [el("dt", {}, name), el("dd", { title: title ?? null }, text)]));
  const { budget } = found;
  $("tuning-budget").hidden = !budget;
  if (budget) {
    $("tuning-spent").style.width = `${Math.min(100, Math.max(0, 100 * budget.spent))}%`;
    $("tuning-spent").className = budget.spent > 1 ? "over" : "";
    put($("tuning-left"), `${percent(budget.spent, 0)} of the error budget is spent: ${Math.round(budget.late)} of ${Math.round(budget.due)} requests were late, ${Math.round(budget.aim * budget.due)} may be.`);
  }
  showRules(found);
  const list = $("tuning-switches");
  refill(list, JSON.stringify(found.switches), () => found.switches.slice(0, MOST_SWITCHES).map((one) => el(
    "li", {}, el("time", { title: iso(one.at) }, moment(one.at)), " ",
    el("span", { class: "sentence" }, `${one.acted ? "to" : "advised"} rule ${one.number}${one.was === null ? "" : ` from ${one.was}`}: ${one.why}`),
  )));
}

function* facts(found) {
  const { in_force: inForce, advice } = found;
  yield ["Promise", `${percent(found.share, found.share < 0.999 ? 0 : 1)} within ${found.within} s, unless a burst larger than the error budget arrives faster than a cold start`];
  if (inForce) yield ["In force", `rule ${inForce.number}, since ${moment(inForce.since)}: ${given(inForce)}`, inForce.why];
  if (advice && !found.act) yield ["Advice", `rule ${advice.number}, since ${moment(advice.since)}: ${given(advice)}`, advice.why];
  yield ["Evidence", `${span(3600 * found.hours)} of traffic, told ${moment(found.told_at)}`];
  if (found.assumed) yield ["Assumed", found.assumed];
}

function showRules(found) {
  const { advice, in_force: inForce } = found;
  const known = new Map();
  for (const one of [found.standing, found.chosen, ...found.runners_up]) {
    if (one && !known.has(one.number)) known.set(one.number, one);
  }
  const rules = [...known.values()].sort((one, other) =>
    (other.number === advice?.number) - (one.number === advice?.number) || other.allowed - one.allowed || one.workers - other.workers);
  const made = () => el("tr", { role: "row" }, ...["", "number", "number", "number", "number"].map((kind) => el("td", { class: kind, role: "cell" })));
  arrange($("tuning-rows"), rules, made, (one) => one.number).forEach((row, place) => {
    const one = rules[place];
    const mark = one.number === inForce?.number ? " now" : one.number === advice?.number ? " advised" : "";
    const cost = found.price === null ? `${(24 * one.workers).toFixed(1)} h` : `$${(24 * one.workers * found.price).toFixed(2)}`;
    [`${one.number}${mark}`, one.workers.toPrecision(3), cost, percent(one.share), `${percent(one.risk)}${one.allowed ? "" : " ✗"}`]
      .forEach((text, column) => put(row.children[column], text));
    row.title = given(one);
    row.className = mark ? "chosen" : one.allowed ? "" : "beyond";
  });
  put($("tuning-within"), `Within ${found.within} s`);
  $("tuning-table").hidden = rules.length === 0;
}
