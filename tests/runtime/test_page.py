"""The page in a real browser, over real HTTP, on a runtime made of memory."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import re
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from everai_autoscaler.runtime.admin import Admin


def _load(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


admin_source, browser = _load("admin_source"), _load("browser")
HOSTILE, LONG = admin_source.HOSTILE, admin_source.LONG

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(browser.CHROMIUM is None, reason="needs a browser: chromium isn't installed"),
]

LIVE = "document.querySelector('#link').textContent === 'live'"


@pytest.fixture(scope="module")
def world():
    """An afternoon, an event loop and a browser, for all of these tests."""
    afternoon = admin_source.MemoryRuntime(time.time)
    loop = asyncio.new_event_loop()
    context = browser.browser()
    opened = loop.run_until_complete(context.__aenter__())
    yield afternoon, loop, opened
    loop.run_until_complete(context.__aexit__(None, None, None))
    loop.close()


@pytest.fixture
def visit(world, tmp_path):
    """Plays *story* with a page, its runtime and its address; the console may complain only of what is *expected*."""
    afternoon, loop, opened = world

    def play(story, *, expected=(), token=None, **how):
        async def visited():
            runtime = afternoon.again(logs=tmp_path)
            runtime.tick_at = time.time() - 5
            async with _serving(runtime, token) as (admin, port), opened.page() as page:
                query = f"/?token={token}" if token else "/"
                await page.open(f"http://127.0.0.1:{port}{query}", **how)
                await page.until(LIVE)
                page.admin, page.port = admin, port
                await story(page, runtime)
                return [one for one in page.complaints if not any(word in one for word in expected)]

        assert [] == loop.run_until_complete(visited())

    return play


@asynccontextmanager
async def _serving(runtime, token=None):
    admin = Admin(runtime, host="127.0.0.1", token=token)
    port = await admin.start(0)
    try:
        yield admin, port
    finally:
        await admin.stop()


def _text(selector):
    return f"document.querySelector({json.dumps(selector)}).textContent"


def _texts(selector):
    return f"[...document.querySelectorAll({json.dumps(selector)})].map((one) => one.textContent)"


def _row(key):
    return f"[...document.querySelectorAll('#map-rows tr')].find((row) => row.querySelector('.key').value === {key!r})"


def _choose(name):
    return (
        f"document.querySelector('#map-choice').value = {json.dumps(name)};"
        "document.querySelector('#map-choice').dispatchEvent(new Event('change'))"
    )


# What is seen.


def test_it_shows_the_workers_the_queue_and_the_decisions(visit):
    """All of the workers with their states, all that waits, and the decisions with their sentences."""

    async def story(page, runtime):
        workers = runtime.workers()

        assert runtime.app == await page.run(_text("#app"))
        assert f"{len(workers)}" == await page.run(_text("#n-workers"))
        assert "of at most 64" == await page.run(_text("#n-max"))
        assert [one["id"] for one in workers] == await page.run(_texts("#worker-rows .id"))
        assert [one["detail_status"] for one in workers] == await page.run(_texts("#worker-rows .status b"))
        assert "40" == await page.run(_text("#n-waiting"))
        assert [one["reason"] for one in runtime.queue()] == await page.run(_texts("#queue-rows td:last-child"))
        assert runtime.kept[-1].shown["why"][0].split(": ", 1)[1] in await page.run(_text("#decision-list li"))
        assert 100 == await page.run("document.querySelectorAll('#decision-list > li').length")

    visit(story)


def test_it_draws_the_fleet_and_the_queue_over_time(visit):
    """Workers by status one on the other, the maximum as a dashed line, what waits, and a mark for each change."""

    async def story(page, runtime):
        shapes = "[...document.querySelectorAll('#chart-workers .area')].map((one) => one.getAttribute('d').length)"
        busy, free, _starting, _draining = await page.run(shapes)

        assert min(busy, free) > 1000
        assert "5px, 4px" == await page.run("getComputedStyle(document.querySelector('.limit')).strokeDasharray")
        changes = [one for one in runtime.kept if one.shown["up"] or one.shown["down"]]
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
        runtime.kept_samples = runtime.kept_samples[-9:]
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
        why = runtime.arguments["max_idle_time"]["kept"]
        assert f"last good value kept: {why}" == await page.run(_text("#argument-rows .why"))
        red = await page.run("getComputedStyle(document.querySelector('#argument-rows .kept .value')).color")
        assert "rgb(179, 38, 30)" == red

    visit(story)


def test_whatever_was_said_stays_text(visit):
    """Markup in reasons, names, keys, values, notes and logs is shown as it was written, and does nothing."""

    async def story(page, runtime):
        worker_id = next(one for one in runtime.here if one != LONG and runtime.here[one].draining_at is None)
        runtime.logs.joinpath(f"{worker_id}.log").write_text(HOSTILE, "utf-8")
        runtime.app = HOSTILE
        runtime.set_operator(
            {"word": "pause", "workers": None, "until": None, "reason": HOSTILE, "by": HOSTILE, "since": time.time()},
            "x",
        )
        await page.until(f"{_text('#app')} === {json.dumps(HOSTILE)}")
        await page.run(_choose(HOSTILE))
        await page.until(f"document.querySelector('#map-rows .key').value === {json.dumps(HOSTILE)}")
        await page.click("#decision-list li:nth-child(2) button")
        await page.until("document.querySelector('#decision-list .facts')")
        await page.click(f"#worker-rows tr[data-key='{worker_id}'] button")
        await page.until(f"{_text('#show-body')} === {json.dumps(HOSTILE)}")

        for place in ("#banners", "#decision-list", "#note-list", "#worker-rows", "#argument-rows"):
            assert HOSTILE in await page.run(_text(place))
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


# What is live.


def test_what_happens_is_seen_at_once(visit):
    """A decision, a worker that goes, the queue that empties; nobody loads the page anew."""

    async def story(page, runtime):
        gone = next(iter(runtime.here))
        del runtime.here[gone]
        runtime.waiting.clear()
        runtime.tell_state()
        runtime.tell(
            "decision", {**runtime.kept[-1].view(), "id": 101, "up": 3, "why": ["simple: 9 waiting: starts 3 workers"]}
        )
        await page.until(f"{_text('#n-waiting')} === '0'")
        await page.until("document.querySelectorAll('#decision-list > li').length === 101")

        assert gone not in await page.run(_texts("#worker-rows .id"))
        assert "+3" == await page.run(_text("#decision-list .badge"))
        assert "simple 9 waiting: starts 3 workers" == await page.run(_text("#decision-list .sentence"))
        assert await page.run("document.querySelector('#queue-rows').parentElement.hidden")

    visit(story)


def test_a_lost_connection_is_said_and_made_again(visit):
    """The page says that what it shows is old, tries again, and is as before once the runtime is back."""

    async def story(page, runtime):
        await page.admin.stop()
        await page.until("document.querySelector('#link').textContent === 'connection lost'")
        said = await page.run(_text("#banners [data-key=lost]"))
        assert "What you see is as it was then." in said
        assert "0.6" == await page.until("getComputedStyle(document.querySelector('main')).opacity === '0.6' && '0.6'")

        runtime.waiting.clear()
        again = Admin(runtime, host="127.0.0.1", token=None)
        await again.start(page.port)
        try:
            await page.until(LIVE)
            await page.until(f"{_text('#n-waiting')} === '0'")
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


# What is done.


def test_a_config_map_is_edited(visit):
    """A value is changed, a key added, one removed; saving keeps exactly that."""

    async def story(page, runtime):
        await page.until(_row("max_workers"))
        assert await page.run("document.querySelector('#map-save').disabled")
        await page.run(
            f"{_row('max_workers')}.querySelector('.value').id = 'edited';"
            f"{_row('scale_up_step')}.querySelector('button').click()"
        )
        await page.type("#edited", "12")
        await page.click("#map-add")
        await page.type("#map-rows tr:last-child .key", "new_key")
        await page.type("#map-rows tr:last-child .value", "<b>5</b>")
        await page.click("#map-save")
        await page.until("document.querySelector('#map-said').textContent.startsWith('Saved')")

        data = dict(runtime.store.held["get-start-configmap"].data)
        expected = {
            "min_workers": "2",
            "max_workers": "12",
            "max_queue_size": "6",
            "max_idle_time": "60",
            "new_key": "<b>5</b>",
        }
        assert expected == data
        assert await page.run("document.querySelector('#map-save').disabled")

    visit(story)


def test_what_cannot_be_saved_is_said_and_stays(visit):
    """A key that is there twice, and what the runtime refuses; what was typed isn't lost."""

    async def story(page, runtime):
        await page.until(_row("max_workers"))
        before = dict(runtime.store.held)
        await page.click("#map-add")
        await page.type("#map-rows tr:last-child .key", "max_workers")
        await page.click("#map-save")
        await page.until(f"{_text('#map-error')} === \"the key 'max_workers' is there twice\"")
        await page.type("#map-rows tr:last-child .key", "x" * 300)
        await page.click("#map-save")
        await page.until(f"{_text('#map-error')}.includes('a key is of letters')")

        assert before == runtime.store.held
        assert "x" * 300 == await page.run("document.querySelector('#map-rows tr:last-child .key').value")

    visit(story, expected=["400 (Bad Request)"])


def test_what_somebody_else_has_saved_is_not_overwritten_in_silence(visit):
    """The first save says so; the second one means it."""

    async def story(page, runtime):
        await page.until(_row("max_workers"))
        await page.run(f"{_row('max_workers')}.querySelector('.value').id = 'edited'")
        await page.type("#edited", "12")
        runtime.store.put("ConfigMap", "get-start-configmap", {"max_workers": "99"})
        await page.click("#map-save")
        await page.until(f"{_text('#map-error')}.startsWith('somebody else has changed it meanwhile')")
        assert "99" == runtime.store.held["get-start-configmap"].data["max_workers"]

        await page.click("#map-save")
        await page.until("document.querySelector('#map-said').textContent.startsWith('Saved')")
        assert "12" == runtime.store.held["get-start-configmap"].data["max_workers"]

    visit(story)


def test_a_value_that_nobody_touched_is_saved_as_it_was(visit):
    """Also one whose lines end as on Windows, which no field of a page keeps."""

    async def story(page, runtime):
        runtime.store.put("ConfigMap", "get-start-configmap", {"text": "a\r\nb\r\n", "old": "1\r2", "share": "0.1"})
        await page.send("Page.reload")
        await page.until(_row("share"))
        assert await page.run("document.querySelector('#map-save').disabled")
        await page.run(f"{_row('share')}.querySelector('.value').id = 'edited'")
        await page.type("#edited", "0.2")
        await page.click("#map-save")
        await page.until("document.querySelector('#map-said').textContent.startsWith('Saved')")

        data = dict(runtime.store.held["get-start-configmap"].data)
        assert {"text": "a\r\nb\r\n", "old": "1\r2", "share": "0.2"} == data

    visit(story)


def test_what_somebody_else_has_deleted_does_not_come_back_in_silence(visit):
    """The first save says so; the second one means it."""

    async def story(page, runtime):
        await page.until(_row("max_workers"))
        await page.run(f"{_row('max_workers')}.querySelector('.value').id = 'edited'")
        await page.type("#edited", "12")
        runtime.store.delete("ConfigMap", "get-start-configmap")
        await page.click("#map-save")
        await page.until(f"{_text('#map-error')}.startsWith('somebody else has deleted it meanwhile')")
        assert "get-start-configmap" not in runtime.store.held

        await page.click("#map-save")
        await page.until("document.querySelector('#map-said').textContent.startsWith('Saved')")
        assert "12" == runtime.store.held["get-start-configmap"].data["max_workers"]

    visit(story)


@pytest.mark.parametrize("to", ["another", "new", "link"])
def test_what_was_typed_is_left_only_after_a_question(visit, to):
    """Another ConfigMap, a new one or an argument's link: who says no goes on where they were."""
    shown, edited = "document.querySelector('#map-choice').value", "document.querySelector('#edited')?.value"
    steps = {
        "another": _choose("night-shift"),
        "new": "document.querySelector('#map-new').click()",
        "link": "document.querySelector('#argument-rows .as-link').click()",
    }
    left = {
        "another": _row("notes"),
        "new": "!document.querySelector('#map-name-row').hidden",
        "link": f"{_row('min_workers')} && document.activeElement.value === '2'",
    }

    async def story(page, runtime):
        key, name = ("max_workers", "get-start-configmap") if to != "link" else ("notes", "night-shift")
        await page.until(_row("max_workers"))
        if to == "link":
            await page.run(_choose(name))
        await page.until(_row(key))
        await page.run(f"{_row(key)}.querySelector('.value').id = 'edited'")
        await page.type("#edited", "12")
        await page.run(steps[to])
        await page.until("document.querySelector('#ask').open")
        assert f"{name} has changes that aren't saved: they would be lost." == await page.run(_text("#ask-text"))
        await page.press("Escape", 27)
        await page.until("!document.querySelector('#ask').open")
        assert (name, "12") == (await page.run(shown), await page.run(edited))

        await page.run(steps[to])
        await page.click("#ask-yes")
        await page.until(left[to])
        assert not await page.run("document.querySelector('#ask').open")
        assert "12" not in runtime.store.held[name].data.values()

    visit(story)


def test_a_new_config_map_is_left_only_after_a_question(visit):
    """But for one into which nothing was typed."""

    async def story(page, runtime):
        await page.until(_row("max_workers"))
        await page.click("#map-new")
        await page.run(_choose("night-shift"))
        await page.until(_row("notes"))
        await page.click("#map-new")
        await page.type("#map-name", "mine")
        await page.run(_choose("get-start-configmap"))
        await page.until("document.querySelector('#ask').open")
        assert "mine isn't saved yet: what was typed would be lost." == await page.run(_text("#ask-text"))
        await page.click("#ask-no")
        assert "mine" == await page.run("document.querySelector('#map-name').value")

    visit(story)


def test_what_was_typed_stays_where_somebody_else_deletes_its_config_map(visit):
    """The page looks again and again at which there are; reverting leads to one that is."""

    async def story(page, runtime):
        await page.until(_row("max_workers"))
        await page.run(f"{_row('max_workers')}.querySelector('.value').id = 'edited'")
        await page.type("#edited", "12")
        runtime.store.delete("ConfigMap", "get-start-configmap")
        await page.until("document.querySelector('#map-choice').options.length === 2")
        assert "12" == await page.run("document.querySelector('#edited').value")
        assert "get-start-configmap" != await page.run("document.querySelector('#map-choice').value")

        await page.click("#map-revert")
        await page.until("!document.querySelector('#edited') && document.querySelector('#map-choice').value")

    visit(story)


def test_an_arguments_link_leads_to_its_key_from_a_new_config_map_too(visit):
    """By the link beside an argument."""

    async def story(page, runtime):
        await page.until(_row("max_workers"))
        await page.click("#map-new")
        await page.click("#argument-rows .as-link")
        await page.until("document.activeElement.className === 'value'")
        assert await page.run("document.querySelector('#map-name-row').hidden")

        await page.run(_choose("night-shift"))
        await page.until(_row("notes"))
        await page.click("#map-new")
        await page.click("#argument-rows .as-link")
        await page.until(_row("min_workers"))
        assert "get-start-configmap" == await page.run("document.querySelector('#map-choice').value")

    visit(story)


def test_a_config_map_is_made_and_deleted(visit):
    """Under a name of its own, with a question before it goes."""

    async def story(page, runtime):
        await page.until(_row("max_workers"))
        await page.click("#map-new")
        await page.type("#map-name", "canary")
        await page.type("#map-rows .key", "share")
        await page.type("#map-rows .value", "0.1")
        await page.click("#map-save")
        await page.until("document.querySelector('#map-choice').value === 'canary'")
        assert {"share": "0.1"} == dict(runtime.store.held["canary"].data)

        await page.click("#map-delete")
        await page.until("document.querySelector('#ask').open")
        assert "canary" in runtime.store.held
        await page.click("#ask-yes")
        await page.until(
            "!document.querySelector('#ask').open && document.querySelector('#map-choice').value !== 'canary'"
        )
        assert "canary" not in runtime.store.held

    visit(story)


def test_an_operator_pauses_and_resumes(visit):
    """With a reason, a name and an end; it is seen at the top until it is over."""

    async def story(page, runtime):
        await page.click("#pause")
        await page.type("#ask-reason", "rack maintenance")
        await page.type("#ask-by", "ann")
        await page.click("#ask-yes")
        await page.until("document.querySelector('#banners [data-key=word]')")
        banner = await page.run(_text("#banners [data-key=word] :first-child"))
        word = runtime.word
        assert ("pause", "ann", "rack maintenance", 1800) == (
            word["word"], word["by"], word["reason"], round(word["until"] - word["since"]),
        )  # fmt: skip
        assert banner.startswith("Paused by ann since ")
        assert banner.endswith(": rack maintenance")

        await page.click("#resume")
        await page.until("document.querySelector('#banners [data-key=word]') === null")
        assert runtime.word is None
        assert "ann" == runtime.done[-1][-1]

    visit(story)


def test_what_an_operator_kept_from_happening_is_not_shown_as_done(visit):
    """A pause stands before what the policy wanted, which is no change and has no mark in the chart."""
    word = {"word": "pause", "workers": None, "until": None, "reason": "rack maintenance", "by": "ann", "since": 1.0}
    marks = "document.querySelectorAll('#chart-workers .mark').length"

    async def story(page, runtime):
        before, last = await page.run(marks), await page.run(_text("#n-last"))
        wanted = {
            **runtime.kept[-1].view(),
            "at": time.time(),
            "up": 3,
            "down": [],
            "why": ["simple: starts 3 workers"],
        }
        runtime.tell("decision", {**wanted, "id": 101, "operator": word, "applied": None})
        await page.until("document.querySelectorAll('#decision-list > li').length === 101")

        row = "#decision-list > li:first-child"
        assert "pause" == await page.run(_text(f"{row} .badge"))
        assert [
            "operator paused by ann: rack maintenance",
            "policy +3; simple: starts 3 workers",
        ] == await page.run(_texts(f"{row} .sentence"))
        assert (before, last) == (await page.run(marks), await page.run(_text("#n-last")))

        runtime.tell(
            "decision",
            {
                **wanted,
                "id": 102,
                "operator": {**word, "word": "hold", "workers": 2},
                "applied": {"up": 2, "down": [], "why": []},
            },
        )
        await page.until("document.querySelectorAll('#decision-list > li').length === 102")
        assert "+2" == await page.run(_text(f"{row} .badge"))
        assert "held at 2 workers by ann" in await page.run(_text("#n-last"))
        assert before + 1 == await page.run(marks)

    visit(story)


def test_a_dry_run_changes_nothing(visit):
    """What it would do is said as such, and has no mark in the chart."""
    marks = "document.querySelectorAll('#chart-workers .mark').length"

    async def story(page, runtime):
        before = await page.run(marks)
        wanted = {**runtime.kept[-1].view(), "id": 101, "at": time.time(), "up": 3, "operator": None, "applied": None}
        runtime.tell("decision", wanted)
        await page.until("document.querySelectorAll('#decision-list > li').length === 101")

        assert "+3" == await page.run(_text("#decision-list > li:first-child .badge"))
        assert "not applied: a dry run" == await page.run(_text("#decision-list > li:first-child .applied"))
        assert before == await page.run(marks)

    visit(story)


def test_the_last_change_is_what_was_done_of_it(visit):
    """Where workers die while starting, say, fewer were started than the policy said: how many, and why."""

    async def story(page, runtime):
        why = "starts 1 of 3: starts wait, since workers have died while starting"
        part = {"up": 1, "down": [], "why": [why]}
        said = {"up": 3, "down": [], "why": ["simple: starts 3 workers"], "operator": None, "applied": part}
        runtime.tell("decision", {**runtime.kept[-1].view(), "id": 101, "at": time.time(), **said})
        await page.until("document.querySelectorAll('#decision-list > li').length === 101")

        assert "+1" == await page.run(_text("#n-last .badge"))
        assert [f"applied: +1; {why}", "simple starts 3 workers"] == await page.run(_texts("#n-last .sentence"))
        assert f"applied: +1; {why}" == await page.run(_text("#decision-list > li:first-child .applied"))

    visit(story)


def test_an_operator_holds_and_a_bad_number_is_said(visit):
    """The dialog stays open with the runtime's own words until the number is one."""

    async def story(page, runtime):
        await page.click("#hold")
        await page.type("#ask-workers", "-3")
        await page.click("#ask-yes")
        await page.until(f"{_text('#ask-error')}.startsWith('workers: ')")
        assert runtime.word is None

        await page.type("#ask-workers", "7")
        await page.press("Enter", 13)
        await page.until("document.querySelector('#banners [data-key=word]')")
        assert ("hold", 7) == (runtime.word["word"], runtime.word["workers"])
        assert "Held at 7 workers by the page" in await page.run(_text("#banners"))

    visit(story, expected=["400 (Bad Request)"])


def test_a_worker_is_removed_only_after_a_question(visit):
    """Exactly that one; who says no removes nobody."""

    async def story(page, runtime):
        worker_id = list(runtime.here)[5]
        remove = f"#worker-rows tr[data-key='{worker_id}'] .danger"
        await page.click(remove)
        await page.until("document.querySelector('#ask').open")
        assert worker_id in await page.run(_text("#ask-text"))
        await page.click("#ask-no")
        assert [] == runtime.done

        await page.click(remove)
        await page.click("#ask-yes")
        await page.until(
            f"document.querySelector(\"#worker-rows tr[data-key='{worker_id}']\").className === 'draining'"
        )
        assert [("remove", worker_id, "the page")] == runtime.done
        assert await page.run(f"document.querySelector({json.dumps(remove)}).hidden")

    visit(story)


def test_a_decision_shows_its_record(visit):
    """What was seen, what was said, the arguments with their sources; also for a moment in the chart."""

    async def story(page, runtime):
        await page.click("#decision-list li:nth-child(3) button")
        facts = await page.until("document.querySelector('#decision-list .facts')?.textContent")
        assert "Workers seen" in facts
        assert "at most 64" in facts
        assert "true" == await page.run("document.querySelector('#decision-list li:nth-child(3) button').ariaExpanded")
        assert "ConfigMap get-start-configmap" in await page.run(_text("#decision-list .details .pairs"))

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
        seen = [json.loads(one.record)["snapshot"]["queue"] for one in reversed(runtime.kept)]
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
        shown = len({one["id"] for one in runtime.workers(ended=True)})
        await page.until(f"document.querySelectorAll('#worker-rows tr').length === {shown}")
        assert "TERMINATED" in await page.run(_text("#worker-rows .ended"))
        assert "idle for" in await page.run(_text("#worker-rows .ended .sub"))

    visit(story)


def test_the_token_leaves_the_address(visit):
    """It was shown once; the page then lives by its cookie."""

    async def story(page, runtime):
        assert "" == await page.run("location.search")
        assert "" == await page.run("document.cookie")
        await page.reload()
        await page.until(LIVE)

    visit(story, token="secret")


@pytest.mark.parametrize(("width", "dark"), [(320, False), (1440, True)])
def test_the_form_that_asks_for_the_token_looks_like_the_page(visit, width, dark):
    """In the light and in the dark, on a phone too; without scripts, and what it loads is shown to everybody."""
    ground = "getComputedStyle(document.querySelector('main')).backgroundColor"

    async def story(page, runtime):
        await page.send("Network.clearBrowserCookies")
        await page.send("Page.navigate", url=f"http://127.0.0.1:{page.port}/?token=wrong")
        await page.until("document.querySelector('[name=token]')")
        await page.until("document.readyState === 'complete'")

        assert [0, width] == await page.run("[document.scripts.length, document.documentElement.scrollWidth]")
        assert ("rgb(23, 27, 33)" if dark else "rgb(255, 255, 255)") == await page.run(ground)
        assert "That isn't the token." == await page.run(_text("[role=alert]"))
        assert [] == await page.run(CONTRAST)

        await page.type("[name=token]", "secret")
        await page.press("Enter", 13)
        await page.until(LIVE)

    visit(story, token="secret", width=width, height=844, dark=dark, expected=["401 (Unauthorized)"])


# For everybody.


@pytest.mark.parametrize("width", [390, 320])
def test_a_phone_needs_no_sideways_scrolling(visit, width):
    """Nothing is wider than the screen, whatever names there are, also with all of it opened."""

    async def story(page, runtime):
        await page.click("#with-ended")
        await page.click("#decision-list li:nth-child(2) button")
        await page.until("document.querySelector('#decision-list .facts')")
        await page.run("document.querySelector('#decision-list details').open = true")
        runtime.app = LONG
        runtime.set_operator(
            {"word": "pause", "workers": None, "until": None, "reason": LONG, "by": LONG, "since": time.time()}, "x"
        )
        await page.until("document.querySelector('#banners [data-key=word]')")
        beyond = await page.run(
            "[...document.querySelectorAll('body *')]"
            ".filter((one) => one.getBoundingClientRect().right > innerWidth + 0.5"
            " && !one.closest('#show, #ask, .skip')).map((one) => one.tagName + '.' + one.className).slice(0, 5)"
        )

        assert [width, width] == await page.run("[document.documentElement.scrollWidth, innerWidth]")
        assert [] == beyond

    visit(story, width=width, height=844)


@pytest.mark.parametrize("width", [768, 1024, 1240, 1280, 1366])
def test_what_can_be_done_with_a_worker_is_in_sight(visit, width):
    """Nothing is cut off at the edge of the list, however old a worker is and however much it has answered."""

    async def story(page, runtime):
        now = time.time()
        for worker in list(runtime.here.values())[1:]:
            worker.started_at, worker.ready_at, worker.last_served_at = now - 12 * 86400, now - 9e5, now - 2 * 86400
            worker.successes, worker.failures, worker.serving, worker.concurrency = 12345, 123, 0, 16
        runtime.tell_state()
        await page.until("document.querySelector('#worker-rows').textContent.includes('123 failed')")

        wide, shown = await page.run(
            "((one) => [one.scrollWidth, one.clientWidth])(document.querySelector('#workers .scroll'))"
        )
        assert shown == wide

    visit(story, width=width)


@pytest.mark.parametrize("width", [320, 390, 1240, 1366, 1440])
def test_what_waits_stands_on_one_line_each(visit, width):
    """Also the longest reason beside a wait of minutes, of hours, or since yesterday."""

    async def story(page, runtime):
        session = admin_source.QueueReason.QueueDueSession
        runtime.waiting = [(time.time() - wait, session) for wait in (90_000, 40_000, 1_265, 1)]
        runtime.tell_state()
        await page.until("document.querySelectorAll('#queue-rows tr').length === 4")
        heights = await page.run("[...document.querySelectorAll('#queue-rows tr')].map((one) => one.offsetHeight)")
        wide, shown = await page.run(
            "((one) => [one.scrollWidth, one.clientWidth])(document.querySelector('#queue .scroll'))"
        )

        assert max(heights) < 34
        assert shown == wide

    visit(story, width=width)


def test_on_a_phone_a_worker_on_its_way_out_is_not_called_busy(visit):
    """Where one word has to do, it is the one that matters."""

    async def story(page, runtime):
        assert "TERMINATING" == await page.run(
            "document.querySelector('#worker-rows .draining .status').innerText.trim()"
        )

    visit(story, width=390, height=844)


def test_large_numbers_are_not_cut_off_at_the_axis(visit):
    """A thousand requests that wait have all four digits."""

    async def story(page, runtime):
        runtime.waiting = [(time.time(), admin_source.QueueReason.QueueDueBusy)] * 9000
        runtime.tell_state()
        await page.until("document.querySelector('#n-waiting').textContent === '9000'")
        left = "Math.min(...[...document.querySelectorAll('#chart-queue .end')].map((one) => one.getBBox().x))"

        assert await page.until(f"document.querySelector('#chart-queue').textContent.includes('10000') && {left} >= 0")

    visit(story)


CONTRAST = """
(() => {
  const pen = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = color;
    pen.fillRect(0, 0, 1, 1);
    return [...pen.getImageData(0, 0, 1, 1).data];
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((one) => (one /= 255) <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    if (!element) return [255, 255, 255];
    const [r, g, b, a] = rgba(getComputedStyle(element).backgroundColor);
    if (a === 255) return [r, g, b];
    const below = ground(element.parentElement);
    return [r, g, b].map((one, place) => (one * a + below[place] * (255 - a)) / 255);
  };
  const weak = new Set();
  for (const element of document.querySelectorAll("body *")) {
    const text = [...element.childNodes].some((one) => one.nodeType === 3 && one.data.trim());
    if (!text || !element.checkVisibility() || element.closest(":disabled, svg, script, noscript")) continue;
    const [one, other] = [light(rgba(getComputedStyle(element).color).slice(0, 3)), light(ground(element))];
    const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (contrast < 4.5) weak.add(`${element.tagName}.${element.className} ${contrast.toFixed(2)}`);
  }
  return [...weak];
})()
"""


@pytest.mark.parametrize("dark", [False, True])
def test_every_text_stands_out_from_its_ground(visit, dark):
    """By 4.5 to 1 at least, in the light and in the dark."""

    async def story(page, runtime):
        runtime.set_operator(
            {"word": "pause", "workers": None, "until": None, "reason": "", "by": "ann", "since": time.time()}, "x"
        )
        await page.until("document.querySelector('#banners [data-key=word]')")
        await page.click("#decision-list li:nth-child(2) button")
        await page.until("document.querySelector('#decision-list .facts')")

        assert [] == await page.run(CONTRAST)

    visit(story, dark=dark)


def test_the_theme_is_the_systems_until_one_is_chosen(visit):
    """The choice is remembered."""
    ground = "getComputedStyle(document.body).backgroundColor"

    async def story(page, runtime):
        dark = await page.run(ground)
        await page.click("#theme")
        light = await page.run(ground)
        assert ("rgb(15, 18, 22)", "rgb(245, 246, 248)") == (dark, light)
        assert "Theme: light" == await page.run("document.querySelector('#theme').ariaLabel")

        await page.reload()
        await page.until(LIVE)
        assert light == await page.run(ground)

    visit(story, dark=True)


def test_everything_that_can_be_used_has_a_name(visit):
    """A screen reader has a word for each button, field and region."""

    async def story(page, runtime):
        await page.send("Accessibility.enable")
        tree = (await page.send("Accessibility.getFullAXTree"))["nodes"]
        used = {"button", "textbox", "combobox", "checkbox", "spinbutton", "link", "image", "region", "dialog", "table"}
        nodes = [node for node in tree if not node["ignored"] and node["role"]["value"] in used - {"table"}]

        assert len(nodes) > 100
        assert [] == [node["role"]["value"] for node in nodes if not node.get("name", {}).get("value")]
        roles = {node["role"]["value"] for node in tree if not node["ignored"]}
        assert {"main", "banner", "table", "row", "rowheader", "cell", "heading"} <= roles

    visit(story)


def test_a_screen_reader_is_not_told_each_second_that_passes(visit):
    """How long a word is still in force is seen; what is read out at once stays the same."""
    until = time.time() + 1800

    async def story(page, runtime):
        runtime.set_operator(
            {"word": "pause", "workers": None, "until": until, "reason": "", "by": "ann", "since": time.time()}, "x"
        )
        left = await page.until("document.querySelector('#banners [data-key=word] [aria-hidden]')?.textContent")
        told = await page.run(_text("#banners [data-key=word] :not([aria-hidden])"))
        await page.until(f"{_text('#banners [aria-hidden]')} !== {json.dumps(left)}")

        assert left.endswith(" s more")
        assert told == await page.run(_text("#banners [data-key=word] :not([aria-hidden])"))
        assert "more" not in told

    visit(story)


def test_the_keyboard_is_enough(visit):
    """Time is walked through with the arrow keys; a decision is opened with Enter; the focus stays where it is."""

    async def story(page, runtime):
        await page.run("document.querySelector('#chart-workers svg').focus()")
        await page.press("ArrowLeft", 37)
        readout = await page.until(
            "!document.querySelector('#readout').textContent.startsWith('Point')"
            " && document.querySelector('#readout').textContent"
        )
        await page.press("ArrowLeft", 37)
        await page.until(f"document.querySelector('#readout').textContent !== {json.dumps(readout)}")

        await page.run("document.querySelector('#decision-list li:nth-child(2) button').focus()")
        await page.press("Enter", 13)
        await page.until("document.querySelector('#decision-list .facts')")
        runtime.tell("decision", {**runtime.kept[-1].view(), "id": 101})
        await page.until("document.querySelectorAll('#decision-list > li').length === 101")
        assert "true" == await page.run("document.activeElement.ariaExpanded")

    visit(story)
