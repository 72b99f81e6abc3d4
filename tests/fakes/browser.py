"""A real browser without a window, driven over its DevTools protocol."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-extensions",
    "--remote-debugging-port=0",
)

LIVE = "document.querySelector('#link').textContent === 'live'"
"""True once the page hears what happens."""


def text(selector: str) -> str:
    """A script: the text of the first such element."""
    return f"document.querySelector({json.dumps(selector)}).textContent"


def texts(selector: str) -> str:
    """A script: the texts of all such elements."""
    return f"[...document.querySelectorAll({json.dumps(selector)})].map((one) => one.textContent)"


def choose(name: str) -> str:
    """A script: choose that ConfigMap."""
    return (
        f"document.querySelector('#map-choice').value = {json.dumps(name)};"
        "document.querySelector('#map-choice').dispatchEvent(new Event('change'))"
    )


class Page:
    """One tab."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.complaints: list[str] = []
        """What the console and the network complained of."""
        self._socket = socket
        self._numbers = count(1)
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._reading = asyncio.create_task(self._read())

    def stop(self) -> None:
        self._reading.cancel()

    async def send(self, method: str, **parameters: Any) -> Any:
        number = next(self._numbers)
        self._asked[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        answer = await asyncio.wait_for(self._asked[number], 30)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    async def _read(self) -> None:
        async for message in self._socket:
            told = json.loads(message.data)
            if "id" in told:
                self._asked.pop(told["id"]).set_result(told)
            elif told["method"] == "Runtime.exceptionThrown":
                details = told["params"]["exceptionDetails"]
                self.complaints.append(details.get("exception", {}).get("description") or details["text"])
            elif told["method"] == "Runtime.consoleAPICalled" and told["params"]["type"] in {"error", "warning"}:
                self.complaints.append(str([one.get("value") for one in told["params"]["args"]]))
            elif told["method"] == "Log.entryAdded" and told["params"]["entry"]["level"] in {"error", "warning"}:
                self.complaints.append(f"{told['params']['entry']['text']} {told['params']['entry'].get('url', '')}")

    async def open(self, url: str, *, width: int = 1440, height: int = 1000, dark: bool = False) -> None:
        for domain in ("Page", "Runtime", "Log"):
            await self.send(f"{domain}.enable")
        await self.resize(width, height)
        await self.send(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}],
        )
        await self.send("Page.navigate", url=url)

    async def reload(self) -> None:
        """Load it anew; whatever is asked next is asked of the new one."""
        await self.run("window.isOld = true")
        await self.send("Page.reload")
        await self.until("!window.isOld")

    async def resize(self, width: int, height: int) -> None:
        await self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )

    async def run(self, script: str) -> Any:
        """What *script* is worth, in the page."""
        answer = await self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{script}: {answer['exceptionDetails']['exception'].get('description')}")
        return answer["result"].get("value")

    async def until(self, script: str, *, within: float = 15.0) -> Any:
        """What *script* is worth as soon as that is true; an element is only true."""
        script = f"((found) => found instanceof Node ? true : found)({script})"
        end = asyncio.get_running_loop().time() + within
        while asyncio.get_running_loop().time() < end:
            with suppress(RuntimeError):  # a page that is still being loaded
                if value := await self.run(script):
                    return value
            await asyncio.sleep(0.05)
        raise AssertionError(f"never came true: {script}")

    async def click(self, selector: str) -> None:
        """Click the middle of *selector* as a mouse does."""
        place = await self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            "e.scrollIntoView({block: 'center'}); const r = e.getBoundingClientRect();"
            "return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            await self.send("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1)

    async def type(self, selector: str, text: str) -> None:
        """Put *text* in the place of what *selector* holds, as a keyboard does."""
        await self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.focus(); e.select(); }})()"
        )
        await self.send("Input.insertText", text=text)

    async def press(self, key: str, code: int) -> None:
        for kind in ("rawKeyDown", "char", "keyUp"):
            text = "\r" if key == "Enter" and kind == "char" else ""
            await self.send(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, text=text
            )

    async def picture(self, path: Path, *, whole: bool = True) -> None:
        """Keep what it looks like."""
        more: dict[str, Any] = {}
        if whole:
            size = (await self.send("Page.getLayoutMetrics"))["cssContentSize"]
            more = {"captureBeyondViewport": True, "clip": {**size, "scale": 1}}
        shot = await self.send("Page.captureScreenshot", format="png", **more)
        await asyncio.to_thread(path.write_bytes, base64.b64decode(shot["data"]))


class Browser:
    """A browser; each of its pages is a new one."""

    def __init__(self, session: aiohttp.ClientSession, port: int) -> None:
        self._session = session
        self._url = f"http://127.0.0.1:{port}/json"

    @asynccontextmanager
    async def page(self) -> AsyncIterator[Page]:
        async with self._session.put(f"{self._url}/new?about:blank") as answer:
            tab = await answer.json(content_type=None)
        async with self._session.ws_connect(tab["webSocketDebuggerUrl"], max_msg_size=0) as socket:
            page = Page(socket)
            try:
                yield page
            finally:
                page.stop()
        async with self._session.get(f"{self._url}/close/{tab['id']}") as answer:
            await answer.read()


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """A new browser, with nothing that an earlier one kept."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        process = await asyncio.create_subprocess_exec(
            str(CHROMIUM),
            *FLAGS,
            f"--user-data-dir={home}",
            "about:blank",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            port = await _port(Path(home))
            async with aiohttp.ClientSession() as session:
                yield Browser(session, port)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


async def _port(home: Path) -> int:
    for _ in range(600):
        with suppress(FileNotFoundError, IndexError, ValueError):
            return int((home / "DevToolsActivePort").read_text("utf-8").splitlines()[0])
        await asyncio.sleep(0.05)
    raise AssertionError("the browser doesn't come up")
