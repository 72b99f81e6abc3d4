// The queue, the arguments with their sources, and the notes.

import { openMap } from "./configmaps.js";
import { $, arrange, button, el, put, refill } from "./elements.js";
import { now, state } from "./state.js";
import { brief, moment } from "./words.js";

const MOST_QUEUE = 100;

export function showQueue() {
  const body = $("queue-rows");
  const shown = state.queue.slice(0, MOST_QUEUE);
  const made = () => el("tr", {}, ...["number muted", "number came", "number", ""].map((kind) => el("td", { class: kind })));
  arrange(body, shown, made).forEach((row, place) => {
    const { created_at: at, reason } = shown[place];
    [String(place), moment(at), brief(Math.max(0, now() - at)), reason].forEach((text, column) => put(row.children[column], text));
  });
  put($("c-queue"), state.queue.length > MOST_QUEUE ? `${state.queue.length}, the first ${MOST_QUEUE} shown` : String(state.queue.length));
  $("no-queue").hidden = state.queue.length > 0;
  body.parentElement.hidden = state.queue.length === 0;
}

export const shownValue = ({ value, redacted }) => (redacted ? "•••" : typeof value === "string" ? value : JSON.stringify(value));

// The row of one argument; where its last good value is used, the reason stands in a row of its own. *open* edits a ConfigMap.
export function argumentRows(name, one, open = openMap) {
  const { source, kept: why, redacted } = one;
  const [, map, key] = /^ConfigMap ([^/]+)\/(.+)$/.exec(source) ?? [];
  const said = map && key === name ? `ConfigMap ${map}` : source;
  const from = map && open
    ? button({ class: "as-link", title: `${source}: edit it`, onclick: () => open(map, key) }, said)
    : el("span", { title: source }, said);
  const row = el(
    "tr", { class: why ? "kept" : "", role: "row" },
    el("th", { scope: "row", role: "rowheader" }, name),
    el("td", { class: "value", role: "cell", title: redacted ? "A secret: it isn't shown." : null }, shownValue(one)),
    el("td", { class: "source", role: "cell" }, from),
  );
  if (!why) return [row];
  return [row, el("tr", { class: "kept why", role: "row" }, el("td", { colspan: "3", role: "cell" }, `last good value kept: ${why}`))];
}

export function showArguments() {
  const body = $("argument-rows"), { arguments: args } = state.status;
  refill(body, JSON.stringify(args), () => Object.entries(args).flatMap(([name, one]) => argumentRows(name, one)));
  $("no-arguments").hidden = body.children.length > 0;
}

export function showNotes() {
  const list = $("note-list"), { notes } = state.status;
  refill(list, notes.join("\n"), () => notes.map((note) => {
    const [, at, text] = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\+0000 ([^]*)$/.exec(note) ?? [];
    if (!at) return el("li", {}, note);
    return el("li", {}, el("time", { title: `${at}+0000` }, moment(Date.parse(`${at}Z`) / 1000)), " ", el("span", { class: "sentence" }, text));
  }));
  $("no-notes").hidden = list.children.length > 0;
}
