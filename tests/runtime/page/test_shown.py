"""What the page shows, and how it follows what happens."""

from __future__ import annotations

import json
import re
import time

import pytest
from afternoon import HOSTILE, LONG
from browser import LIVE, choose, text, texts

from everai_autoscaler.runtime.forms import CappedForm
from everai_autoscaler.runtime.override import Override

pytestmark = pytest.mark.slow


def test_it_shows_the_workers_the_queue_and_the_decisions(visit):
    """All of the workers with their states, all that waits, and the decisions with their sentences."""

    async def story(page, runtime):
        workers = runtime.workers()

        assert runtime.title == await page.run(text("#app"))
        assert f"{len(workers)}" == await page.run(text("#n-workers"))
        assert "of at most 64" == await page.run(text("#n-max"))
        assert [one.id for one in workers] == await page.run(texts("#worker-rows .id"))
        assert [one.detail_status for one in workers] == await page.run(texts("#worker-rows .status b"))
        assert "40" == await page.run(text("#n-waiting"))
        reasons = [one.model_dump()["reason"] for one in runtime.queue()]
        assert reasons == await page.run(texts("#queue-rows td:last-child"))
        assert runtime.last()["why"][0].split(": ", 1)[1] in await page.run(text("#decision-list li"))
        assert 100 == await page.run("document.querySelectorAll('#decision-list > li').length")

    visit(story)


def test_it_draws_the_fleet_and_the_queue_over_time(visit):
    """Workers by status one on the other, the maximum as a dashed line, what waits, and a mark for each change."""

    async def story(page, runtime):
        shapes = "[...document.querySelectorAll('#chart-workers .area')].map((one) => one.getAttribute('d').length)"
        busy, free, _starting, _draining = await page.run(shapes)

        assert min(busy, free) > 1000
        assert "5px, 4px" == await page.run("getComputedStyle(document.querySelector('.limit')).strokeDasharray")
        changes = [one for one in runtime.every_decision() if one.up or one.down]
        assert len(changes) == await page.run("document.querySelectorAll('#chart-workers .mark').length")
        assert await page.run("document.querySelector('#chart-queue .s-WorkerBusy').getAttribute('d').length > 200")
        assert "now 60 busy" in await page.run(
            "document.querySelector('#chart-workers svg').getAttribute('aria-label')"
        )

    visit(story)


def test_a_young_apps_chart_is_not_empty(visit):
    """The range grows with the app's life, until one is chosen; that one is remembered."""
    pressed = "document.querySelector('#ranges [aria-pressed=true]').textContent"

    async def story(page, runtime):
        assert "1 h" == await page.run(pressed)
        runtime.samples_from = runtime.samples()[-9].at
        await page.reload()
        await page.until(LIVE)
        assert "5 min" == await page.run(pressed)

        await page.click("#ranges button:last-child")
        await page.reload()
        await page.until(LIVE)
        assert "24 h" == await page.run(pressed)

    visit(story)


def test_arguments_have_their_sources_and_a_kept_value_its_why(visit):
    """The kept one is red and says why; a secret isn't there."""

    async def story(page, runtime):
        rows = await page.run(
            "[...document.querySelectorAll('#argument-rows tr:not(.why)')]"
            ".map((row) => [...row.children].map((one) => one.textContent))"
        )

        assert ["min_workers", "2", "ConfigMap get-start-configmap"] in rows
        assert ["start_timeout", "600", "default"] in rows
        assert ["api_key", "•••", "Secret keys/api"] in rows
        why = runtime.arguments["max_idle_time"].kept
        assert f"last good value kept: {why}" == await page.run(text("#argument-rows .why"))
        red = await page.run("getComputedStyle(document.querySelector('#argument-rows .kept .value')).color")
        assert "rgb(179, 38, 30)" == red

    visit(story)


def test_whatever_was_said_stays_text(visit):
    """Markup in reasons, names, keys, values, notes and logs is shown as it was written, and does nothing."""

    async def story(page, runtime):
        worker_id = next(one for one in runtime.here if one != LONG and runtime.here[one].draining_at is None)
        runtime.log_path(worker_id).write_text(HOSTILE, "utf-8")
        runtime.title = HOSTILE
        await runtime.set_operator(Override(word="pause", reason=HOSTILE, by=HOSTILE, since=time.time()), "x")
        await page.until(f"{text('#app')} === {json.dumps(HOSTILE)}")
        await page.run(choose(HOSTILE))
        await page.until(f"document.querySelector('#map-rows .key').value === {json.dumps(HOSTILE)}")
        await page.click("#decision-list li:nth-child(2) button")
        await page.until("document.querySelector('#decision-list .facts')")
        await page.click(f"#worker-rows tr[data-key='{worker_id}'] button")
        await page.until(f"{text('#show-body')} === {json.dumps(HOSTILE)}")

        for place in ("#banners", "#decision-list", "#note-list", "#worker-rows", "#argument-rows"):
            assert HOSTILE in await page.run(text(place))
        assert [2, 0] == await page.run("[document.scripts.length, document.images.length]")
        assert "taken" != await page.run("document.title")

    visit(story)


def test_the_browser_itself_refuses_markup_and_inline_code(visit):
    """Even a fault of the page couldn't make markup of text, or run what stands in it."""

    async def story(page, _runtime):
        refused = await page.run(
            "(() => { try { document.body.innerHTML = '<b>x</b>'; } catch (error) { return error.name; } })()"
        )
        await page.run(
            "(() => { const s = document.createElement('style');"
            "s.textContent = 'body { display: none }'; document.head.append(s); })()"
        )

        assert "TypeError" == refused
        assert "block" == await page.run("getComputedStyle(document.body).display")

    visit(story, expected=["Content Security Policy", "TrustedHTML"])


def test_it_works_without_the_internet(visit):
    """Everything that it consists of comes from the admin side."""

    async def story(page, _runtime):
        urls = await page.run("performance.getEntriesByType('resource').map((one) => one.name)")

        assert len(urls) >= 4
        assert [] == [url for url in urls if not url.startswith(f"http://127.0.0.1:{page.port}/")]

    visit(story)


def test_a_decision_shows_its_record(visit):
    """What was seen, what was said, the arguments with their sources; also for a moment in the chart."""

    async def story(page, runtime):
        await page.click("#decision-list li:nth-child(3) button")
        facts = await page.until("document.querySelector('#decision-list .facts')?.textContent")
        assert "Workers seen" in facts
        assert "at most 64" in facts
        assert "true" == await page.run("document.querySelector('#decision-list li:nth-child(3) button').ariaExpanded")
        assert "ConfigMap get-start-configmap" in await page.run(text("#decision-list .details .pairs"))

        await page.click("#chart-workers svg")
        await page.until("document.querySelector('#show-body .facts')")
        at = await page.run("document.querySelector('#show-title').textContent")
        assert at.startswith("Decision at ")
        await page.press("Escape", 27)
        await page.until("!document.querySelector('#show').open")

    visit(story)


def test_a_record_is_told_in_the_words_of_the_page(visit):
    """Which reasons and states it has; the record itself stays as it was written."""

    async def story(page, runtime):
        seen = [runtime.decision(one.id).record["snapshot"]["queue"] for one in runtime.every_decision()]
        place = 1 + next(place for place, queue in enumerate(seen) if queue.get("QueueDueBusy"))
        row = f"#decision-list li:nth-child({place})"
        await page.click(f"{row} button")
        facts = await page.until(f"document.querySelector('{row} .facts')?.textContent")
        await page.run(f"document.querySelector('{row} details').open = true")
        raw = await page.until(f"document.querySelector('{row} pre').textContent")

        assert re.search(r"Workers seen\d+: \d+ busy.*Queue seen\d+ WorkerBusy", facts)
        assert "QueueDueBusy" not in facts
        assert '"QueueDueBusy"' in raw

    visit(story)


def test_only_changes_are_shown_when_that_is_wished(visit):
    """And it is remembered."""

    async def story(page, runtime):
        await page.click("#only-changes")
        fewer = await page.run("document.querySelectorAll('#decision-list > li').length")
        assert 10 < fewer < 100
        await page.reload()
        await page.until(f"document.querySelectorAll('#decision-list > li').length === {fewer}")

    visit(story)


def test_workers_that_ended_are_shown_when_that_is_wished(visit):
    """Behind those that are there, and why they went."""

    async def story(page, runtime):
        await page.click("#with-ended")
        shown = len({one.id for one in runtime.workers(ended=True)})
        await page.until(f"document.querySelectorAll('#worker-rows tr').length === {shown}")
        assert "TERMINATED" in await page.run(text("#worker-rows .ended"))
        assert "idle for" in await page.run(text("#worker-rows .ended .sub"))

    visit(story)


def test_what_happens_is_seen_at_once(visit):
    """A decision, a worker that goes, the queue that empties; nobody loads the page anew."""

    async def story(page, runtime):
        gone = next(iter(runtime.here))
        del runtime.here[gone]
        runtime.waiting.clear()
        runtime.tell_state()
        runtime.events.send(
            "decision", {**runtime.last(), "id": 101, "up": 3, "why": ["simple: 9 waiting: starts 3 workers"]}
        )
        await page.until(f"{text('#n-waiting')} === '0'")
        await page.until("document.querySelectorAll('#decision-list > li').length === 101")

        assert gone not in await page.run(texts("#worker-rows .id"))
        assert "+3" == await page.run(text("#decision-list .badge"))
        assert "simple 9 waiting: starts 3 workers" == await page.run(text("#decision-list .sentence"))
        assert await page.run("document.querySelector('#queue-rows').parentElement.hidden")

    visit(story)


def test_a_lost_connection_is_said_and_made_again(visit):
    """The page says that what it shows is old, tries again, and is as before once the runtime is back."""

    async def story(page, runtime):
        await page.admin.stop()
        await page.until("document.querySelector('#link').textContent === 'connection lost'")
        said = await page.run(text("#banners [data-key=lost]"))
        assert "What you see is as it was then." in said
        assert "0.6" == await page.until("getComputedStyle(document.querySelector('main')).opacity === '0.6' && '0.6'")

        runtime.waiting.clear()
        again = runtime.admin()
        await again.start(page.port)
        try:
            await page.until(LIVE)
            await page.until(f"{text('#n-waiting')} === '0'")
            assert not await page.run("document.querySelector('#banners [data-key=lost]')")
        finally:
            await again.stop()

    visit(
        story,
        expected=[
            "ERR_CONNECTION_REFUSED",
            "ERR_INCOMPLETE_CHUNKED_ENCODING",
            "ERR_CONNECTION_RESET",
            "ERR_EMPTY_RESPONSE",
        ],
    )


def test_demand_that_a_bound_swallows_is_seen_at_the_top(visit):
    """How many are wanted, how many there may be, and what is in the way, until it is over."""

    async def story(page, runtime):
        runtime.capped = CappedForm(wanted=90, allowed=64, by="budget", since=time.time() - 60)
        runtime.events.send("state", runtime.state())
        await page.until("document.querySelector('#banners [data-key=capped]')")
        said = await page.run(text("#banners [data-key=capped] :first-child"))
        assert said.startswith("Demand is capped since ")
        assert said.endswith(": wanted 90, may have 64 (budget).")
        assert "of at most 64, 90 wanted" == await page.run(text("#n-max"))

        runtime.capped = None
        runtime.events.send("state", runtime.state())
        await page.until("document.querySelector('#banners [data-key=capped]') === null")

    visit(story)
