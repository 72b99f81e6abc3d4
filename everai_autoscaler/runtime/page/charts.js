// The charts, the moment that is pointed at, and the range that is shown.

import { Chart } from "./chart.js";
import { action, acts, notable, showDecisionAt, whysOf } from "./decisions.js";
import { $, arrange, button, el, put, remembered } from "./elements.js";
import { loadSamples, waitingFor } from "./samples.js";
import { now, REASONS, state, STATUSES } from "./state.js";
import { moment } from "./words.js";

const RANGES = [
  { seconds: 300, label: "5 min" },
  { seconds: 900, label: "15 min" },
  { seconds: 3600, label: "1 h" },
  { seconds: 21600, label: "6 h" },
  { seconds: 86400, label: "24 h" },
];

let pointed = null;
const onPoint = (at) => {
  pointed = at;
  for (const chart of Object.values(charts)) chart.point(at);
  showReadout();
};
const charts = {
  workers: new Chart($("chart-workers"), {
    title: "Workers by status",
    series: STATUSES.map(({ key, label }) => ({ key, label, value: (sample) => sample[key] || 0 })),
    line: { value: (sample) => sample.max_workers },
    onPoint,
    onPick: showDecisionAt,
  }),
  queue: new Chart($("chart-queue"), {
    title: "Requests that wait",
    series: REASONS.map((reason) => ({ ...reason, value: (sample) => waitingFor(sample, reason) })),
    onPoint,
    onPick: showDecisionAt,
  }),
};

export function showCharts() {
  if (!state.chosen && state.samples.length) {
    const life = now() - state.samples[0].at;
    state.range = RANGES.find(({ seconds }) => seconds >= Math.min(life, 3600)).seconds;
    showRanges();
  }
  const to = now(), from = to - state.range;
  const gap = Math.max(30, 3 * state.status.interval, state.range / 300);
  // Marks only where all of them are known: half of them would tell of a calm that wasn't there.
  const oldest = state.decisions.at(-1);
  const marks = oldest && (oldest.at <= from || oldest.id === 1) ? state.decisions.filter(acts).map(({ at, applied }) => ({ at, up: applied.up })) : [];
  const view = { samples: state.samples, from, to, gap };
  charts.workers.show({ ...view, marks });
  charts.queue.show(view);
  showReadout();
}

function showReadout() {
  const at = pointed ?? now();
  const sample = charts.workers.sample(at);
  for (const [name, { series, line }] of Object.entries(charts)) {
    const rows = series.map(({ key, label, value }) => [`s-${key}`, label, value]);
    legend($(`legend-${name}`), line ? [...rows, ["line", "max_workers", line.value]] : rows, sample);
  }
  if (pointed === null) {
    put($("readout"), "Point at a moment to read it; click for the decision that was in force.");
    return;
  }
  const decision = state.decisions.find((one) => one.at <= at);
  const text = decision && at - decision.at <= Math.max(60, 2 * state.status.interval) ? `  ${notable(decision) ? `${action(decision)}  ` : ""}${whysOf(decision)[0]}` : "";
  put($("readout"), `${moment(at)}${text}`);
}

function legend(list, rows, sample) {
  const made = ([kind, label]) => el("li", {}, el("i", { "aria-hidden": "true", class: kind }), el("span", {}, label), el("b"));
  arrange(list, rows, made).forEach((row, place) => {
    put(row.lastChild, String((sample && rows[place][2](sample)) ?? "–"));
  });
}

export function showRanges() {
  const buttons = arrange($("ranges"), RANGES, ({ seconds, label }) => button({
    onclick: async () => {
      state.range = seconds;
      state.chosen = true;
      remembered.set("range", String(seconds));
      showRanges();
      await loadSamples().catch(() => null); // a banner says already that the runtime doesn't answer
      if (state.status) showCharts();
    },
  }, label));
  buttons.forEach((one, place) => one.setAttribute("aria-pressed", String(RANGES[place].seconds === state.range)));
}
