// The top of the page: what runs, what needs attention, and the tiles.

import { acts, badge, change, partOf, sentence, whysOf } from "./decisions.js";
import { $, arrange, el, put, refill } from "./elements.js";
import { shownValue } from "./lists.js";
import { inForce } from "./operator.js";
import { rates } from "./samples.js";
import { link, now, state, STATUSES, totals } from "./state.js";
import { brief, clock, iso, moment, perSecond, plural, span } from "./words.js";

export function showBar() {
  const { app, scaler, interval, pid, dry_run: dry, app_url: url } = state.status;
  const [there, , waiting] = totals();
  put($("app"), app);
  document.title = `${waiting ? `(${waiting}) ` : ""}${app}: ${plural(there, "worker")}`;
  refill($("subtitle"), [scaler, interval, url, dry].join("\n"), () => {
    const safe = /^https?:\/\//.test(url || "");
    return [
      el("span", {}, `${scaler}, every ${interval} s`),
      url ? el("span", {}, safe ? el("a", { href: url, rel: "noreferrer" }, url.replace(/^https?:\/\//, "")) : url) : null,
      dry ? el("span", { class: "chip warn", title: "Decides and shows; nothing is applied." }, "dry run") : null,
    ];
  });
  $("resume").hidden = !state.status.operator;
  $("pause").hidden = state.status.operator?.word === "pause";
  put($("scaler"), scaler);
  put($("about"), `pid ${pid} since ${iso(state.status.started_at)}, ${state.status.state_dir}`);
}

export function showBanners() {
  const banners = [];
  const add = (key, kind, text, left = "") => banners.push({ key, kind, text, left });
  if (link.lostAt !== null) {
    const what = state.status ? " What you see is as it was then." : "";
    add("lost", "bad", `Connection lost at ${clock(link.lostAt / 1000 + state.skew)}: ${link.why}.${what} Trying again…`);
  }
  if (state.status) {
    const { stopping, operator: word, tick, back_off_until: backOff, arguments: args, capped } = state.status;
    if (word) add("word", "word", inForce(word), word.until === null ? "" : `${span(word.until - now())} more`);
    if (stopping) add("stopping", "warn", "The runtime drains: what is served is finished, and nothing is started any more.");
    if (capped) {
      add("capped", "warn", `Demand is capped since ${moment(capped.since)}: wanted ${capped.wanted}, may have ${capped.allowed} (${capped.by}).`);
    }
    if (tick.failure) add("tick", "bad", `The last tick failed, and nothing was changed: ${tick.failure}`);
    const stale = Object.entries(args).filter(([, one]) => one.kept).map(([name, one]) => `${name} (${shownValue(one)})`);
    if (stale.length) {
      const last = stale.length === 1 ? "its last good value is used" : "their last good values are used";
      add("kept", "bad", `${stale.join(", ")}: ${last}, since the present one can't be. Why stands beside the arguments.`);
    }
    if (backOff && backOff > now()) {
      add("back-off", "warn", "Workers have died while starting: none is started for a while.", `${span(backOff - now() + 1)} more`);
    }
  }
  // Only what changed is touched, so that a screen reader says what is new; it doesn't count the seconds.
  const made = () => el("p", {}, el("span"), el("span", { class: "left", "aria-hidden": "true" }));
  arrange($("banners"), banners, made, ({ key }) => key).forEach((banner, place) => {
    const { kind, text, left } = banners[place];
    banner.className = `banner ${kind}`;
    put(banner.firstChild, text);
    put(banner.lastChild, left);
  });
}

export function showTiles() {
  const [there, workers, waiting] = totals();
  const { max_workers: most, capped, tick, queue } = state.status;
  put($("n-workers"), String(there));
  put($("n-max"), most === null ? "" : `of at most ${most}${capped ? `, ${capped.wanted} wanted` : ""}`);
  arrange($("share"), STATUSES, ({ key }) => el("i", { class: `s-${key}` })).forEach((bar, place) => {
    bar.style.flexGrow = String(workers[STATUSES[place].key] || 0);
  });
  $("share").style.width = `${most && there < most ? Math.max(4, (100 * there) / most) : 100}%`;
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
  if (latest) {
    $("n-last").classList.remove("muted");
    refill($("n-last"), String(latest.id), () => {
      const part = partOf(latest); // before the policy's why, which tells of all of it
      return [badge(latest, change(latest.applied)), el("time", { title: iso(latest.at) }, moment(latest.at)), " ", part, part && " ", sentence(whysOf(latest)[0])];
    });
  }
}

export function showNext() {
  if (!state.status) return;
  const { tick, interval } = state.status;
  const left = tick.next_at === null ? 0 : tick.next_at - now();
  put($("n-next"), left > 0.5 ? `in ${span(left + 0.5)}` : "now");
  const gone = Math.min(1, Math.max(0, 1 - left / interval));
  $("n-progress").style.transform = `scaleX(${gone.toFixed(3)})`;
}
