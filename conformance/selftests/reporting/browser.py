"""A headless Chromium, controlled over its debugging pipe with only the standard library.

It records the browser's complaints and its network requests, so that a test can assert that there are none.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

__all__ = ["Browser", "Tab", "find_chromium"]

_PATIENCE_S: Final = 60.0  # bounds a test and decides no result
_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_OPTIONS: Final = (
    "--headless",
    "--remote-debugging-pipe",
    "--disable-gpu",
    "--hide-scrollbars",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--no-default-browser-check",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE localhost",
)
_CODES: Final = {
    "Enter": 13,
    "Escape": 27,
    "PageUp": 33,
    "PageDown": 34,
    "End": 35,
    "Home": 36,
    "ArrowLeft": 37,
    "ArrowUp": 38,
    "ArrowRight": 39,
    "ArrowDown": 40,
}


def find_chromium() -> str | None:
    """Return the path of a Chromium, or None."""
    return next((path for path in map(shutil.which, _NAMES) if path is not None), None)


class Browser:
    """One process of the browser; end it with :meth:`close`."""

    def __init__(self, command: str, home: Path) -> None:
        reads, self._out = os.pipe()
        self._in, writes = os.pipe()
        ours = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (reads, writes)]

        def place() -> None:
            os.dup2(ours[0], 3)
            os.dup2(ours[1], 4)

        root = ["--no-sandbox"] if os.geteuid() == 0 else []
        self._process = subprocess.Popen(
            [command, *_OPTIONS, *root, f"--user-data-dir={home / 'profile'}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": str(home), "XDG_CONFIG_HOME": str(home), "XDG_CACHE_HOME": str(home)},
            pass_fds=(3, 4),
            preexec_fn=place,  # noqa: PLW1509 - nothing here starts a thread before
            start_new_session=True,
        )
        for end in (reads, writes, *ours):
            os.close(end)
        self._number = 0
        self._rest = b""
        self.tabs: dict[str, Tab] = {}

    def tab(self, *, width: int, height: int = 900, dark: bool = False, scripts: bool = True) -> Tab:
        """Open a tab of a size, in a scheme of colours, with or without scripts."""
        target = self.send("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.send("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        tab = self.tabs[session] = Tab(self, session, target)
        for domain in ("Page", "Runtime", "Network", "Log"):
            tab.send(f"{domain}.enable")
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        tab.send("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        tab.send("Emulation.setEmulatedMedia", {"features": [scheme]})
        tab.send("Emulation.setScriptExecutionDisabled", {"value": not scripts})
        return tab

    def send(self, method: str, params: dict[str, Any] | None = None, session: str | None = None) -> Any:
        """Send one command and return its result; events that arrive first are noted."""
        self._number += 1
        number = self._number
        message: dict[str, Any] = {"id": number, "method": method, "params": params or {}}
        message |= {"sessionId": session} if session is not None else {}
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            got = self.receive()
            if got.get("id") == number:
                assert "error" not in got, f"{method}: {got['error']}"
                return got["result"]

    def receive(self) -> dict[str, Any]:
        """Return the next message; an event is noted with its tab."""
        until = time.monotonic() + _PATIENCE_S
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._in], [], [], max(0.0, until - time.monotonic()))
            assert ready, "the browser does not answer"
            piece = os.read(self._in, 1 << 16)
            assert piece, "the browser is gone"
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        tab = self.tabs.get(message.get("sessionId", ""))
        if tab is not None and "method" in message:
            tab.note(message["method"], message["params"])
        return message

    def close(self) -> None:
        """End the browser."""
        try:
            self.send("Browser.close")
        except (AssertionError, OSError):
            self._process.kill()
        for end in (self._out, self._in):
            os.close(end)
        self._process.wait(_PATIENCE_S)


@dataclass(slots=True)
class Tab:
    """One page.

    Attributes:
        complaints: exceptions, and messages of the console and of the browser.
        requests: addresses that were asked for.
        loads: how often a page was loaded.
    """

    browser: Browser
    session: str
    target: str
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    loads: int = 0

    def send(self, method: str, params: dict[str, Any] | None = None) -> Any:
        """Send one command to this tab."""
        return self.browser.send(method, params, self.session)

    def note(self, method: str, params: dict[str, Any]) -> None:
        """Note an event."""
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"):
            self.complaints.append(json.dumps(params)[:500])
        elif method == "Page.javascriptDialogOpening":
            self.complaints.append(f"a dialog: {params['message']}")
        elif method == "Page.loadEventFired":
            self.loads += 1

    def load(self, path: Path, fragment: str = "") -> None:
        """Load a file and wait until it is loaded."""
        self.visit(path.as_uri() + fragment)

    def visit(self, address: str) -> None:
        """Load an address and wait until it is loaded."""
        before = self.loads
        self.send("Page.navigate", {"url": address})
        while self.loads == before:
            self.browser.receive()

    def ask(self, expression: str) -> Any:
        """Return the value of an expression in the page."""
        answer = self.send("Runtime.evaluate", {"expression": expression, "returnByValue": True, "awaitPromise": True})
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, key: str) -> None:
        """Press and release one key."""
        text = "\r" if key == "Enter" else key if len(key) == 1 else ""
        about = {"key": key, "windowsVirtualKeyCode": _CODES.get(key, 0), **({"text": text} if text else {})}
        self.send("Input.dispatchKeyEvent", {"type": "keyDown", **about})
        self.send("Input.dispatchKeyEvent", {"type": "keyUp", "key": key})

    def picture(self) -> bytes:
        """Return a screenshot of the tab, as PNG."""
        return base64.b64decode(self.send("Page.captureScreenshot", {"format": "png"})["data"])

    def close(self) -> None:
        """Close the tab."""
        self.browser.send("Target.closeTarget", {"targetId": self.target})
