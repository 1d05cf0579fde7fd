"""A page as a reader's browser shows it: Chromium without a window, asked by its debugging protocol.

Measures what a person would stumble over: errors of scripts, requests to other machines, text that is pale, parts that
stick out, places that the keyboard does not reach, and the number of printed pages.
"""

import asyncio
import base64
import json
import re
import shutil
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
LOCAL = ("file:", "data:", "blob:", "about:", "http://localhost:")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--remote-debugging-port=0",
    "--hide-scrollbars",
)

CHECKS = Path(__file__).with_name("page_checks.js")


class Browser:
    """One page of Chromium, opened and asked; `with Browser() as browser:`."""

    def __enter__(self) -> "Browser":
        from tornado.websocket import websocket_connect

        self.home = tempfile.mkdtemp(prefix="browser")
        words = [CHROMIUM, *FLAGS, "--remote-debugging-port=0", f"--user-data-dir={self.home}", "about:blank"]
        self.process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        written = Path(self.home) / "DevToolsActivePort"
        end = time.monotonic() + 120
        while not (written.exists() and written.read_text().strip()):
            assert self.process.poll() is None and time.monotonic() < end, "chromium does not start"
            time.sleep(0.1)
        address = f"http://127.0.0.1:{written.read_text().split()[0]}/json/list"
        pages = json.load(urllib.request.urlopen(address))
        target = next(page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page")
        self.loop, self.count, self.events = asyncio.new_event_loop(), 0, []
        connecting = self._connected(websocket_connect, target)
        self.socket = self.loop.run_until_complete(connecting)
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()
        self.process.terminate()
        self.process.wait(60)
        self.loop.close()
        shutil.rmtree(self.home, ignore_errors=True)

    async def _connected(self, connect: Any, target: str) -> Any:
        return await connect(target, max_message_size=2**28)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The answer of the browser; what happens meanwhile is kept in `events`."""
        self.count += 1
        number = self.count

        async def asked() -> dict[str, Any]:
            await self.socket.write_message(json.dumps({"id": number, "method": method, "params": parameters}))
            while True:
                told = json.loads(await self.socket.read_message())
                if told.get("id") == number:
                    return told
                self.events.append(told)

        answer = self.loop.run_until_complete(asyncio.wait_for(asked(), 300))
        assert "error" not in answer, answer
        return answer["result"]

    def evaluate(self, script: str) -> Any:
        """The value of an expression in the page."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def open(self, path: Path | str, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """Show a file, or an address on this machine, at a width in pixels."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.events.clear()
        self.call("Page.navigate", url=path if isinstance(path, str) else path.resolve().as_uri())
        self._loaded(path)
        if self.evaluate("(() => { const kept = localStorage.length; localStorage.clear(); return kept; })()"):
            self.events.clear()  # a choice of dark or light that was kept from another page
            self.call("Page.reload")
            self._loaded(path)
        self.evaluate(CHECKS.read_text())

    def _loaded(self, path: Path | str) -> None:
        end = time.monotonic() + 120
        while self.evaluate("document.readyState") != "complete":
            assert time.monotonic() < end, f"{path} does not load"
            time.sleep(0.1)
        self.evaluate("new Promise(done => setTimeout(done, 300))")

    def complaints(self) -> list[str]:
        """Errors on the console, and requests that leave the machine."""
        found = []
        for event in self.events:
            what, told = event.get("method"), event.get("params", {})
            if what == "Runtime.exceptionThrown":
                found.append(f"exception: {told['exceptionDetails'].get('text')} {told['exceptionDetails'].get('url')}")
            elif what == "Runtime.consoleAPICalled" and told["type"] in ("error", "assert"):
                found.append(f"console: {told['args']}")
            elif what == "Log.entryAdded" and told["entry"]["level"] == "error":
                found.append(f"log: {told['entry']['text']} {told['entry'].get('url', '')}")
            elif what == "Network.requestWillBeSent" and not told["request"]["url"].startswith(LOCAL):
                found.append(f"request: {told['request']['url']}")
        return found

    def pale(self) -> dict[str, str]:
        """Text whose contrast is below WCAG AA, with its ratio."""
        return self.evaluate("pale()")

    def overflowing(self) -> list[str]:
        """What sticks out at the right."""
        return self.evaluate("overflowing()")

    def not_reached(self, most: int = 400) -> list[str]:
        """What a reader with a keyboard misses: nothing, if each press of Tab goes on and shows where it is."""
        wanted, reached, unmarked = self.evaluate("reachable()"), 0, []
        for _ in range(min(wanted, most)):
            for kind in ("keyDown", "keyUp"):
                self.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
            fresh, ring, words = self.evaluate("focus_now()")
            reached += fresh
            if fresh and not ring:
                unmarked.append(f"no mark on {words}")
        short = [f"{reached} of {wanted} places"] if reached < 0.9 * min(wanted, most) else []
        return short + unmarked

    def printed_pages(self) -> int:
        """The number of A4 pages that printing makes."""
        answer = self.call("Page.printToPDF", paperWidth=8.27, paperHeight=11.69, printBackground=True)
        return len(re.findall(rb"/Type\s*/Page\b", base64.b64decode(answer["data"])))

    def picture(self, path: Path, whole: bool = False) -> None:
        """A screenshot, of what is seen or of the whole page."""
        answer = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(answer["data"]))
