"""The page of an image in a real browser with a virtual authenticator."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
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
def browser(tmp_path: Path) -> Iterator[Browser]:
    command = find_chromium()
    if command is None:
        assert os.environ.get("GRITSTONE_BROWSER") != "required", (
            "GRITSTONE_BROWSER is `required`, but chromium is not installed"
        )
        pytest.skip("needs chromium")
    made = Browser(command, tmp_path / "browser")
    yield made
    made.close()


def open_tab(browser: Browser) -> Tab:
    """Open a tab with an authenticator."""
    tab = browser.tab(width=1000)
    tab.send("WebAuthn.enable")
    tab.send("WebAuthn.addVirtualAuthenticator", {"options": _AUTHENTICATOR})
    return tab


class Served:
    """An image with a page, served by a process.

    Attributes:
        address: the address that the process printed, with the token.
        page: the same without the token.
    """

    def __init__(self, folder: Path, port: str = "0") -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.run("new", "world", "alice", "--may", "spawn")
        self.serve(port)

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

    def serve(self, port: str = "0") -> None:
        """Start the page."""
        words = [sys.executable, "-m", "gritstone.image", "page", "world", "alice", "--port", port]
        self.process = subprocess.Popen(words, cwd=self.folder, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()
        self.page = self.address.partition("#")[0]

    def again(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End the process, and start the page again at the same port."""
        self.end(how)
        self.serve(self.page.strip("/").rpartition(":")[2])

    def end(self, how: signal.Signals = signal.SIGKILL) -> None:
        self.process.send_signal(how)
        self.process.communicate(timeout=_PATIENCE_S)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path / "first")
    yield made
    made.end()


def wait(tab: Tab, expression: str) -> None:
    """Wait until an expression is true in the page."""
    until = time.monotonic() + _PATIENCE_S
    while not tab.ask(expression):
        assert time.monotonic() < until, (expression, tab.ask("document.body.innerText"))
        time.sleep(0.05)


def work(tab: Tab, program: str, shown: str) -> None:
    """Run a program and wait until the result has a text."""
    tab.ask(f"at('result').textContent = ''; at('program').value = {program!r}; at('run').click()")
    wait(tab, f"at('result').textContent.includes({shown!r})")


def ended(tab: Tab) -> None:
    """Check that a call reports the end of the session, and that the page shows nothing of it any more."""
    tab.ask("at('run').click()")
    wait(tab, "at('work').hidden && at('state').value.includes('the session has ended')")
    assert tab.ask("at('list').textContent + at('log').textContent + at('result').textContent") == ""


def sign_in(tab: Tab) -> None:
    tab.send("Page.bringToFront")  # the browser asks only for the page that has the focus
    tab.ask("at('state').value = 'asked'; at('signin').click()")
    wait(tab, "at('state').value !== 'asked'")


def register(tab: Tab, served: Served) -> None:
    tab.send("Page.bringToFront")
    if tab.ask("location.href") != served.page:
        tab.visit(served.page)
    tab.ask(f"location.href = {served.address!r}")  # the browser does not load the page again
    wait(tab, "at('who').textContent === 'alice' && !at('register').hidden")
    tab.ask("at('register').click()")
    wait(tab, "at('state').value === 'registered'")
    assert tab.ask("location.href") == served.page


def enter(tab: Tab) -> None:
    sign_in(tab)
    wait(tab, "at('state').value === 'signed in' && at('log').textContent !== ''")


def test_a_person_with_a_passkey_works_and_comes_back_after_a_kill(browser: Browser, served: Served) -> None:
    tab = open_tab(browser)
    tab.visit(served.page)
    wait(tab, "at('who').textContent === 'alice'")
    assert tab.ask("at('register').hidden")
    sign_in(tab)
    assert tab.ask("at('work').hidden")

    register(tab, served)
    enter(tab)
    work(tab, "add n 41", '"failed":null')
    work(tab, "send @outside post effect.pay empty", "rejected/capability")
    work(tab, "<img src=x onerror=alert()> n 1", "malformed/program")
    assert tab.ask("document.querySelectorAll('img').length") == 0
    assert tab.ask("JSON.parse(at('list').textContent)[0].name") == "alice"

    before = served.run("check", "world")
    served.again()
    assert served.run("check", "world") == before
    ended(tab)
    enter(tab)
    work(tab, "add n 1", '"failed":null')
    tab.visit(served.page)
    wait(tab, "at('state').value === 'signed in' && at('log').textContent !== ''")
    assert 'n "42"' in served.run("show", "world", "alice")
    tab.ask("at('signout').click()")
    wait(tab, "at('state').value === 'signed out' && at('work').hidden")
    assert tab.ask("sessionStorage.length + document.cookie.length") == 0
    served.end(signal.SIGTERM)


def test_the_page_works_at_port_80(browser: Browser, tmp_path: Path) -> None:
    made, tab = Served(tmp_path / "world", "80"), open_tab(browser)
    try:
        if not made.address:
            pytest.skip("needs port 80")
        assert made.page == "http://localhost/"
        register(tab, made)
        enter(tab)
    finally:
        made.end()


def test_two_pages_and_other_ports_do_not_meet(browser: Browser, served: Served, tmp_path: Path) -> None:
    """Two pages of one host, with the same name, stay signed in; another port receives nothing of them."""
    heard: list[str] = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(str(self.headers).lower())
            self.send_response(200)
            self.send_header("set-cookie", "session=planted; path=/")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    second, tab = Served(tmp_path / "second"), open_tab(browser)
    neighbour = HTTPServer(("127.0.0.1", 0), Listener)
    thread = threading.Thread(target=neighbour.serve_forever)
    thread.start()
    try:
        for one in (served, second):
            register(tab, one)
            enter(tab)
        tab.visit(f"http://localhost:{neighbour.server_port}/")
        assert heard
        assert not any("cookie" in one or "authorization" in one for one in heard)
        for one in (served, second, served):
            tab.visit(one.page)
            wait(tab, "at('state').value === 'signed in' && at('log').textContent !== ''")
            work(tab, "add n 1", '"failed":null')
            assert (
                tab.ask(f"fetch('http://localhost:{neighbour.server_port}/').then(() => 'sent', () => 'blocked')")
                == "blocked"
            )
        tab.ask("at('signout').click()")
        wait(tab, "at('work').hidden")
        for one in (served, second):  # the authenticator has both keys
            tab.visit(one.page)
            if one is served:
                enter(tab)
            wait(tab, "at('state').value === 'signed in'")
    finally:
        neighbour.shutdown()
        thread.join()
        neighbour.server_close()
        second.end()
    assert 'n "2"' in served.run("show", "world", "alice")


def test_a_replaced_passkey_is_of_no_use(browser: Browser, served: Served) -> None:
    old, new = open_tab(browser), open_tab(browser)
    register(old, served)
    enter(old)
    work(old, "add n 1", '"failed":null')
    served.again(signal.SIGINT)
    enter(old)
    register(new, served)
    ended(old)
    served.run("rollback", "world", "1")
    sign_in(old)
    assert old.ask("at('work').hidden")
    enter(new)
    assert served.run("page", "world", "alice", "--remove-passkey") == "removed the passkey\n"
    ended(new)
