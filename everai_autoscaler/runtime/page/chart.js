// Stacked step charts as SVG. Values hold from one sample to the next; where samples are missing there is a gap.

import { clock } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const LEFT = 40, RIGHT = 8, TOP = 8, BOTTOM = 18;
const STEPS = [10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 10800, 21600, 43200, 86400];

export function svg(name, attributes = {}, text = null) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== null) element.textContent = text;
  return element;
}

export class Chart {
  // series: [{key, label, value(sample)}], the lowest first; line: {value(sample)} or null.
  constructor(box, { series, line = null, title, onPoint, onPick }) {
    Object.assign(this, { box, series, line, title, samples: [], marks: [], from: 0, to: 1, gap: 60 });
    this.root = svg("svg", { role: "img", tabindex: "0", class: "plot" });
    this.cursor = svg("line", { class: "cursor", visibility: "hidden" });
    box.append(this.root);
    const point = (event) => {
      const x = event.clientX - this.root.getBoundingClientRect().left;
      return this.from + ((x - LEFT) / this.inner) * (this.to - this.from);
    };
    this.root.addEventListener("pointermove", (event) => onPoint(this.clamp(point(event))));
    this.root.addEventListener("pointerleave", () => onPoint(null));
    this.root.addEventListener("blur", () => onPoint(null));
    this.root.addEventListener("click", (event) => onPick(this.clamp(point(event))));
    this.root.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (step) {
        event.preventDefault();
        onPoint(this.clamp((this.at ?? this.to) + (step * (this.to - this.from)) / 120));
      } else if (event.key === "Enter" && this.at !== null) {
        onPick(this.at);
      }
    });
    this.at = null;
    new ResizeObserver(() => this.draw()).observe(box);
  }

  get inner() {
    return Math.max(10, this.box.clientWidth - LEFT - RIGHT);
  }

  clamp(at) {
    return Math.min(this.to, Math.max(this.from, at));
  }

  show({ samples, marks = [], from, to, gap }) {
    Object.assign(this, { samples, marks, from, to, gap });
    this.draw();
  }

  // The sample that held at that moment.
  sample(at) {
    let low = 0, high = this.samples.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.samples[middle].at <= at) low = middle + 1;
      else high = middle;
    }
    const found = this.samples[low - 1];
    return found && at - found.at <= this.gap ? found : null;
  }

  point(at) {
    this.at = at;
    const x = this.x(at ?? this.to);
    for (const [name, value] of [["x1", x], ["x2", x]]) this.cursor.setAttribute(name, value);
    this.cursor.setAttribute("visibility", at === null ? "hidden" : "visible");
  }

  x(at) {
    return round(LEFT + (this.inner * (at - this.from)) / (this.to - this.from));
  }

  draw() {
    const width = this.box.clientWidth, height = this.box.clientHeight;
    if (!width || !height) return;
    const runs = this.runs();
    const { top, hidden } = this.scale(runs);
    const base = height - BOTTOM;
    const y = (value) => round(base - ((base - TOP) * Math.min(value, top)) / top);
    const drawn = [...this.grid(top, y, width), ...this.times(base)];
    const below = new Map();
    for (const one of this.series) {
      let path = "";
      for (const run of runs) path += this.area(run, one, below, y);
      drawn.push(svg("path", { d: path, class: `area s-${one.key}` }));
    }
    if (this.line) {
      let path = "";
      for (const run of runs) path += this.steps(run, (sample) => this.line.value(sample), y);
      drawn.push(svg("path", { d: path, class: "limit" }));
      if (hidden !== null) drawn.push(svg("text", { x: width - RIGHT - 2, y: TOP + 8, class: "beyond" }, `max ${hidden} ↑`));
    }
    for (const mark of this.marks) {
      if (mark.at < this.from || mark.at > this.to) continue;
      const x = this.x(mark.at);
      const up = mark.up > 0;
      const d = up ? `M${x - 4} ${base + 6}h8l-4 -6z` : `M${x - 4} ${base}h8l-4 6z`;
      drawn.push(svg("path", { d, class: up ? "mark up" : "mark down" }));
    }
    for (const [name, value] of [["y1", TOP], ["y2", base]]) this.cursor.setAttribute(name, value);
    this.root.setAttribute("width", width);
    this.root.setAttribute("height", height);
    this.root.setAttribute("aria-label", this.description());
    this.root.replaceChildren(...drawn, this.cursor);
    this.point(this.at);
  }

  // Those samples that are in sight, in unbroken runs, each with the moment at which it ends.
  runs() {
    const runs = [];
    let run = null;
    for (let i = 0; i < this.samples.length; i++) {
      const sample = this.samples[i];
      const next = this.samples[i + 1]?.at ?? this.to;
      const end = Math.min(next, sample.at + this.gap, this.to);
      if (end < this.from || sample.at > this.to) continue;
      const step = { sample, from: Math.max(sample.at, this.from), to: Math.max(end, this.from) };
      if (run && run[run.length - 1].to >= step.from) run.push(step);
      else runs.push((run = [step]));
    }
    return runs;
  }

  scale(runs) {
    let peak = 0, limit = null;
    for (const run of runs) {
      for (const { sample } of run) {
        let sum = 0;
        for (const one of this.series) sum += one.value(sample);
        peak = Math.max(peak, sum);
        const bound = this.line?.value(sample) ?? null;
        if (bound !== null) limit = Math.max(limit ?? 0, bound);
      }
    }
    // A limit far above would leave nothing to see of the workers.
    const hidden = limit !== null && limit > 12 && limit > 4 * peak ? limit : null;
    return { top: nice(Math.max(peak, hidden === null ? (limit ?? 0) : 0, 3)), hidden };
  }

  *grid(top, y, width) {
    const step = top <= 6 ? 1 : top / 4;
    for (let value = 0; value <= top; value += step) {
      if (!Number.isInteger(value)) continue;
      yield svg("line", { x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value), class: value ? "rule" : "base" });
      yield svg("text", { x: LEFT - 6, y: y(value) + 3.5, class: "tick end" }, String(value));
    }
  }

  *times(base) {
    const most = Math.max(2, this.inner / 65);
    const step = STEPS.find((seconds) => (this.to - this.from) / seconds <= most) ?? 86400;
    for (let at = Math.ceil(this.from / step) * step; at <= this.to; at += step) {
      const x = this.x(at);
      if (x < LEFT + 14 || x > LEFT + this.inner - 14) continue;
      yield svg("text", { x, y: base + 15, class: "tick middle" }, clock(at, step < 60));
    }
  }

  area(run, one, below, y) {
    let forth = "", back = "";
    for (let i = 0; i < run.length; i++) {
      const { sample, from, to } = run[i];
      const low = below.get(sample) ?? 0, high = low + one.value(sample);
      below.set(sample, high);
      // A step that goes on as the one before only makes the path longer.
      forth += `${i ? "L" : "M"}${this.x(from)} ${y(high)}H${this.x(to)}`;
      back = `L${this.x(to)} ${y(low)}H${this.x(from)}${back}`;
    }
    return `${forth}${back}Z`;
  }

  steps(run, value, y) {
    let path = "";
    for (const { sample, from, to } of run) {
      const now = value(sample);
      if (now === null) continue;
      path += `${path ? "L" : "M"}${this.x(from)} ${y(now)}H${this.x(to)}`;
    }
    return path;
  }

  description() {
    const last = this.samples[this.samples.length - 1];
    const now = last ? this.series.map((one) => `${one.value(last)} ${one.label}`).join(", ") : "nothing known";
    return `${this.title}, ${clock(this.from, false)} to ${clock(this.to, false)} UTC; now ${now}. Arrow keys move through time.`;
  }
}

function round(value) {
  return Math.round(value * 10) / 10;
}

// The next number above that four equal steps lead to.
function nice(value) {
  if (value <= 6) return Math.max(1, Math.ceil(value));
  const unit = 10 ** Math.floor(Math.log10(value));
  for (const times of [0.8, 1, 1.2, 1.6, 2, 2.4, 3.2, 4, 4.8, 6, 8, 10, 12]) {
    const top = Math.round(times * unit * 4) / 4;
    if (top >= value && Number.isInteger(top / 4)) return top;
  }
  return Math.ceil(value / 4) * 4;
}
