// Samples of the fleet and its queue: those of each tick, which are stored, and between them live ones.

import { get } from "./api.js";
import { now, REASONS, state, STATUSES } from "./state.js";

const MOST_SAMPLES = 6000;

export const waitingFor = (sample, { key, also }) => sample.waiting[key] ?? sample.waiting[also] ?? 0;

export function addSample(sample) {
  const [before, last] = [state.samples.at(-2), state.samples.at(-1)];
  if (last && sample.at <= last.at) return;
  // What didn't change makes the last step longer; only its end is news.
  if (last?.live && before?.live && alike(last, sample) && alike(before, last) && sample.at - before.at < 10) state.samples.pop();
  state.samples.push({ ...sample, live: true });
  state.samples.splice(0, state.samples.length - MOST_SAMPLES);
}

function alike(one, other) {
  return STATUSES.every(({ key }) => one[key] === other[key])
    && REASONS.every((reason) => waitingFor(one, reason) === waitingFor(other, reason))
    && one.max_workers === other.max_workers;
}

export async function loadSamples() {
  const samples = await get(`/api/samples?since=${Math.floor(now() - (state.chosen ? state.range : 3600) - 60)}`);
  const last = samples.at(-1)?.at ?? 0;
  state.samples = [...samples, ...state.samples.filter((sample) => sample.live && sample.at > last)];
}

// Requests that came and that were answered, a second each; null where that isn't known.
export function rates() {
  const known = state.samples.filter((sample) => sample.arrivals !== null);
  const ticks = known.filter((sample) => !sample.live).slice(-4);
  // A live sample counts from the last tick on: it has to do while there are too few ticks.
  const counted = ticks.length > 1 ? ticks.slice(1) : known.filter((sample) => sample.live).slice(-1);
  const from = ticks.length > 1 ? ticks[0].at : state.status.tick.at;
  const seconds = counted.length && from ? counted.at(-1).at - from : 0;
  if (ticks.length < 2 && seconds < 1) return [null, null];
  return ["arrivals", "completions"].map((name) => counted.reduce((sum, sample) => sum + sample[name], 0) / seconds);
}
