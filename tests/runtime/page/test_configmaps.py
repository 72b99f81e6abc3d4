"""ConfigMaps on the page: editing, making and deleting one, and what others do meanwhile."""

from __future__ import annotations

import pytest
from browser import choose, text

pytestmark = pytest.mark.slow


def _row(key):
    return f"[...document.querySelectorAll('#map-rows tr')].find((row) => row.querySelector('.key').value === {key!r})"


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

        data = runtime.maps["get-start-configmap"]
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
        before = runtime.maps
        await page.click("#map-add")
        await page.type("#map-rows tr:last-child .key", "max_workers")
        await page.click("#map-save")
        await page.until(f"{text('#map-error')} === \"the key 'max_workers' is there twice\"")
        await page.type("#map-rows tr:last-child .key", "x" * 300)
        await page.click("#map-save")
        await page.until(f"{text('#map-error')}.includes('a key is of letters')")

        assert before == runtime.maps
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
        await page.until(f"{text('#map-error')}.startsWith('somebody else has changed it meanwhile')")
        assert "99" == runtime.maps["get-start-configmap"]["max_workers"]

        await page.click("#map-save")
        await page.until("document.querySelector('#map-said').textContent.startsWith('Saved')")
        assert "12" == runtime.maps["get-start-configmap"]["max_workers"]

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

        data = runtime.maps["get-start-configmap"]
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
        await page.until(f"{text('#map-error')}.startsWith('somebody else has deleted it meanwhile')")
        assert "get-start-configmap" not in runtime.maps

        await page.click("#map-save")
        await page.until("document.querySelector('#map-said').textContent.startsWith('Saved')")
        assert "12" == runtime.maps["get-start-configmap"]["max_workers"]

    visit(story)


@pytest.mark.parametrize("to", ["another", "new", "link"])
def test_what_was_typed_is_left_only_after_a_question(visit, to):
    """Another ConfigMap, a new one or an argument's link: who says no goes on where they were."""
    shown, edited = "document.querySelector('#map-choice').value", "document.querySelector('#edited')?.value"
    steps = {
        "another": choose("night-shift"),
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
            await page.run(choose(name))
        await page.until(_row(key))
        await page.run(f"{_row(key)}.querySelector('.value').id = 'edited'")
        await page.type("#edited", "12")
        await page.run(steps[to])
        await page.until("document.querySelector('#ask').open")
        assert f"{name} has changes that aren't saved: they would be lost." == await page.run(text("#ask-text"))
        await page.press("Escape", 27)
        await page.until("!document.querySelector('#ask').open")
        assert (name, "12") == (await page.run(shown), await page.run(edited))

        await page.run(steps[to])
        await page.click("#ask-yes")
        await page.until(left[to])
        assert not await page.run("document.querySelector('#ask').open")
        assert "12" not in runtime.maps[name].values()

    visit(story)


def test_a_new_config_map_is_left_only_after_a_question(visit):
    """But for one into which nothing was typed."""

    async def story(page, runtime):
        await page.until(_row("max_workers"))
        await page.click("#map-new")
        await page.run(choose("night-shift"))
        await page.until(_row("notes"))
        await page.click("#map-new")
        await page.type("#map-name", "mine")
        await page.run(choose("get-start-configmap"))
        await page.until("document.querySelector('#ask').open")
        assert "mine isn't saved yet: what was typed would be lost." == await page.run(text("#ask-text"))
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

        await page.run(choose("night-shift"))
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
        assert {"share": "0.1"} == runtime.maps["canary"]

        await page.click("#map-delete")
        await page.until("document.querySelector('#ask').open")
        assert "canary" in runtime.maps
        await page.click("#ask-yes")
        await page.until(
            "!document.querySelector('#ask').open && document.querySelector('#map-choice').value !== 'canary'"
        )
        assert "canary" not in runtime.maps

    visit(story)
