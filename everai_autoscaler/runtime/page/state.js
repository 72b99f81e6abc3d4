// What the page knows of the app.

import { remembered } from "./elements.js";

export const STATUSES = [
  { key: "busy", label: "busy" },
  { key: "free", label: "free" },
  { key: "inflight", label: "starting" },
  { key: "draining", label: "draining" },
];
export const REASONS = [
  { key: "WorkerBusy", also: "QueueDueBusy", label: "WorkerBusy" },
  { key: "SessionWorkerBusy", also: "QueueDueSession", label: "SessionWorkerBusy" },
  { key: "NotDispatch", also: "NotDispatch", label: "NotDispatch" },
];

export const state = {
  status: null,
  workers: [],
  ended: [],
  queue: [],
  samples: [], // the oldest first: those of the store, and behind them the live ones
  decisions: [], // the newest first
  tuning: null, // what the tuner says; null where nothing is tuned
  skew: 0, // the server's clock less ours, in seconds
  range: Number(remembered.get("range")) || 3600,
  chosen: remembered.get("range") !== null, // else the range grows with the app's life, up to an hour
};
export const link = { source: null, heardAt: 0, lostAt: null, tries: 0, timer: null, asleep: false, why: "" };

export const now = () => Date.now() / 1000 + state.skew;

// Workers, those of each status, and requests that wait.
export function totals() {
  const { workers, queue } = state.status;
  const there = STATUSES.reduce((sum, { key }) => sum + (workers[key] || 0), 0);
  const waiting = Object.values(queue).reduce((sum, number) => sum + number, 0);
  return [there, workers, waiting];
}
