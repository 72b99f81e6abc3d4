"""The section of the page that shows what the tuner chose."""

from __future__ import annotations

from typing import Any

import pytest
from browser import text, texts

from everai_autoscaler.runtime.tuned import TuningForm, write_tuning

pytestmark = pytest.mark.slow

RULE = {"rule": "1*now[600s] + 0.7*root", "min_workers": 1}
KNOWN = {"number": 17, "scaler": "demand", "arguments": RULE, "workers": 2.0, "share": 0.993, "risk": 0.004}


def form(app: str, **changes: Any) -> TuningForm:
    """What a tuner may have told."""
    plain = {
        "app": app,
        "act": False,
        "within": 5.0,
        "share": 0.99,
        "every": 300.0,
        "candidates": 224,
        "price": 0.65,
        "in_force": {**KNOWN, "number": 67, "since": 5.0, "why": "first", "source": "tuned"},
        "advice": {**KNOWN, "since": 65.0, "why": "cheap"},
        "chosen": {**KNOWN, "allowed": True},
        "budget": {"due": 1000.0, "late": 3.0, "aim": 0.0085, "allowed": 0.0063, "spent": 0.353, "left": 5.5},
        "runners_up": [{**KNOWN, "number": 3, "workers": 2.5, "allowed": False}],
        "switches": [{"at": 65.0, "was": 4, "number": 17, "why": "cheap", "acted": False}],
        "hours": 23.0,
        "said": "would have cost $31.20 instead of $39.00 a day, 99.3 % within 5 s",
        "told_at": 70.0,
    }
    return TuningForm.model_validate({**plain, **changes})


def test_it_is_not_there_where_nothing_is_tuned(visit):
    """Nor does the console complain."""

    async def story(page, runtime):
        assert await page.run("document.querySelector('#tuning').hidden")

    visit(story)


def test_it_shows_the_advice_the_budget_and_the_runners_up(visit):
    """With what can't be promised, and the last switches."""

    async def story(page, runtime):
        write_tuning(runtime.store.directory, form(runtime.app))
        await page.reload()
        await page.until("!document.querySelector('#tuning').hidden")

        assert "only advises" == await page.run(text("#c-tuning"))
        assert "$31.20 instead of $39.00" in await page.run(text("#tuning-said"))
        assert "35 % of the error budget is spent: 3 of 1000 requests were late, 9 may be." == await page.run(
            text("#tuning-left")
        )
        facts = await page.run(texts("#tuning-facts dd"))
        assert (
            "99 % within 5 s, unless a burst larger than the error budget arrives faster than a cold start" == facts[0]
        )
        assert any(one.startswith("rule 17, since") for one in facts)
        rows = await page.run(texts("#tuning-rows tr"))
        assert ["17 advised2.00$31.2099.30 %0.40 %", "32.50$39.0099.30 %0.40 % ✗"] == rows
        assert ["advised rule 17 from 4: cheap"] == [
            one.split(" ", 2)[2] for one in await page.run(texts("#tuning-switches li"))
        ]

    visit(story)


def test_an_overspent_budget_is_red(visit):
    """Its bar is full."""

    async def story(page, runtime):
        spent = {"due": 1000.0, "late": 20.0, "aim": 0.0085, "allowed": 0.0043, "spent": 2.35, "left": -11.5}
        write_tuning(runtime.store.directory, form(runtime.app, act=True, budget=spent, price=None))
        await page.reload()
        await page.until("!document.querySelector('#tuning').hidden")

        assert "over" == await page.run("document.querySelector('#tuning-spent').className")
        assert "100%" == await page.run("document.querySelector('#tuning-spent').style.width")
        assert "acts" == await page.run(text("#c-tuning"))

    visit(story)
