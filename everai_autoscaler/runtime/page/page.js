// The page of the local runtime: its connection to the runtime, and showing anew what has changed.

import { get, getOrNull } from "./api.js";
import { showBanners, showBar, showNext, showTiles } from "./bar.js";
import { showCharts, showRanges } from "./charts.js";
import { loadMaps } from "./configmaps.js";
import { MOST_DECISIONS, takeDecisions } from "./decisions.js";
import { $, put, remembered } from "./elements.js";
import { showArguments, showNotes, showQueue } from "./lists.js";
import { addSample, loadSamples } from "./samples.js";
import { link, state } from "./state.js";
import { loadTuning } from "./tuning.js";
import { loadEnded, showWorkers } from "./workers.js";

const SILENCE = 40; // seconds without a word after which the connection is as good as lost
const HIDDEN_FOR = 60; // seconds after which a page that is hidden stops listening
const FIRST = 200;
const PAGE = 50;
const THEMES = [["", "◐", "as the system"], ["light", "☀", "light"], ["dark", "☾", "dark"]];

async function connect() {
  clearTimeout(link.timer);
  link.source?.close();
  try {
    const [status, decisions] = await Promise.all([get("/api/status"), get(`/api/decisions?limit=${FIRST}`), loadSamples()]);
    if (state.status && state.status.app !== status.app) state.decisions = [];
    state.status = status;
    $("older").hidden = decisions.length < FIRST;
    takeDecisions(decisions);
    showAll();
  } catch (error) {
    lost(error.message);
    return;
  }
  loadMaps();
  loadTuning();
  if (link.asleep) return;
  const source = (link.source = new EventSource("/api/events"));
  source.addEventListener("state", (event) => {
    heard();
    const { sample, ...present } = JSON.parse(event.data);
    state.skew = sample.at - Date.now() / 1000;
    Object.assign(state, present);
    addSample(sample);
    showAll();
  });
  source.addEventListener("decision", (event) => {
    heard();
    takeDecisions([JSON.parse(event.data)]);
    showAll();
    loadEnded();
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
  put($("link"), "connection lost");
  $("link").className = "link lost";
  document.body.classList.add("is-lost");
  showBanners();
  clearTimeout(link.timer);
  link.timer = setTimeout(connect, Math.min(8, 2 ** (link.tries - 1)) * 1000);
}

document.addEventListener("visibilitychange", () => {
  // A browser grants few connections to one host: a page that is hidden gives its own back.
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

function showAll() {
  if (!state.status) return;
  for (const show of [showBar, showBanners, showTiles, showWorkers, showQueue, showArguments, showNotes, showCharts]) show();
}

$("older").addEventListener("click", async () => {
  const before = state.decisions.at(-1)?.id;
  const older = before === undefined ? null : await getOrNull(`/api/decisions?limit=${PAGE}&before=${before}`);
  if (!older) return;
  takeDecisions(older);
  showAll();
  $("older").hidden = older.length < PAGE || state.decisions.length >= MOST_DECISIONS;
});

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
  remembered.set("theme", next);
  showTheme();
});

if (new URLSearchParams(location.search).has("token")) {
  history.replaceState(null, "", "/"); // the browser has a pass instead; the address may be shown around
}
showTheme();
showRanges();
setInterval(() => {
  if (link.source && link.heardAt && Date.now() - link.heardAt > SILENCE * 1000) lost("nothing was heard for a while");
  showNext();
}, 500);
setInterval(() => !document.hidden && link.lostAt === null && showAll(), 2000);
setInterval(() => !document.hidden && link.lostAt === null && state.status && loadMaps(), 10000);
setInterval(() => !document.hidden && link.lostAt === null && state.status && loadTuning(), 5000);
connect();
