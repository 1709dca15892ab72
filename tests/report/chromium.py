"""A page in Chromium, without a window: driven through a pair of pipes, as a reader would."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

PROGRAM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
MISSING = "there is no Chromium here"

_LONGEST_WAIT = 60.0

# The browser reads from 3 and writes to 4.
_AS_3_AND_4 = """
import fcntl, os, sys
read, write = (fcntl.fcntl(int(one), fcntl.F_DUPFD, 10) for one in sys.argv[1:3])
os.dup2(read, 3)
os.dup2(write, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


class Size(NamedTuple):
    """Of the window."""

    width: int
    height: int
    is_phone: bool = False
    scale: float = 1


DESKTOP = Size(1280, 820)
PHONE = Size(390, 780, is_phone=True)


class Chromium:
    """A browser with one page.

    Attributes:
        errors: What the page has told as errors and warnings.
        asked: The addresses that the page has asked for.
    """

    def __init__(self, to: int, back: int) -> None:
        self._to, self._back = to, back
        self._left = b""
        self._number = 0
        self._session: str | None = None
        self._frames: list[str] = []
        self.errors: list[str] = []
        self.asked: list[str] = []
        target = self.command("Target.createTarget", url="about:blank")["targetId"]
        attached = self.command("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        self._listen()

    def _listen(self) -> None:
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.command(f"{domain}.enable")

    def command(self, method: str, **params: Any) -> dict[str, Any]:
        """Have the browser do something, and return what it answers."""
        self._number += 1
        told: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self._session:
            told["sessionId"] = self._session
        os.write(self._to, json.dumps(told).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, (method, answer["error"])
                result: dict[str, Any] = answer["result"]
                return result
            self._note(answer)

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._left:
            read = os.read(self._back, 1 << 16)
            assert read, "Chromium has ended"
            self._left += read
        message, _, self._left = self._left.partition(b"\0")
        told: dict[str, Any] = json.loads(message)
        return told

    def _note(self, event: dict[str, Any]) -> None:
        method, params = event.get("method"), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.errors.append(str(params["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
            self.errors.append(str(params["args"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.errors.append(params["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.asked.append(params["request"]["url"])
        elif method == "Target.attachedToTarget":
            self._frames.append(params["sessionId"])

    def open(self, address: str, size: Size = DESKTOP, scheme: str = "light") -> float:
        """Open a page of ours; return the seconds until it is drawn."""
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=size.width,
            height=size.height,
            mobile=size.is_phone,
            deviceScaleFactor=size.scale,
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.command("Emulation.setEmulatedMedia", features=features)
        start = time.monotonic()
        self.command("Page.navigate", url=address)
        self.wait("document.documentElement?.dataset.ready === 'yes'")
        # Two frames later it is on the screen.
        self.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        return time.monotonic() - start

    @contextmanager
    def within_frame(self) -> Iterator[None]:
        """Let what is done be done in the one frame of the page, which runs apart from it."""
        page = self._session
        self._frames.clear()
        self.command(
            "Target.setAutoAttach", autoAttach=True, waitForDebuggerOnStart=False, flatten=True
        )
        until = time.monotonic() + _LONGEST_WAIT
        while not self._frames:
            assert time.monotonic() < until, "There is no frame"
            self.run("1")
        (self._session,) = self._frames
        try:
            self._listen()
            yield
        finally:
            self._session = page
            self.command(
                "Target.setAutoAttach", autoAttach=False, waitForDebuggerOnStart=False, flatten=True
            )

    def run(self, code: str) -> Any:
        """Return the value of an expression in the page."""
        result = self.command(
            "Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def wait(self, code: str) -> None:
        """Wait until an expression holds."""
        until = time.monotonic() + _LONGEST_WAIT
        while not self.run(code):
            assert time.monotonic() < until, f"It never became so: {code}"
            time.sleep(0.02)

    def text(self, selector: str) -> str:
        """Return the text that is to be seen in an element."""
        one = f"document.querySelector({json.dumps(selector)})"
        return str(self.run(f"{one}?.checkVisibility() ? {one}.innerText : ''"))

    def click(self, selector: str) -> None:
        """Click on the middle of an element, where a reader would."""
        place = self.run(
            f"(() => {{ const one = document.querySelector({json.dumps(selector)});"
            " one.scrollIntoView({block: 'nearest', inline: 'nearest'});"
            " const at = one.getBoundingClientRect();"
            " return [at.x + at.width / 2, at.y + at.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.command(
                "Input.dispatchMouseEvent",
                type=kind,
                x=place[0],
                y=place[1],
                button="left",
                clickCount=1,
            )

    def press(self, key: str) -> None:
        """Press a key that writes nothing, such as ``Enter`` and ``ArrowRight``."""
        code = {"Enter": 13, "Escape": 27, "Tab": 9}.get(key, 0)
        for kind in ("rawKeyDown", "keyUp"):
            self.command(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code
            )

    def write(self, text: str) -> None:
        """Write into what has the focus."""
        self.command("Input.insertText", text=text)

    def picture(self, file: Path) -> None:
        """Save what is to be seen as a PNG file."""
        shot = self.command("Page.captureScreenshot", format="png")
        file.write_bytes(base64.b64decode(shot["data"]))


@contextmanager
def chromium() -> Iterator[Chromium]:
    """Start a browser for as long as the block."""
    assert PROGRAM is not None, MISSING
    read, to = os.pipe()
    back, write = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = (
            *("--headless=new", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu"),
            # In a container there is neither a sandbox for root nor much of shared memory.
            *("--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"),
            f"--user-data-dir={profile}",
        )
        process = subprocess.Popen(
            [sys.executable, "-c", _AS_3_AND_4, str(read), str(write), PROGRAM, *options],
            pass_fds=(read, write),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read)
        os.close(write)
        try:
            yield Chromium(to, back)
        finally:
            process.terminate()
            process.wait()
            os.close(to)
            os.close(back)


def box(name: str) -> str:
    """Return the selector of the box of a node in the graph."""
    return f'.graph .box[aria-label^="node {name},"]'
