"""The page of an image in a real browser with a virtual authenticator: sign in, work, kill the process, come back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from selftests.reporting.browser import Browser, Tab, find_chromium

_AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
_PATIENCE_S = 60.0


@pytest.fixture
def tab(tmp_path: Path) -> Iterator[Tab]:
    command = find_chromium()
    if command is None:
        assert os.environ.get("GRITSTONE_BROWSER") != "required", (
            "GRITSTONE_BROWSER is `required`, but chromium is not installed"
        )
        pytest.skip("needs chromium")
    browser = Browser(command, tmp_path / "browser")
    opened = browser.tab(width=1000)
    opened.send("WebAuthn.enable")
    opened.send("WebAuthn.addVirtualAuthenticator", {"options": _AUTHENTICATOR})
    yield opened
    browser.close()


class Served:
    """An image with a page, served by a process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run("new", "world", "alice", "--may", "spawn")

    def run(self, *words: str) -> str:
        """Run a command of images and return what it prints."""
        done = subprocess.run(
            [sys.executable, "-m", "gritstone.image", *words],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def serve(self, port: str = "0") -> str:
        """Start the page and return its address."""
        words = [sys.executable, "-m", "gritstone.image", "page", "world", "alice", "--port", port]
        self.process = subprocess.Popen(words, cwd=self.folder, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path)
    yield made
    made.kill()


def wait(tab: Tab, expression: str) -> None:
    """Wait until an expression is true in the page."""
    until = time.monotonic() + _PATIENCE_S
    while not tab.ask(expression):
        assert time.monotonic() < until, (expression, tab.ask("document.body.innerText"))
        time.sleep(0.05)


def work(tab: Tab, program: str, button: str = "run") -> None:
    tab.ask(f"at('result').textContent = ''; at('program').value = {program!r}; at('{button}').click()")


def enter(tab: Tab) -> None:
    tab.ask("at('signin').click()")
    wait(tab, "at('state').value === 'signed in' && at('log').textContent !== ''")


def test_a_person_with_a_passkey_works_and_comes_back_after_a_kill(tab: Tab, served: Served) -> None:
    address = served.serve()
    tab.visit(address)
    wait(tab, "at('who').textContent === 'alice'")
    tab.ask("at('signin').click()")
    wait(tab, "at('state').value !== 'signed out'")
    assert tab.ask("at('work').hidden")

    tab.ask("at('enroll').click()")
    wait(tab, "at('state').value === 'registered'")
    enter(tab)
    work(tab, "add n 41")
    wait(tab, "at('result').textContent.includes('\"failed\":null')")
    work(tab, "send @outside post effect.pay empty")
    wait(tab, "at('result').textContent.includes('rejected/capability')")
    assert tab.ask("JSON.parse(at('list').textContent)[0].name") == "alice"

    work(tab, "add n 1")
    served.kill()
    before = served.run("check", "world")
    served.serve(address.partition("#")[0].strip("/").rpartition(":")[2])
    assert served.run("check", "world") == before
    tab.visit(address.partition("#")[0])
    work(tab, "add n 1")
    wait(tab, "at('result').textContent === 'session'")
    enter(tab)
    assert 'n "4' in served.run("show", "world", "alice")
