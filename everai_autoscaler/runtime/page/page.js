// The page of the local runtime. Whatever an app, a worker or a person has said goes in as text, never as markup.

import { Chart, clock } from "./chart.js";

const STATUSES = [
  { key: "busy", label: "busy" },
  { key: "free", label: "free" },
  { key: "inflight", label: "starting" },
  { key: "draining", label: "draining" },
];
const REASONS = [
  { key: "WorkerBusy", also: "QueueDueBusy", label: "WorkerBusy" },
  { key: "SessionWorkerBusy", also: "QueueDueSession", label: "SessionWorkerBusy" },
  { key: "NotDispatch", also: "NotDispatch", label: "NotDispatch" },
];
const RANGES = [
  { seconds: 300, label: "5 min" },
  { seconds: 900, label: "15 min" },
  { seconds: 3600, label: "1 h" },
  { seconds: 21600, label: "6 h" },
  { seconds: 86400, label: "24 h" },
];
const SILENCE = 40; // seconds without a word after which the connection is as good as lost
const HIDDEN_FOR = 60; // seconds after which a page that nobody sees stops listening
const MOST_DECISIONS = 400;
const MOST_SAMPLES = 6000;
const MOST_QUEUE = 100;
const FIRST = 200;
const PAGE = 50;

const $ = (id) => document.getElementById(id);
const kept = {
  get(name) { try { return localStorage.getItem(name); } catch { return null; } },
  set(name, value) { try { localStorage.setItem(name, value); } catch { /* then it isn't remembered */ } },
};

const state = {
  status: null,
  workers: [],
  ended: [],
  queue: [],
  samples: [], // as kept, the oldest first, with the live ones behind
  decisions: [], // the newest first
  skew: 0, // the server's clock less ours, in seconds
  range: Number(kept.get("range")) || 3600,
  chosen: kept.get("range") !== null, // else the range grows with the app's life, up to an hour
  point: null,
  open: new Set(), // the decisions whose details are shown
};

// ---- Small things

function el(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key === "class") element.className = value;
    else if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key in element && typeof value === "boolean") element[key] = value;
    else if (value !== null) element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function fill(element, ...children) {
  element.replaceChildren(...children.filter((child) => child !== null));
}

const now = () => Date.now() / 1000 + state.skew;
const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
const two = (number) => String(number).padStart(2, "0");
const iso = (at) => `${new Date(at * 1000).toISOString().slice(0, 19)}+0000`;

function moment(at) {
  const text = iso(at);
  return text.slice(0, 10) === iso(now()).slice(0, 10) ? text.slice(11, 19) : `${text.slice(5, 10)} ${text.slice(11, 19)}`;
}

function span(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
  return `${Math.floor(whole / 86400)} d ${two(Math.floor((whole % 86400) / 3600))} h`;
}

function brief(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  return seconds < 10 ? `${seconds.toFixed(2)} s` : seconds < 60 ? `${seconds.toFixed(1)} s` : span(seconds);
}

class Refused extends Error {
  constructor(status, why) {
    super(why);
    this.status = status;
  }
}

async function ask(method, path, body) {
  const options = { method, cache: "no-store" };
  if (body !== undefined) {
    options.headers = { "Content-Type": "application/json" };
    options.body = JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Refused(0, "the runtime doesn't answer");
  }
  const text = await answer.text();
  if (!answer.ok) {
    let why = `${answer.status} ${answer.statusText}`;
    try { why = JSON.parse(text).error || why; } catch { /* no JSON: the status has to do */ }
    throw new Refused(answer.status, why);
  }
  return answer.headers.get("Content-Type").startsWith("application/json") ? JSON.parse(text) : text;
}

const get = (path) => ask("GET", path);

// ---- Being connected

const link = { source: null, heardAt: 0, lostAt: null, tries: 0, timer: null, asleep: false, why: "" };

async function connect() {
  clearTimeout(link.timer);
  link.source?.close();
  try {
    const [status, decisions] = await Promise.all([get("/api/status"), get(`/api/decisions?limit=${FIRST}`), loadSamples()]);
    if (state.status && state.status.app !== status.app) state.decisions = [];
    state.status = status;
    $("older").hidden = decisions.length < FIRST;
    takeDecisions(decisions);
  } catch (error) {
    lost(error.message);
    return;
  }
  loadMaps();
  if (link.asleep) return;
  const source = (link.source = new EventSource("/api/events"));
  source.addEventListener("state", (event) => {
    heard();
    takeState(JSON.parse(event.data));
  });
  source.addEventListener("decision", (event) => {
    heard();
    takeDecisions([JSON.parse(event.data)]);
    if ($("with-ended").checked) loadEnded();
  });
  source.onerror = () => {
    if (link.source === source) lost("the runtime doesn't answer");
  };
}

function heard() {
  link.heardAt = Date.now();
  if (link.lostAt !== null || !$("link").classList.contains("live")) {
    link.lostAt = null;
    link.tries = 0;
    put($("link"), "live");
    $("link").className = "link live";
    document.body.classList.remove("is-lost", "is-loading");
    showBanners();
  }
}

function lost(why) {
  link.source?.close();
  link.source = null;
  link.why = why;
  link.lostAt ??= Date.now();
  link.tries += 1;
  const wait = Math.min(8, 2 ** (link.tries - 1));
  put($("link"), "connection lost");
  $("link").className = "link lost";
  document.body.classList.add("is-lost");
  showBanners();
  clearTimeout(link.timer);
  link.timer = setTimeout(connect, wait * 1000);
}

document.addEventListener("visibilitychange", () => {
  // A browser grants few connections to one host: a page that nobody looks at gives its own back.
  clearTimeout(link.sleep);
  if (document.hidden) {
    link.sleep = setTimeout(() => {
      link.asleep = true;
      link.source?.close();
      link.source = null;
    }, HIDDEN_FOR * 1000);
  } else if (link.asleep) {
    link.asleep = false;
    connect();
  }
});

// ---- Taking what comes

function takeState({ status, workers, queue, sample }) {
  state.skew = sample.at - Date.now() / 1000;
  Object.assign(state, { status, workers, queue });
  addSample(sample);
  showAll();
}

function addSample(sample) {
  const last = state.samples[state.samples.length - 1];
  if (last && sample.at <= last.at) return;
  // What didn't change makes the last step longer; only its end is news.
  const before = state.samples[state.samples.length - 2];
  if (last?.live && before?.live && alike(last, sample) && alike(before, last) && sample.at - before.at < 10) state.samples.pop();
  state.samples.push({ ...sample, live: true });
  if (state.samples.length > MOST_SAMPLES) state.samples.splice(0, state.samples.length - MOST_SAMPLES);
}

function alike(one, other) {
  return STATUSES.every(({ key }) => one[key] === other[key])
    && REASONS.every((reason) => waitingFor(one, reason) === waitingFor(other, reason))
    && one.max_workers === other.max_workers;
}

async function loadSamples() {
  const samples = await get(`/api/samples?since=${Math.floor(now() - (state.chosen ? state.range : 3600) - 60)}`);
  const last = samples[samples.length - 1]?.at ?? 0;
  state.samples = [...samples, ...state.samples.filter((sample) => sample.live && sample.at > last)];
}

function takeDecisions(decisions) {
  const known = new Map(state.decisions.map((decision) => [decision.id, decision]));
  for (const decision of decisions) known.set(decision.id, decision);
  state.decisions = [...known.values()].sort((one, other) => other.id - one.id).slice(0, MOST_DECISIONS);
  showDecisions();
  showAll();
}

async function loadEnded() {
  try {
    const all = await get("/api/workers?ended=1");
    state.ended = all.filter((worker) => worker.deleted_at !== null).reverse().slice(0, 200);
  } catch {
    return; // the page says already that nobody answers
  }
  showWorkers();
}

// ---- Showing

function showAll() {
  if (!state.status) return;
  showBar();
  showBanners();
  showTiles();
  showWorkers();
  showQueue();
  showArguments();
  showNotes();
  showCharts();
}

function showBar() {
  const { app, scaler, interval, pid, dry_run: dry, app_url: url } = state.status;
  put($("app"), app);
  const [, , waiting] = totals();
  document.title = `${waiting ? `(${waiting}) ` : ""}${app}: ${plural(totals()[0], "worker")}`;
  const subtitle = $("subtitle");
  const key = [scaler, interval, url, dry].join("\n");
  if (subtitle.dataset.key !== key) {
    subtitle.dataset.key = key;
    const safe = /^https?:\/\//.test(url || "");
    fill(
      subtitle,
      el("span", {}, `${scaler}, every ${interval} s`),
      url ? el("span", {}, safe ? el("a", { href: url, rel: "noreferrer" }, url.replace(/^https?:\/\//, "")) : url) : null,
      dry ? el("span", { class: "chip warn", title: "Decides and shows; nothing is applied." }, "dry run") : null,
    );
  }
  $("resume").hidden = !state.status.operator;
  $("pause").hidden = state.status.operator?.word === "pause";
  put($("scaler"), scaler);
  put($("about"), `pid ${pid} since ${iso(state.status.started_at)}, ${state.status.state_dir}`);
}

function totals() {
  const { workers, queue } = state.status;
  const there = STATUSES.reduce((sum, { key }) => sum + (workers[key] || 0), 0);
  const waiting = Object.values(queue).reduce((sum, number) => sum + number, 0);
  return [there, workers, waiting];
}

function showBanners() {
  const banners = [];
  if (link.lostAt !== null) {
    const since = clock(link.lostAt / 1000 + state.skew);
    const what = state.status ? ` What you see is as it was then.` : "";
    banners.push(["bad", `Connection lost at ${since}: ${link.why}.${what} Trying again…`, "lost"]);
  }
  if (state.status) {
    const { stopping, operator: word, tick, back_off_until: backOff, arguments: args } = state.status;
    if (word) banners.push(["word", inForce(word), "word", word.until === null ? "" : `${span(word.until - now())} more`]);
    if (stopping) banners.push(["warn", "The runtime drains: what is served is finished, and nothing is started any more.", "stopping"]);
    if (tick.failure) banners.push(["bad", `The last tick failed, and nothing was changed: ${tick.failure}`, "tick"]);
    const stale = Object.entries(args).filter(([, one]) => one.kept).map(([name, one]) => `${name} (${shownValue(one)})`);
    if (stale.length) {
      const last = stale.length === 1 ? "its last good value is used" : "their last good values are used";
      banners.push(["bad", `${stale.join(", ")}: ${last}, since the present one can't be. Why stands beside the arguments.`, "kept"]);
    }
    if (backOff && backOff > now()) {
      banners.push(["warn", "Workers have died while starting: none is started for a while.", "back-off", `${span(backOff - now() + 1)} more`]);
    }
  }
  const box = $("banners");
  const there = new Map([...box.children].map((child) => [child.dataset.key, child]));
  // Only what changed is touched, so that a screen reader says what is new; it doesn't count the seconds.
  for (const [kind, text, key, left = ""] of banners) {
    const banner = there.get(key) ?? box.appendChild(el("p", { "data-key": key }, el("span"), el("span", { class: "left", "aria-hidden": "true" })));
    there.delete(key);
    banner.className = `banner ${kind}`;
    put(banner.firstChild, text);
    put(banner.lastChild, left);
  }
  for (const gone of there.values()) gone.remove();
}

function inForce({ word, workers, by, since, until, reason }) {
  const done = word === "pause" ? "Paused" : `Held at ${plural(workers, "worker")}`;
  const end = until === null ? "until somebody resumes" : `until ${moment(until)}`;
  return `${done} by ${by} since ${moment(since)}, ${end}${reason ? `: ${reason}` : ""}`;
}

function said({ word, workers, by, until, reason }) {
  const done = word === "pause" ? "paused" : `held at ${plural(workers, "worker")}`;
  return `${done} by ${by}${until === null ? "" : ` until ${moment(until)}`}${reason ? `: ${reason}` : ""}`;
}

function showTiles() {
  const [there, workers, waiting] = totals();
  const { max_workers: most, tick, queue } = state.status;
  put($("n-workers"), String(there));
  put($("n-max"), most === null ? "" : `of at most ${most}`);
  const share = $("share");
  while (share.children.length < STATUSES.length) share.append(el("i"));
  STATUSES.forEach(({ key }, place) => {
    const bar = share.children[place];
    bar.className = `s-${key}`;
    bar.style.flexGrow = String(workers[key] || 0);
  });
  share.style.width = `${most && there < most ? Math.max(4, (100 * there) / most) : 100}%`;
  const list = STATUSES.filter(({ key }) => workers[key]).map(({ key, label }) => `${workers[key]} ${label}`);
  put($("n-statuses"), list.join(" · ") || "none");

  put($("n-waiting"), String(waiting));
  const oldest = Math.min(...state.queue.map((one) => one.created_at));
  put($("n-oldest"), state.queue.length ? `longest ${brief(Math.max(0, now() - oldest))}` : "");
  const reasons = Object.entries(queue).filter(([, number]) => number);
  put($("n-reasons"), reasons.map(([reason, number]) => `${number} ${reason}`).join(" · ") || "nothing waits");

  const [came, answered] = rates();
  put($("n-rate"), came === null ? "–" : perSecond(came));
  put($("n-answered"), answered === null ? "not known yet" : `${perSecond(answered)} answered, over the last ticks`);
  showNext();

  const took = tick.took === null ? "none yet" : `last took ${brief(tick.took)}${tick.lag > 0.05 ? `, ${brief(tick.lag)} late` : ""}`;
  put($("n-tick"), took);
  const latest = state.decisions.find(acts);
  const last = $("n-last");
  if (latest && last.dataset.id !== String(latest.id)) {
    last.dataset.id = latest.id;
    last.classList.remove("muted");
    const done = badge(latest, change(latest.applied)), when = el("time", { title: iso(latest.at) }, moment(latest.at));
    const part = partOf(latest); // before the policy's why, which tells of all of it
    fill(last, done, when, " ", part, part && " ", sentence(whysOf(latest)[0]));
  }
}

function rates() {
  const ticks = state.samples.filter((sample) => !sample.live && sample.arrivals !== null).slice(-4);
  const live = state.samples.filter((sample) => sample.live && sample.arrivals !== null);
  // A live sample counts from the last tick on; once it is old enough it says more than the ticks.
  const counted = ticks.length > 1 ? ticks : live.slice(-1);
  if (ticks.length < 2) {
    const [one] = counted;
    const from = state.status.tick.at;
    if (!one || !from || one.at - from < 1) return [null, null];
    return [one.arrivals / (one.at - from), one.completions / (one.at - from)];
  }
  const seconds = ticks[ticks.length - 1].at - ticks[0].at;
  const sum = (name) => ticks.slice(1).reduce((total, sample) => total + sample[name], 0);
  return [sum("arrivals") / seconds, sum("completions") / seconds];
}

const perSecond = (rate) => (rate < 10 ? rate.toFixed(2) : rate < 100 ? rate.toFixed(1) : String(Math.round(rate)));

function showNext() {
  if (!state.status) return;
  const { tick, interval } = state.status;
  const left = tick.next_at === null ? null : tick.next_at - now();
  put($("n-next"), left === null ? "now" : left > 0.5 ? `in ${span(left + 0.5)}` : "now");
  const gone = left === null ? 1 : Math.min(1, Math.max(0, 1 - left / interval));
  $("n-progress").style.transform = `scaleX(${gone.toFixed(3)})`;
}

// ---- Charts

function waitingFor(sample, { key, also }) {
  return sample.waiting[key] ?? sample.waiting[also] ?? 0;
}

const point = (at) => {
  state.point = at;
  for (const chart of Object.values(charts)) chart.point(at);
  showReadout();
};
const pick = (at) => showDecisionAt(at);
const charts = {
  workers: new Chart($("chart-workers"), {
    title: "Workers by status",
    series: STATUSES.map(({ key, label }) => ({ key, label, value: (sample) => sample[key] || 0 })),
    line: { value: (sample) => sample.max_workers },
    onPoint: point,
    onPick: pick,
  }),
  queue: new Chart($("chart-queue"), {
    title: "Requests that wait",
    series: REASONS.map((reason) => ({ key: reason.key, label: reason.label, value: (sample) => waitingFor(sample, reason) })),
    onPoint: point,
    onPick: pick,
  }),
};

function showCharts() {
  if (!state.chosen && state.samples.length) {
    const life = now() - state.samples[0].at;
    const range = RANGES.find(({ seconds }) => seconds >= Math.min(life, 3600)).seconds;
    if (range !== state.range) {
      state.range = range;
      showRanges();
    }
  }
  const to = now(), from = to - state.range;
  const gap = Math.max(30, 3 * state.status.interval, state.range / 300);
  // Marks only where all of them are known: half of them would tell of a calm that wasn't there.
  const oldest = state.decisions[state.decisions.length - 1];
  const marks = oldest && (oldest.at <= from || oldest.id === 1) ? state.decisions.filter(acts).map(({ at, applied }) => ({ at, up: applied.up })) : [];
  const view = { samples: state.samples, from, to, gap };
  charts.workers.show({ ...view, marks });
  charts.queue.show(view);
  showReadout();
}

function showReadout() {
  const at = state.point ?? now();
  const sample = charts.workers.sample(at);
  legend($("legend-workers"), [
    ...STATUSES.map(({ key, label }) => [`s-${key}`, label, sample ? sample[key] || 0 : null]),
    ["line", "max_workers", sample ? sample.max_workers : null],
  ]);
  legend($("legend-queue"), REASONS.map((reason) => [`s-${reason.key}`, reason.label, sample ? waitingFor(sample, reason) : null]));
  const readout = $("readout");
  if (state.point === null) {
    put(readout, "Point at a moment to read it; click for the decision that was in force.");
    return;
  }
  const decision = state.decisions.find((one) => one.at <= at);
  const text = decision && at - decision.at <= Math.max(60, 2 * state.status.interval) ? `  ${notable(decision) ? `${action(decision)}  ` : ""}${whysOf(decision)[0]}` : "";
  put(readout, `${moment(at)}${text}`);
}

function legend(list, rows) {
  while (list.children.length < rows.length) {
    list.append(el("li", {}, el("i", { "aria-hidden": "true" }), el("span"), el("b")));
  }
  rows.forEach(([kind, label, value], place) => {
    const [swatch, name, number] = list.children[place].children;
    swatch.className = kind;
    put(name, label);
    put(number, value === null ? "–" : String(value));
  });
}

function showRanges() {
  fill($("ranges"), ...RANGES.map(({ seconds, label }) =>
    el("button", {
      type: "button",
      "aria-pressed": String(seconds === state.range),
      onclick: async () => {
        state.range = seconds;
        state.chosen = true;
        kept.set("range", String(seconds));
        showRanges();
        try { await loadSamples(); } catch { /* the page says already that nobody answers */ }
        if (state.status) showCharts();
      },
    }, label)));
}

// ---- Decisions

const wants = ({ up, down }) => up > 0 || down.length > 0;
// What a policy wants isn't done in a dry run, nor where an operator has said something else.
const acts = ({ applied }) => applied !== null && wants(applied);
const notable = (decision) => wants(decision) || acts(decision) || decision.held || decision.failure || decision.why.some((why) => why.startsWith("guard: "));

function change({ up, down, held }) {
  if (up && down.length) return `+${up} −${down.length}`;
  return up ? `+${up}` : down.length ? `−${down.length}` : held ? "hold" : "none";
}

function action(decision) {
  if (decision.failure) return "failed";
  if (!decision.operator) return change(decision);
  return decision.applied ? change(decision.applied) : decision.operator.word;
}

// Why it was decided: the operator's word stands above the policy's.
function whysOf(decision) {
  if (decision.failure) return [decision.failure];
  const whys = decision.why.length ? decision.why : ["no reason given"];
  return decision.operator ? [`operator: ${said(decision.operator)}`, `policy: ${change(decision)}; ${whys.join("; ")}`] : whys;
}

function badge(decision, text = action(decision)) {
  const kind = { f: "failed", "+": "up", "−": "down", h: "held", p: "held", n: "none" }[text[0]];
  const told = { up: "starts", down: "removes", held: "holds", none: "does nothing", failed: "failed" }[kind];
  return el("span", { class: `badge ${kind}`, title: told }, text);
}

// What was applied of a policy's decision, where that isn't all of it.
function partOf({ applied, operator, up, down }) {
  if (!applied || operator || (applied.up === up && applied.down.length === down.length)) return null;
  return el("span", { class: "sentence applied" }, `applied: ${[became(applied), ...applied.why].join("; ")}`);
}

function sentence(text) {
  const found = /^([\w.-]{1,40}): ([^]*)$/.exec(text);
  return el("span", { class: "sentence" }, ...(found ? [el("b", { class: `who ${found[1] === "guard" || found[1] === "operator" ? found[1] : ""}` }, found[1]), " ", found[2]] : [text]));
}

function showDecisions() {
  const list = $("decision-list");
  const shown = $("only-changes").checked ? state.decisions.filter(notable) : state.decisions;
  const there = new Map([...list.children].map((row) => [row.dataset.id, row]));
  const rows = shown.map((decision) => there.get(String(decision.id)) ?? decisionRow(decision));
  if (rows.length !== list.children.length || rows.some((row, place) => row !== list.children[place])) {
    const focused = document.activeElement;
    fill(list, ...rows);
    if (list.contains(focused)) focused.focus({ preventScroll: true });
  }
  if (!rows.length) fill(list, el("li", { class: "empty" }, state.decisions.length ? "None of the last ones changed anything." : "None was made yet."));
}

function decisionRow(decision) {
  const details = el("div", { class: "details", id: `decision-${decision.id}` });
  details.hidden = true;
  const button = el("button", { type: "button", class: `decision ${notable(decision) ? "" : "calm"}`, "aria-expanded": "false", "aria-controls": details.id });
  const lines = whysOf(decision);
  const whys = el("span", { class: "whys" }, ...lines.slice(0, 3).map(sentence));
  if (lines.length > 3) whys.append(el("span", { class: "muted" }, `and ${lines.length - 3} more`));
  const part = partOf(decision);
  if (part) whys.append(part);
  else if (!decision.applied && !decision.operator && !decision.failure && wants(decision)) {
    whys.append(el("span", { class: "sentence applied" }, "not applied: a dry run"));
  }
  button.append(el("time", { title: iso(decision.at) }, moment(decision.at)), badge(decision), whys);
  button.addEventListener("click", async () => {
    const opened = details.hidden;
    details.hidden = !opened;
    button.setAttribute("aria-expanded", String(opened));
    if (opened && !details.children.length) await showRecord(details, decision.id);
  });
  return el("li", { "data-id": String(decision.id) }, button, details);
}

async function showRecord(box, id) {
  fill(box, el("p", { class: "muted" }, "…"));
  try {
    fill(box, ...recordParts(await get(`/api/decisions/${id}`)));
  } catch (error) {
    fill(box, el("p", { class: "error" }, error.message));
  }
}

async function showDecisionAt(at) {
  try {
    const [decision] = await get(`/api/decisions?limit=1&at=${at.toFixed(3)}`);
    if (!decision) return;
    const body = openShow(`Decision at ${moment(decision.at)}`);
    const full = await get(`/api/decisions/${decision.id}`);
    const [first, ...more] = whysOf(full);
    fill(body, el("p", {}, badge(full), " ", sentence(first)), ...more.map((why) => el("p", {}, sentence(why))), ...recordParts(full));
  } catch (error) {
    fill(openShow("Decision"), el("p", { class: "error" }, error.message));
  }
}

function recordParts(decision) {
  const { record } = decision;
  const facts = [];
  const fact = (name, text) => facts.push(el("dt", {}, name), el("dd", {}, text));
  if (decision.operator) fact("Operator", said(decision.operator));
  if (decision.failure) fact("Failure", decision.failure);
  if (record) {
    const seen = record.decorated ?? record.snapshot;
    if (seen) {
      fact("Workers seen", counts(seen.workers, seen.worker));
      fact("Queue seen", seen.queue === null ? "not known" : amounts(seen.queue) || "empty");
      if (seen.utilization !== null && seen.utilization !== undefined) fact("Utilization", `${seen.utilization} %`);
      const histories = Object.keys(seen.queue_histories ?? {}).length;
      if (histories) fact("Histories", `${histories}, back to ${span(Math.max(...Object.keys(seen.queue_histories).map(Number)))} before`);
    } else {
      fact("Seen", "nothing: there was no snapshot");
    }
    if (record.proposed && outcome(record.proposed) !== outcome(record.result)) {
      fact("Policy said", outcome(record.proposed));
      fact("Stood", outcome(record.result));
    } else {
      fact("Result", outcome(record.result));
    }
    if (record.error) fact("Error", record.error);
    if (record.memory !== null) fact("Remembered", JSON.stringify(record.memory));
  } else {
    fact("Record", "none was kept");
  }
  if (decision.operator || decision.applied || wants(decision)) fact("Done", became(decision.applied));
  fact("Took", brief(decision.took));
  const parts = [];
  if (decision.why.length > 3) parts.push(el("ul", { class: "whys-all" }, ...decision.why.map((why) => el("li", {}, sentence(why)))));
  parts.push(el("dl", { class: "facts" }, ...facts));
  if (record && Object.keys(record.arguments).length) {
    const rows = Object.entries(record.arguments).flatMap(([name, one]) => argumentRows(name, one, false));
    parts.push(el("table", { class: "pairs" }, el("tbody", {}, ...rows)));
  }
  parts.push(el("p", { class: "muted small" }, "What would have flipped it: ", el("code", {}, `everai-autoscaler decisions explain ${decision.id}`)));
  if (record) {
    const raw = el("pre", { tabindex: "0" });
    const more = el("details", {}, el("summary", {}, "The whole record"), raw);
    more.addEventListener("toggle", () => put(raw, JSON.stringify(record, null, 1)));
    parts.push(more);
  }
  return parts;
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

// A record keeps the model's words; here they are those of the rest of the page.
const called = (name) => [...REASONS, ...STATUSES].find(({ key, also }) => also === name || key === name.toLowerCase())?.label ?? name;

const amounts = (sums) => Object.entries(sums).filter(([, number]) => number).map(([name, number]) => `${number} ${called(name)}`).join(", ");

const became = (applied) => (applied && wants(applied) ? change(applied) : "nothing");

function outcome({ max_workers: most, actions, held }) {
  const up = actions.reduce((sum, one) => sum + (one.count || 0), 0);
  const down = actions.filter((one) => one.worker_id !== undefined).map((one) => one.worker_id);
  const what = held ? "hold" : [up ? `start ${plural(up, "worker")}` : "", down.length ? `remove ${down.join(", ")}` : ""].filter(Boolean).join(" and ") || "nothing to do";
  return `${what}; at most ${most}`;
}

$("only-changes").checked = kept.get("only-changes") === "1";
$("only-changes").addEventListener("change", (event) => {
  kept.set("only-changes", event.target.checked ? "1" : "0");
  showDecisions();
});
$("older").addEventListener("click", async () => {
  const last = state.decisions[state.decisions.length - 1];
  if (!last) return;
  try {
    const older = await get(`/api/decisions?limit=${PAGE}&before=${last.id}`);
    takeDecisions(older);
    $("older").hidden = older.length < PAGE || state.decisions.length >= MOST_DECISIONS;
  } catch { /* the page says already that nobody answers */ }
});

// ---- Workers

const rows = new Map();

function showWorkers() {
  const all = $("with-ended").checked ? [...state.workers, ...state.ended] : state.workers;
  const body = $("worker-rows");
  const seen = new Set();
  all.forEach((worker, place) => {
    if (seen.has(worker.id)) return;
    seen.add(worker.id);
    const row = rows.get(worker.id) ?? workerRow(worker.id);
    row.update(worker);
    if (body.children[place] !== row.element) body.insertBefore(row.element, body.children[place] ?? null);
  });
  for (const [id, row] of rows) {
    if (!seen.has(id)) {
      row.element.remove();
      rows.delete(id);
    }
  }
  put($("c-workers"), String(state.workers.length));
  $("no-workers").hidden = all.length > 0;
}

function kindOf(worker) {
  if (worker.deleted_at !== null) return "ended";
  if (worker.status === "TERMINATING") return "draining";
  return { FREE: "free", BUSY: "busy", IN_FLIGHT: "inflight" }[worker.detail_status] ?? "ended";
}

function workerRow(id) {
  const cell = (kind, ...inside) => el("td", { class: kind, role: "cell" }, ...inside);
  const name = el("span", { class: "id", title: id }, id);
  const sub = el("span", { class: "sub" });
  const dot = el("i", { class: "dot", "aria-hidden": "true" });
  const status = el("span"), detail = el("b");
  const created = cell("number widest"), age = cell("number age"), serves = cell("number wider"), answers = cell("number wider");
  const average = cell("number widest"), idle = cell("number wider");
  let latest = null;
  const logs = el("button", { type: "button", class: "quiet", "aria-label": `Log of ${id}`, onclick: () => showLog(id) }, "Log");
  const remove = el("button", { type: "button", class: "quiet danger", "aria-label": `Remove ${id}`, onclick: () => askToRemove(latest) }, "Remove");
  const element = el(
    "tr", { "data-id": id, role: "row" },
    el("th", { scope: "row", role: "rowheader" }, name, sub),
    cell("status", dot, detail, " ", status),
    created, age, serves, answers, average, idle,
    cell("doing", logs, remove),
  );
  const row = {
    element,
    update(worker) {
      latest = worker;
      const kind = kindOf(worker);
      element.className = kind;
      dot.className = `dot s-${kind}`;
      put(detail, worker.detail_status || worker.status);
      put(status, worker.detail_status ? worker.status : "");
      put(created, moment(worker.created_at));
      created.title = iso(worker.created_at);
      put(age, span((worker.deleted_at ?? now()) - worker.created_at));
      put(serves, worker.concurrency > 1 ? `${worker.requests} / ${worker.concurrency}` : String(worker.requests));
      put(answers, worker.failures ? `${worker.successes + worker.failures} (${worker.failures} failed)` : String(worker.successes));
      answers.classList.toggle("bad", worker.failures > 0);
      put(average, worker.successes + worker.failures ? brief(worker.average_response_time) : "–");
      const since = worker.last_served_at ?? worker.ready_at;
      put(idle, kind === "free" && since !== null ? span(now() - since) : "–");
      const sessions = worker.sessions ? plural(worker.sessions, "session") : "";
      const why = worker.why || "";
      put(sub, [sessions, why].filter(Boolean).join(" · "));
      sub.title = why;
      remove.hidden = kind === "ended" || kind === "draining";
    },
  };
  rows.set(id, row);
  return row;
}

$("with-ended").addEventListener("change", (event) => {
  if (event.target.checked) loadEnded();
  else showWorkers();
});

function askToRemove(worker) {
  const serves = worker.requests ? `, finishes the ${plural(worker.requests, "request")} that it serves` : "";
  openAsk({
    title: "Remove this worker?",
    text: `${worker.id} takes no more requests${serves}, and ends. The policy decides whether another one is started.`,
    yes: "Remove",
    danger: true,
    fields: ["by"],
    act: ({ by }) => ask("POST", `/api/workers/${encodeURIComponent(worker.id)}/remove`, { by }),
  });
}

// ---- Queue, arguments, notes

function showQueue() {
  const body = $("queue-rows");
  const shown = state.queue.slice(0, MOST_QUEUE);
  while (body.children.length < shown.length) {
    body.append(el("tr", {}, el("td", { class: "number muted" }), el("td", { class: "number came" }), el("td", { class: "number" }), el("td")));
  }
  while (body.children.length > shown.length) body.lastElementChild.remove();
  shown.forEach((one, place) => {
    const [index, came, waits, reason] = body.children[place].children;
    put(index, String(place));
    put(came, moment(one.created_at));
    put(waits, brief(Math.max(0, now() - one.created_at)));
    put(reason, one.reason);
  });
  put($("c-queue"), state.queue.length > MOST_QUEUE ? `${state.queue.length}, the first ${MOST_QUEUE} shown` : String(state.queue.length));
  $("no-queue").hidden = state.queue.length > 0;
  body.parentElement.hidden = state.queue.length === 0;
}

const shownValue = ({ value, redacted }) => (redacted ? "•••" : typeof value === "string" ? value : JSON.stringify(value));

// One argument; where a kept value is used, its why stands in a row of its own.
function argumentRows(name, one, linked = true) {
  const { source, kept: why, redacted } = one;
  const [, map, key] = /^ConfigMap ([^/]+)\/(.+)$/.exec(source) ?? [];
  const said = map && key === name ? `ConfigMap ${map}` : source;
  const from = map && linked
    ? el("button", { type: "button", class: "as-link", title: `${source}: edit it`, onclick: () => openMap(map, key) }, said)
    : el("span", { title: source }, said);
  return [
    el(
      "tr", { class: why ? "kept" : "", role: "row" },
      el("th", { scope: "row", role: "rowheader" }, name),
      el("td", { class: "value", role: "cell", title: redacted ? "A secret: it isn't shown." : null }, shownValue(one)),
      el("td", { class: "source", role: "cell" }, from),
    ),
    why ? el("tr", { class: "kept why", role: "row" }, el("td", { colspan: "3", role: "cell" }, `last good value kept: ${why}`)) : null,
  ].filter(Boolean);
}

function showArguments() {
  const key = JSON.stringify(state.status.arguments);
  const body = $("argument-rows");
  if (body.dataset.key !== key) {
    body.dataset.key = key;
    fill(body, ...Object.entries(state.status.arguments).flatMap(([name, one]) => argumentRows(name, one)));
  }
  $("no-arguments").hidden = body.children.length > 0;
}

function showNotes() {
  const key = state.status.notes.join("\n");
  const list = $("note-list");
  if (list.dataset.key !== key) {
    list.dataset.key = key;
    fill(list, ...state.status.notes.map((note) => {
      const found = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\+0000 ([^]*)$/.exec(note);
      if (!found) return el("li", {}, note);
      return el("li", {}, el("time", { title: `${found[1]}+0000` }, moment(Date.parse(`${found[1]}Z`) / 1000)), " ", el("span", { class: "sentence" }, found[2]));
    }));
  }
  $("no-notes").hidden = list.children.length > 0;
}

// ---- ConfigMaps

const maps = { names: [], loaded: null, isNew: false };

async function loadMaps() {
  try {
    maps.names = await get("/api/configmaps");
  } catch {
    return; // the page says already that nobody answers
  }
  const choice = $("map-choice");
  const before = maps.loaded?.name ?? choice.value;
  fill(choice, ...maps.names.map(({ name }) => el("option", { value: name }, name)));
  choice.hidden = maps.names.length === 0;
  $("no-maps").hidden = maps.names.length > 0 || isDirty();
  choice.value = before; // to which one comes back from a new one
  if (isDirty()) return; // what was typed stays, also where somebody else has deleted its map
  const wanted = maps.names.find(({ name }) => name === before) ?? maps.names.find(({ name }) => name === preferred()) ?? maps.names[0];
  if (!wanted) {
    $("map-form").hidden = true;
    maps.loaded = null;
    return;
  }
  if (maps.loaded?.name !== wanted.name || maps.loaded.updated_at !== wanted.updated_at) await loadMap(wanted.name);
}

// The one from which most of the arguments come.
function preferred() {
  const names = Object.values(state.status?.arguments ?? {}).map(({ source }) => /^ConfigMap ([^/]+)\//.exec(source)?.[1]).filter(Boolean);
  return names.sort((one, other) => names.filter((name) => name === other).length - names.filter((name) => name === one).length)[0];
}

async function loadMap(name) {
  try {
    maps.loaded = await get(`/api/configmaps/${encodeURIComponent(name)}`);
  } catch (error) {
    put($("map-error"), error.message);
    return;
  }
  maps.isNew = false;
  $("map-choice").value = name;
  showMap(maps.loaded.data);
}

function showMap(data) {
  $("map-form").hidden = false;
  $("map-name-row").hidden = !maps.isNew;
  $("map-delete").hidden = maps.isNew;
  $("no-maps").hidden = true;
  put($("map-error"), "");
  fill($("map-rows"), ...Object.entries(data).map(([key, value]) => mapRow(key, value)));
  if (!$("map-rows").children.length) addKey();
  put($("map-said"), maps.loaded && !maps.isNew ? `Changed ${iso(maps.loaded.updated_at)}. What is saved applies at the next tick.` : "");
  showDirty();
}

function mapRow(key, value) {
  const keyInput = el("input", { class: "key", "aria-label": "Key", autocomplete: "off", spellcheck: "false", placeholder: "key" });
  keyInput.value = key;
  const long = /[\r\n]/.test(value);
  const valueInput = el(long ? "textarea" : "input", { class: "value", "aria-label": `Value of ${key || "the new key"}`, autocomplete: "off", spellcheck: "false", placeholder: "value" });
  if (long) valueInput.rows = Math.min(8, value.split("\n").length);
  valueInput.value = value;
  // A field keeps no carriage returns: a value that nobody touched is saved as it came.
  Object.assign(valueInput, { came: value, shown: valueInput.value });
  keyInput.addEventListener("input", () => valueInput.setAttribute("aria-label", `Value of ${keyInput.value || "the new key"}`));
  const row = el("tr", {}, el("td", {}, keyInput), el("td", {}, valueInput), el("td", {}, el("button", {
    type: "button", class: "icon quiet", "aria-label": "Remove this key", title: "Remove this key",
    onclick: () => {
      row.remove();
      showDirty();
    },
  }, "✕")));
  return row;
}

function addKey() {
  const row = mapRow("", "");
  $("map-rows").append(row);
  return row;
}

function entered() {
  const data = {};
  for (const row of $("map-rows").children) {
    const key = row.querySelector(".key").value.trim(), input = row.querySelector(".value");
    const value = input.value === input.shown ? input.came : input.value;
    if (!key && !value) continue;
    if (!key) throw new Refused(0, `a key is missing for the value '${value}'`);
    if (Object.hasOwn(data, key)) throw new Refused(0, `the key '${key}' is there twice`);
    Object.defineProperty(data, key, { value, enumerable: true }); // also where the key is __proto__
  }
  return data;
}

function isDirty() {
  if (maps.isNew) return true;
  if (!maps.loaded) return false;
  try {
    const data = entered(), before = maps.loaded.data;
    const keys = Object.keys(data);
    return keys.length !== Object.keys(before).length || keys.some((key) => data[key] !== before[key]);
  } catch {
    return true;
  }
}

// Do what shows something else instead, once it is clear that what was typed may go.
function leaveMap(go) {
  const rows = [...document.querySelectorAll("#map-name, #map-rows input, #map-rows textarea")];
  if (!(maps.isNew ? rows.some((input) => input.value.trim()) : isDirty())) return go();
  const name = maps.isNew ? $("map-name").value.trim() || "The new ConfigMap" : maps.loaded.name;
  openAsk({
    title: "Leave without saving?",
    text: `${name} ${maps.isNew ? "isn't saved yet: what was typed would be lost." : "has changes that aren't saved: they would be lost."}`,
    yes: "Discard them",
    danger: true,
    fields: [],
    act: () => {
      $("ask").close(); // first, since it gives the focus back
      return go();
    },
  });
}

function showDirty() {
  const dirty = isDirty();
  $("map-save").disabled = !dirty;
  $("map-revert").disabled = !dirty;
}

async function saveMap(event) {
  event.preventDefault();
  put($("map-error"), "");
  const name = maps.isNew ? $("map-name").value.trim() : maps.loaded.name;
  try {
    const data = entered();
    if (!name) throw new Refused(0, "the ConfigMap has no name yet");
    const there = await get("/api/configmaps");
    const present = there.find((one) => one.name === name);
    if (maps.isNew && present) throw new Refused(0, `there is a ConfigMap '${name}' already`);
    if (!maps.isNew && !present && maps.loaded.updated_at !== null) {
      maps.loaded.updated_at = null;
      throw new Refused(0, "somebody else has deleted it meanwhile: save again to make it anew");
    }
    if (!maps.isNew && present && present.updated_at !== maps.loaded.updated_at) {
      const theirs = await get(`/api/configmaps/${encodeURIComponent(name)}`);
      maps.loaded = theirs;
      throw new Refused(0, "somebody else has changed it meanwhile: save again to put yours in its place, or revert to see theirs");
    }
    maps.loaded = await ask("PUT", `/api/configmaps/${encodeURIComponent(name)}`, { data });
    maps.isNew = false;
    showMap(maps.loaded.data);
    put($("map-said"), "Saved; it applies at the next tick.");
    await loadMaps();
    put($("map-said"), "Saved; it applies at the next tick.");
  } catch (error) {
    put($("map-error"), error.message);
  }
}

function openMap(name, key) {
  if (!maps.isNew && maps.loaded?.name === name) showKey(key);
  else {
    leaveMap(async () => {
      await loadMap(name);
      if (maps.loaded?.name === name) showKey(key);
    });
  }
}

function showKey(key) {
  for (const row of $("map-rows").children) {
    if (row.querySelector(".key").value === key) {
      const input = row.querySelector(".value");
      input.scrollIntoView({ block: "center" });
      input.focus();
      input.select();
    }
  }
}

$("map-form").addEventListener("submit", saveMap);
$("map-form").addEventListener("input", showDirty);
$("map-add").addEventListener("click", () => addKey().querySelector(".key").focus());
$("map-revert").addEventListener("click", () => {
  maps.isNew = false;
  if (maps.loaded) showMap(maps.loaded.data);
  else $("map-form").hidden = true;
  loadMaps();
});
$("map-choice").addEventListener("change", (event) => {
  const { value } = event.target;
  event.target.value = maps.loaded?.name ?? ""; // until the other one is there
  leaveMap(() => loadMap(value));
});
$("map-new").addEventListener("click", () => leaveMap(() => {
  maps.isNew = true;
  $("map-name").value = "";
  showMap({});
  $("map-name").focus();
}));
$("map-delete").addEventListener("click", () => {
  const { name } = maps.loaded;
  openAsk({
    title: "Delete this ConfigMap?",
    text: `${name} is gone for good. Arguments that come from it keep their last good values until the runtime ends.`,
    yes: "Delete",
    danger: true,
    fields: [],
    act: async () => {
      await ask("DELETE", `/api/configmaps/${encodeURIComponent(name)}`, {});
      maps.loaded = null;
      await loadMaps();
    },
  });
});

// ---- Dialogs

let asked = null;

function openAsk(question) {
  asked = question;
  put($("ask-title"), question.title);
  put($("ask-text"), question.text);
  put($("ask-yes"), question.yes);
  $("ask-yes").className = question.danger ? "danger-full" : "primary";
  put($("ask-error"), "");
  for (const field of ["workers", "for", "reason", "by"]) $(`ask-${field}-row`).hidden = !question.fields.includes(field);
  $("ask-reason").value = "";
  $("ask-by").value = kept.get("by") ?? "";
  if (question.workers !== undefined) $("ask-workers").value = String(question.workers);
  $("ask").showModal();
  (question.fields.includes("workers") ? $("ask-workers") : question.fields.includes("reason") ? $("ask-reason") : $("ask-no")).focus();
}

$("ask-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const by = $("ask-by").value.trim();
  if (asked.fields.includes("by")) kept.set("by", by);
  const workers = $("ask-workers").value.trim();
  const answers = {
    by: by || "the page",
    reason: $("ask-reason").value.trim(),
    for: $("ask-for").value === "" ? null : Number($("ask-for").value),
    workers: /^\d+$/.test(workers) ? Number(workers) : workers,
  };
  $("ask-yes").disabled = true;
  try {
    await asked.act(answers);
    $("ask").close();
  } catch (error) {
    put($("ask-error"), error.message);
  } finally {
    $("ask-yes").disabled = false;
  }
});
$("ask-no").addEventListener("click", () => $("ask").close());

$("pause").addEventListener("click", () => openAsk({
  title: "Pause scaling",
  text: "Nobody is started and nobody is removed. The policy is still asked, so that one sees what it would do.",
  yes: "Pause",
  fields: ["for", "reason", "by"],
  act: ({ reason, for: lasts, by }) => ask("POST", "/api/pause", { reason, for: lasts, by }),
}));
$("hold").addEventListener("click", () => openAsk({
  title: "Hold at a number of workers",
  text: "So many workers are kept, whatever the policy says, up to its maximum. Nobody who serves is removed.",
  yes: "Hold",
  fields: ["workers", "for", "reason", "by"],
  workers: state.status ? totals()[0] - (state.status.workers.draining || 0) : 1,
  act: ({ workers, reason, for: lasts, by }) => ask("POST", "/api/hold", { workers, reason, for: lasts, by }),
}));
$("resume").addEventListener("click", () => act($("resume"), () => ask("POST", "/api/resume", { by: kept.get("by") || "the page" })));
$("tick").addEventListener("click", () => act($("tick"), () => ask("POST", "/api/tick", {})));

async function act(button, action) {
  button.disabled = true;
  try {
    await action();
  } catch (error) {
    fill(openShow("That didn't work"), el("p", { class: "error" }, error.message));
  } finally {
    button.disabled = false;
  }
}

let following = null;

function openShow(title) {
  clearInterval(following);
  put($("show-title"), title);
  $("show-follow-row").hidden = true;
  const body = $("show-body");
  fill(body);
  if (!$("show").open) $("show").showModal();
  return body;
}

function showLog(id) {
  const body = openShow(`Log of ${id}`);
  const text = el("pre", { class: "log" }, "…");
  fill(body, text);
  $("show-follow-row").hidden = false;
  const load = async () => {
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
  };
  load();
  following = setInterval(() => $("show-follow").checked && load(), 2000);
}

$("show-close").addEventListener("click", () => $("show").close());
$("show").addEventListener("close", () => clearInterval(following));

// ---- Theme

const THEMES = [["", "◐", "as the system"], ["light", "☀", "light"], ["dark", "☾", "dark"]];

function showTheme() {
  const theme = document.documentElement.dataset.theme ?? "";
  const [, sign, name] = THEMES.find(([one]) => one === theme);
  put($("theme"), sign);
  $("theme").setAttribute("aria-label", `Theme: ${name}`);
  $("theme").title = `Theme: ${name}`;
}

$("theme").addEventListener("click", () => {
  const theme = document.documentElement.dataset.theme ?? "";
  const [next] = THEMES[(THEMES.findIndex(([one]) => one === theme) + 1) % THEMES.length];
  if (next) document.documentElement.dataset.theme = next;
  else delete document.documentElement.dataset.theme;
  kept.set("theme", next);
  showTheme();
});

// ---- Begin

if (new URLSearchParams(location.search).has("token")) {
  history.replaceState(null, "", "/"); // the browser keeps a pass instead; the address may be shown around
}
showTheme();
showRanges();
setInterval(() => {
  if (link.source && link.heardAt && Date.now() - link.heardAt > SILENCE * 1000) lost("nothing was heard for a while");
  showNext();
}, 500);
setInterval(() => {
  if (!state.status || document.hidden) return;
  if (link.lostAt === null) showAll();
}, 2000);
setInterval(() => !document.hidden && link.lostAt === null && state.status && loadMaps(), 10000);
connect();
