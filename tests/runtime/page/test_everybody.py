"""The page for everybody: phones, keyboards, screen readers, light and dark."""

from __future__ import annotations

import json
import time

import pytest
from afternoon import LONG
from browser import LIVE, text

from everai_autoscaler.model import QueueReason
from everai_autoscaler.runtime.override import Override

pytestmark = pytest.mark.slow

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
        assert "That isn't the token." == await page.run(text("[role=alert]"))
        assert [] == await page.run(CONTRAST)

        await page.type("[name=token]", "secret")
        await page.press("Enter", 13)
        await page.until(LIVE)

    visit(story, token="secret", width=width, height=844, dark=dark, expected=["401 (Unauthorized)"])


@pytest.mark.parametrize("width", [390, 320])
def test_a_phone_needs_no_sideways_scrolling(visit, width):
    """Nothing is wider than the screen, whatever names there are, also with all of it opened."""

    async def story(page, runtime):
        await page.click("#with-ended")
        await page.click("#decision-list li:nth-child(2) button")
        await page.until("document.querySelector('#decision-list .facts')")
        await page.run("document.querySelector('#decision-list details').open = true")
        runtime.title = LONG
        await runtime.set_operator(Override(word="pause", reason=LONG, by=LONG, since=time.time()), "x")
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
        session = QueueReason.QueueDueSession
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
        runtime.waiting = [(time.time(), QueueReason.QueueDueBusy)] * 9000
        runtime.tell_state()
        await page.until("document.querySelector('#n-waiting').textContent === '9000'")
        left = "Math.min(...[...document.querySelectorAll('#chart-queue .end')].map((one) => one.getBBox().x))"

        assert await page.until(f"document.querySelector('#chart-queue').textContent.includes('10000') && {left} >= 0")

    visit(story)


@pytest.mark.parametrize("dark", [False, True])
def test_every_text_stands_out_from_its_ground(visit, dark):
    """By 4.5 to 1 at least, in the light and in the dark."""

    async def story(page, runtime):
        await runtime.set_operator(Override(word="pause", by="ann", since=time.time()), "x")
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
        await runtime.set_operator(Override(word="pause", until=until, by="ann", since=time.time()), "x")
        left = await page.until("document.querySelector('#banners [data-key=word] [aria-hidden]')?.textContent")
        told = await page.run(text("#banners [data-key=word] :not([aria-hidden])"))
        await page.until(f"{text('#banners [aria-hidden]')} !== {json.dumps(left)}")

        assert left.endswith(" s more")
        assert told == await page.run(text("#banners [data-key=word] :not([aria-hidden])"))
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
        runtime.events.send("decision", {**runtime.last(), "id": 101})
        await page.until("document.querySelectorAll('#decision-list > li').length === 101")
        assert "true" == await page.run("document.activeElement.ariaExpanded")

    visit(story)
