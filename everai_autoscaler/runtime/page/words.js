// Times and numbers as words.

import { now } from "./state.js";

const two = (number) => String(number).padStart(2, "0");

export const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
export const iso = (at) => `${new Date(at * 1000).toISOString().slice(0, 19)}+0000`;
export const clock = (at, seconds = true) => iso(at).slice(11, seconds ? 19 : 16);

export function moment(at) {
  const text = iso(at);
  return text.slice(0, 10) === iso(now()).slice(0, 10) ? clock(at) : `${text.slice(5, 10)} ${clock(at)}`;
}

export function span(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
  return `${Math.floor(whole / 86400)} d ${two(Math.floor((whole % 86400) / 3600))} h`;
}

export function brief(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  return seconds < 10 ? `${seconds.toFixed(2)} s` : seconds < 60 ? `${seconds.toFixed(1)} s` : span(seconds);
}

export const perSecond = (rate) => (rate < 10 ? rate.toFixed(2) : rate < 100 ? rate.toFixed(1) : String(Math.round(rate)));
