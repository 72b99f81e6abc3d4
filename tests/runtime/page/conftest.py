"""The page in a real browser, over real HTTP, on a runtime made of memory."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager

import pytest
from afternoon import Afternoon
from browser import CHROMIUM, LIVE, browser


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """An afternoon, an event loop and a browser, for all tests of a file."""
    if CHROMIUM is None:
        pytest.skip("needs a browser: chromium isn't installed")
    afternoon = Afternoon(time.time, tmp_path_factory.mktemp("afternoon") / "state")
    loop = asyncio.new_event_loop()
    context = browser()
    opened = loop.run_until_complete(context.__aenter__())
    yield afternoon, loop, opened
    afternoon.store.close()
    loop.run_until_complete(context.__aexit__(None, None, None))
    loop.close()


@pytest.fixture
def visit(world, tmp_path):
    """Plays *story* with a page, its runtime and its address; the console may complain only of what is *expected*."""
    afternoon, loop, opened = world

    def play(story, *, expected=(), token=None, **how):
        async def visited():
            runtime = afternoon.again(tmp_path / "state")
            runtime.tick_at = time.time() - 5
            async with _serving(runtime, token) as (admin, port), opened.page() as page:
                query = f"/?token={token}" if token else "/"
                await page.open(f"http://127.0.0.1:{port}{query}", **how)
                await page.until(LIVE)
                page.admin, page.port = admin, port
                await story(page, runtime)
                runtime.store.close()
                return [one for one in page.complaints if not any(word in one for word in expected)]

        assert [] == loop.run_until_complete(visited())

    return play


@asynccontextmanager
async def _serving(runtime, token=None):
    admin = runtime.admin(token=token)
    port = await admin.start(0)
    try:
        yield admin, port
    finally:
        await admin.stop()
