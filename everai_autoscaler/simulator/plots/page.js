"use strict";
// The page of one picture: a cross hair through all panels, notes, and a part of the time made larger.
const data = JSON.parse(document.querySelector("#data").textContent);
const picture = document.querySelector("#picture");
const svg = picture.querySelector("svg");
const note = document.querySelector("#note");
const help = document.querySelector("#words");
const all = document.querySelector("#all");

/** An element of the page with text in it; text is never read as markup. */
function element(name, text, parent) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (parent) parent.append(made);
  return made;
}

function drawn(name, attributes, parent = svg) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  parent.append(made);
  return made;
}

/** Where the mouse is, in the pixels of the picture. */
function place(event) {
  const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
  return [point.x, point.y];
}

function rounded(number, digits) {
  return String(Number(number.toPrecision(digits)));
}

function duration(seconds) {
  if (seconds < 100) return `${rounded(seconds, 3)} s`;
  if (seconds < 3600) return `${rounded(seconds / 60, 3)} min`;
  if (seconds < 172800) return `${rounded(seconds / 3600, 3)} h`;
  return `${rounded(seconds / 86400, 3)} days`;
}

/** A moment from the start, to the second. */
function moment(seconds) {
  const whole = Math.floor(seconds + 1e-6);
  const parts = [[86400, "d"], [3600, "h"], [60, "min"]];
  const words = [];
  let rest = whole;
  for (const [size, unit] of parts) {
    if (whole >= size) words.push(`${Math.floor(rest / size)} ${unit}`);
    rest %= size;
  }
  const left = rest + (whole < 60 ? seconds - whole : 0);
  words.push(`${rounded(left, 4)} s`);
  return words.join(" ");
}

function show(event, [x, y]) {
  note.hidden = false;
  const scale = picture.clientWidth / svg.viewBox.baseVal.width;
  const [left, top] = [x * scale, y * scale];
  const most = picture.clientWidth - note.offsetWidth - 8;
  const right = left + 18;
  note.style.left = `${Math.max(4, right > most ? left - note.offsetWidth - 18 : right)}px`;
  const lowest = Math.max(picture.clientHeight, window.innerHeight) - note.offsetHeight - 8;
  note.style.top = `${Math.max(4, Math.min(top + 12, lowest))}px`;
}

function rows(pairs) {
  const table = element("table", undefined, note);
  for (const [name, value] of pairs) {
    const row = element("tr", undefined, table);
    element("td", name, row);
    element("td", value, row);
  }
}

function pointNotes() {
  picture.addEventListener("pointermove", (event) => {
    const number = event.target.dataset?.note;
    note.hidden = number === undefined;
    if (note.hidden) return;
    const said = data.notes[Number(number)];
    note.replaceChildren();
    element("h2", said.title, note);
    rows(said.rows);
    if (said.words) element("p", said.words, note);
    show(event, place(event));
  });
  picture.addEventListener("pointerleave", () => { note.hidden = true; });
}

function timeline() {
  const { ticks, left, width, frames, end } = data;
  const top = frames[0][0];
  const bottom = frames.at(-1)[0] + frames.at(-1)[1];
  let [from, to] = [0, end];
  let at = 0;
  let grabbed = null;
  const hair = drawn("path", { stroke: "var(--ink)", "stroke-width": 1, "stroke-dasharray": "3 2", visibility: "hidden", id: "hair" });
  const taken = drawn("rect", { y: top, height: bottom - top, fill: "var(--busy)", "fill-opacity": 0.18, visibility: "hidden" });
  const made = drawn("g", {});
  const ours = [...svg.querySelectorAll(".tick")];
  const pins = [...svg.querySelectorAll(".pin")].map((pin) => [pin, Number(pin.dataset.at), pin.getAttribute("x")]);
  const labels = ours.length ? Number(ours[0].getAttribute("y")) : bottom + 16;
  const grids = [...svg.querySelectorAll('[stroke="var(--time-grid)"]')];

  const toX = (seconds) => left + ((seconds - from) / (to - from)) * width;
  const toSeconds = (x) => from + ((Math.min(Math.max(x, left), left + width) - left) / width) * (to - from);

  function indexAt(seconds) {
    let [low, high] = [0, ticks.at.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (ticks.at[middle] <= seconds) low = middle + 1; else high = middle;
    }
    return Math.max(0, low - 1);
  }

  /** Workers of the best schedule known at that moment. */
  function bestAt(seconds) {
    let workers = 0;
    for (const [from, many] of data.best) {
      if (from > seconds) break;
      workers = many;
    }
    return workers;
  }

  function step(span) {
    const size = span / 12;
    const clock = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 14400, 21600, 43200, 86400];
    if (size > 1 && size <= 86400) return clock.find((one) => one >= size);
    const unit = size > 86400 ? 86400 : 1;
    const power = 10 ** Math.floor(Math.log10(size / unit));
    return [1, 2, 5, 10].map((one) => one * power * unit).find((one) => one >= size * 0.999999);
  }

  function zoom(start, stop) {
    const whole = start <= 0 && stop >= end;
    [from, to] = [Math.max(0, start), Math.min(end, stop)];
    for (const frame of svg.querySelectorAll(".frame")) {
      const box = frame.viewBox.baseVal;
      box.x = (from / end) * width;
      box.width = ((to - from) / end) * width;
    }
    for (const one of [...ours, ...grids]) one.style.display = whole ? "" : "none";
    for (const [pin, seconds, x] of pins) {
      pin.setAttribute("x", whole ? x : toX(seconds));
      pin.style.display = seconds < from || seconds > to ? "none" : "";
    }
    made.replaceChildren();
    if (!whole) {
      const size = step(to - from);
      for (let i = Math.ceil(from / size); i * size <= to; i++) {
        const x = toX(i * size);
        for (const [y, height] of frames) drawn("path", { d: `M${x} ${y}v${height}`, stroke: "var(--edge)", "stroke-opacity": 0.5 }, made);
        drawn("text", { x, y: labels, "font-size": 11, fill: "var(--muted)", "text-anchor": "middle" }, made).textContent = moment(i * size).replace(/ 0 s$/, "") || "0";
      }
    }
    all.hidden = whole;
    help.hidden = !whole;
    hair.setAttribute("visibility", "hidden");
    note.hidden = true;
  }

  function tell(index) {
    at = index;
    note.replaceChildren();
    const of = (name) => ticks[name][index];
    const next = index + 1 < ticks.at.length ? ticks.at[index + 1] : end;
    element("h2", `Decision at ${moment(of("at"))}`, note);
    const words = [];
    if (of("up")) words.push(`started ${of("up")}`);
    if (of("down")) words.push(`removed ${of("down")}`);
    if (of("bad")) element("p", "The policy failed; nothing was changed.", note).className = "bad";
    else element("p", words.length ? `It ${words.join(" and ")}.` : of("held") ? "It held." : "It changed nothing.", note);
    const why = data.whys[of("why")];
    const list = element("ul", undefined, note);
    for (const one of why.slice(0, 12)) element("li", one, list);
    if (why.length > 12) element("li", `and ${why.length - 12} more`, list);
    element("h2", "What it saw", note);
    const seen = [["busy", "busy"], ["free", "free"], ["starting", "inflight"], ["draining", "draining"]];
    rows([["workers", seen.filter(([, name]) => of(name) > 0).map(([word, name]) => `${of(name)} ${word}`).join(", ") || (of("busy") < 0 ? "not known" : "none")],
      ["requests waiting", of("waiting") < 0 ? "not known" : String(of("waiting"))],
      ...(data.best.length ? [["best schedule's workers", String(bestAt(of("at")))]] : [])]);
    if (data.requests) {
      element("h2", `Until ${moment(next)}`, note);
      rows([["requests that came", String(of("came"))], [`of these late (over ${duration(data.slo)})`, String(of("late"))],
        ["longest wait of these", of("came") ? duration(of("longest")) : "none"]]);
    }
  }

  function point(event, x, y, seconds) {
    if (!ticks.at.length) return;
    hair.setAttribute("d", `M${x} ${top}V${bottom}`);
    hair.setAttribute("visibility", "visible");
    tell(indexAt(seconds));
    show(event, [x, y]);
  }

  picture.addEventListener("pointermove", (event) => {
    const [x, y] = place(event);
    if (grabbed !== null) {
      const [a, b] = [grabbed, Math.min(Math.max(x, left), left + width)].sort((one, other) => one - other);
      taken.setAttribute("x", a);
      taken.setAttribute("width", b - a);
      taken.setAttribute("visibility", "visible");
    }
    if (x < left || x > left + width || y < top - 20 || y > bottom + 20) {
      note.hidden = true;
      hair.setAttribute("visibility", "hidden");
    } else point(event, x, y, toSeconds(x));
  });
  picture.addEventListener("pointerdown", (event) => {
    const [x, y] = place(event);
    if (event.button === 0 && x >= left && x <= left + width && y >= top && y <= bottom) grabbed = x;
  });
  window.addEventListener("pointerup", (event) => {
    if (grabbed === null) return;
    const [a, b] = [toSeconds(grabbed), toSeconds(place(event)[0])].sort((one, other) => one - other);
    taken.setAttribute("visibility", "hidden");
    if (Math.abs(toX(b) - toX(a)) > 5) zoom(a, b);
    grabbed = null;
  });
  picture.addEventListener("pointerleave", () => {
    note.hidden = true;
    hair.setAttribute("visibility", "hidden");
  });
  picture.addEventListener("dblclick", () => zoom(0, end));
  all.addEventListener("click", () => zoom(0, end));
  picture.addEventListener("keydown", (event) => {
    if (event.key === "Escape") zoom(0, end);
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by || !ticks.at.length) return;
    event.preventDefault();
    at = Math.min(ticks.at.length - 1, Math.max(0, at + by));
    const x = toX(ticks.at[at]);
    if (x >= left && x <= left + width) point(event, x, top, ticks.at[at]);
  });
}

if (data.kind === "run") timeline(); else pointNotes();
