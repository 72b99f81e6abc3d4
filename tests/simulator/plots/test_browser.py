"""The page in a real browser: hover, zoom and keys; nothing that it is told becomes markup."""

from __future__ import annotations

import asyncio

import pytest
from attrs import evolve
from browser import CHROMIUM, browser, text

from everai_autoscaler.simulator.plots import plot_run

HOSTILE = "<img src=x onerror=document.title='taken'>"


@pytest.fixture(scope="module")
def opened():
    """An event loop and a browser, for all tests of the file."""
    if CHROMIUM is None:
        pytest.skip("needs a browser: chromium isn't installed")
    loop = asyncio.new_event_loop()
    context = browser()
    yield loop, loop.run_until_complete(context.__aenter__())
    loop.run_until_complete(context.__aexit__(None, None, None))
    loop.close()


@pytest.fixture
def visit(opened, tmp_path):
    """Plays *story* with the page that *draw* has written; the console has nothing to complain of."""
    loop, chromium = opened

    def play(draw, story, **how):
        path = tmp_path / "page.html"
        draw(path)

        async def visited():
            async with chromium.page() as page:
                await page.open(f"file://{path}", **how)
                await page.until("document.readyState === 'complete'")
                await story(page)
                return page.complaints

        assert [] == loop.run_until_complete(visited())

    return play


async def move(page, x, y):
    """Move the mouse to a place in the pixels of the picture."""
    place = await page.run(
        f"(() => {{ const p = new DOMPoint({x}, {y}).matrixTransform(document.querySelector('svg').getScreenCTM());"
        "return [p.x, p.y]; })()"
    )
    await page.send("Input.dispatchMouseEvent", type="mouseMoved", x=place[0], y=place[1])
    return place


async def drag(page, x, to, y):
    """Drag from one place to another."""
    start = await move(page, x, y)
    await page.send("Input.dispatchMouseEvent", type="mousePressed", x=start[0], y=start[1], button="left")
    stop = await move(page, to, y)
    await page.send("Input.dispatchMouseEvent", type="mouseReleased", x=stop[0], y=stop[1], button="left")


@pytest.mark.slow
def test_the_mouse_shows_a_decision_with_its_reasons(visit, afternoon):
    """Over any panel: what was seen, what was done, and why, at the last decision before that moment."""
    row = next(row for row in afternoon.ticks if row.up)

    async def story(page):
        at = 84 + (row.at + 5) / afternoon.ended_at * 1092
        await move(page, at, 400)
        said = await page.run(text("#note"))

        assert f"started {row.up}" in said
        assert row.reasons[0] in said
        assert f"{row.busy} busy" in said
        assert "visible" == await page.run("document.querySelector('#hair').getAttribute('visibility')")

    visit(lambda path: plot_run(afternoon, path), story)


@pytest.mark.slow
def test_dragging_enlarges_and_escape_shows_all(visit, afternoon):
    """A part of the time fills the width; its moments are written below; Escape goes back."""
    ticks = "[...document.querySelectorAll('.tick')].filter((one) => one.style.display === '').length"
    wide = "document.querySelector('.frame').viewBox.baseVal.width"

    async def story(page):
        before = [await page.run(ticks), await page.run(wide)]
        await drag(page, 300, 500, 400)
        assert 200 == pytest.approx(await page.run(wide), abs=2)
        assert 0 == await page.run(ticks)
        assert "Show all" == await page.run(text("#all"))
        await page.run("document.querySelector('#picture').focus()")
        await page.press("Escape", 27)
        assert before == [await page.run(ticks), await page.run(wide)]

    visit(lambda path: plot_run(afternoon, path), story)


@pytest.mark.slow
def test_arrow_keys_go_from_decision_to_decision(visit, afternoon):
    """Without a mouse, too."""

    async def story(page):
        await page.run("document.querySelector('#picture').focus()")
        await page.press("ArrowRight", 39)
        await page.press("ArrowRight", 39)

        assert "Decision at 40 s" == await page.run(text("#note h2"))

    visit(lambda path: plot_run(afternoon, path), story)


@pytest.mark.slow
def test_reasons_are_never_markup(visit, afternoon):
    """A policy whose reason is an attack is shown, letter by letter."""
    hostile = evolve(afternoon, ticks=tuple(evolve(row, reasons=(HOSTILE,)) for row in afternoon.ticks))

    async def story(page):
        await move(page, 500, 400)

        assert HOSTILE in await page.run(text("#note"))
        assert 0 == await page.run("document.images.length")
        assert "taken" != await page.run("document.title")

    visit(lambda path: plot_run(hostile, path), story)


@pytest.mark.slow
def test_it_is_dark_where_the_reader_wants_that(visit, afternoon):
    """The colours follow the reader's choice."""

    async def story(page):
        assert "rgb(20, 23, 28)" == await page.run("getComputedStyle(document.documentElement).backgroundColor")

    visit(lambda path: plot_run(afternoon, path), story, dark=True)


@pytest.mark.slow
@pytest.mark.parametrize("which", ["broken", "nobody", "single"])
def test_runs_with_little_in_them_have_a_page(visit, which, request):
    """The mouse over them breaks nothing."""
    run = request.getfixturevalue(which)

    async def story(page):
        await move(page, 500, 400)

        assert "Decision at" in await page.run(text("#note"))

    visit(lambda path: plot_run(run, path), story)
