"""What an operator does with the page, and how it shows what was decided against a policy."""

from __future__ import annotations

import json
import time

import pytest
from browser import text, texts

pytestmark = pytest.mark.slow


def test_an_operator_pauses_and_resumes(visit):
    """With a reason, a name and an end; it is seen at the top until it is over."""

    async def story(page, runtime):
        await page.click("#pause")
        await page.type("#ask-reason", "rack maintenance")
        await page.type("#ask-by", "ann")
        await page.click("#ask-yes")
        await page.until("document.querySelector('#banners [data-key=word]')")
        banner = await page.run(text("#banners [data-key=word] :first-child"))
        override = runtime.override
        assert ("pause", "ann", "rack maintenance", 1800) == (
            override.word, override.by, override.reason, round(override.until - override.since),
        )  # fmt: skip
        assert banner.startswith("Paused by ann since ")
        assert banner.endswith(": rack maintenance")

        await page.click("#resume")
        await page.until("document.querySelector('#banners [data-key=word]') === null")
        assert runtime.override is None
        assert "ann" == runtime.done[-1][-1]

    visit(story)


def test_what_an_operator_kept_from_happening_is_not_shown_as_done(visit):
    """A pause stands before what the policy wanted, which is no change and has no mark in the chart."""
    word = {"word": "pause", "workers": None, "until": None, "reason": "rack maintenance", "by": "ann", "since": 1.0}
    marks = "document.querySelectorAll('#chart-workers .mark').length"

    async def story(page, runtime):
        before, last = await page.run(marks), await page.run(text("#n-last"))
        wanted = {
            **runtime.last(),
            "at": time.time(),
            "up": 3,
            "down": [],
            "why": ["simple: starts 3 workers"],
            "by": "operator",
        }
        runtime.events.send("decision", {**wanted, "id": 101, "operator": word, "applied": None})
        await page.until("document.querySelectorAll('#decision-list > li').length === 101")

        row = "#decision-list > li:first-child"
        assert "pause" == await page.run(text(f"{row} .badge"))
        assert [
            "operator paused by ann: rack maintenance",
            "policy +3; simple: starts 3 workers",
        ] == await page.run(texts(f"{row} .sentence"))
        assert (before, last) == (await page.run(marks), await page.run(text("#n-last")))

        runtime.events.send(
            "decision",
            {
                **wanted,
                "id": 102,
                "operator": {**word, "word": "hold", "workers": 2},
                "applied": {"up": 2, "down": [], "why": []},
            },
        )
        await page.until("document.querySelectorAll('#decision-list > li').length === 102")
        assert "+2" == await page.run(text(f"{row} .badge"))
        assert "held at 2 workers by ann" in await page.run(text("#n-last"))
        assert before + 1 == await page.run(marks)

    visit(story)


def test_a_dry_run_changes_nothing(visit):
    """What it would do is said as such, and has no mark in the chart."""
    marks = "document.querySelectorAll('#chart-workers .mark').length"

    async def story(page, runtime):
        before = await page.run(marks)
        wanted = {**runtime.last(), "id": 101, "at": time.time(), "up": 3, "applied": None}
        runtime.events.send("decision", {**wanted, "shortfall": ["not applied: a dry run"]})
        await page.until("document.querySelectorAll('#decision-list > li').length === 101")

        assert "+3" == await page.run(text("#decision-list > li:first-child .badge"))
        assert "not applied: a dry run" == await page.run(text("#decision-list > li:first-child .applied"))
        assert before == await page.run(marks)

    visit(story)


def test_the_last_change_is_what_was_done_of_it(visit):
    """Where workers die while starting, say, fewer were started than the policy said: how many, and why."""

    async def story(page, runtime):
        why = "starts 1 of 3: starts wait, since workers have died while starting"
        part = {"up": 1, "down": [], "why": [why]}
        said = {"up": 3, "down": [], "why": ["simple: starts 3 workers"], "applied": part, "shortfall": [why]}
        runtime.events.send("decision", {**runtime.last(), "id": 101, "at": time.time(), **said})
        await page.until("document.querySelectorAll('#decision-list > li').length === 101")

        assert "+1" == await page.run(text("#n-last .badge"))
        assert [f"applied: +1; {why}", "simple starts 3 workers"] == await page.run(texts("#n-last .sentence"))
        assert f"applied: +1; {why}" == await page.run(text("#decision-list > li:first-child .applied"))

    visit(story)


def test_an_operator_holds_and_a_bad_number_is_said(visit):
    """The dialog stays open with the runtime's own words until the number is one."""

    async def story(page, runtime):
        await page.click("#hold")
        await page.type("#ask-workers", "-3")
        await page.click("#ask-yes")
        await page.until(f"{text('#ask-error')}.startsWith('workers: ')")
        assert runtime.override is None

        await page.type("#ask-workers", "7")
        await page.press("Enter", 13)
        await page.until("document.querySelector('#banners [data-key=word]')")
        assert ("hold", 7) == (runtime.override.word, runtime.override.workers)
        assert "Held at 7 workers by the page" in await page.run(text("#banners"))

    visit(story, expected=["400 (Bad Request)"])


def test_a_worker_is_removed_only_after_a_question(visit):
    """Exactly that one; who says no removes nobody."""

    async def story(page, runtime):
        worker_id = list(runtime.here)[5]
        remove = f"#worker-rows tr[data-key='{worker_id}'] .danger"
        await page.click(remove)
        await page.until("document.querySelector('#ask').open")
        assert worker_id in await page.run(text("#ask-text"))
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
