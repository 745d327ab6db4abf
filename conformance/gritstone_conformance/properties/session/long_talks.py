"""Long conversations: what condensing keeps, what erasing loses, and code that is replaced under a session."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.session.scene import (
    ADD,
    CONTINUE,
    HELLO,
    TOOLS,
    TWO,
    SessionScene,
    of_sessions,
    user,
)
from gritstone_conformance.properties.wit.registry import tape
from gritstone_conformance.strategies.session_guest import SESSION
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_TEXTS: Final = (
    "q",
    "",
    "line\r\n\nline",
    "\u00e9" * 79,
    "\U0001f600" * 81,
    "q" * 80,
    "a\u0301" * 60,
    "\x00\x7f\u2028",
)


def _config(tape: Tape) -> bytes:
    keep = tape.within(1, 4)
    most = tape.within(keep + 1, 6)
    return b'{"keep":%d,"max_messages":%d,"summary_chars":%d}' % (keep, most, tape.pick((0, 1, 40, 200, 100_000)))


def condensed(trial: Trial, fmt: Format, tape: Tape) -> None:
    """Every message is present or in the summary, once; the first present one is of the user, and ``keep`` stay."""
    scene = SessionScene(trial, fmt, _config(tape), TOOLS)
    for number in range(tape.within(4, 8)):
        request = user(tape.pick(_TEXTS) + str(number))
        scene.prepare(request, "condense.boundary")
        if tape.below(3) == 0:
            calls = tape.within(1, 3)
            row = b'{"action":"call_tools","calls":[' + b",".join([b'{"input":{},"tool":"all"}'] * calls) + b"]}"
            scene.commit(request, row, "j", rule="condense.conserve")
            for each in scene.state()["calls"]:
                scene.result(each["id"], tape.pick(_TEXTS).encode(), rule="result.once")
            request = CONTINUE
        scene.commit(request, tape.pick(_TEXTS).encode(), rule="condense.conserve")
        if tape.once_in(5):
            config = scene.json(_config(tape))
            scene.send("configure", scene.tree(config=config), rule="tools.replace", at="1")
        state = scene.state()
        shelf = scene.bench.executor.shelf
        session = shelf.names(scene.root)
        present = sorted(shelf.names(session["history"]))
        assert present == [f"{index:010d}" for index in range(state["covered"], state["history"])]
    scene.flush()


def defaults(trial: Trial, fmt: Format) -> None:
    """A session without a configuration condenses from 24 messages on, shortens its summary, and allows ten rounds."""
    scene = SessionScene(trial, fmt, tools=TOOLS)
    for number in range(26):
        request = user(f"{number} " + "q" * 90)
        scene.prepare(request, "condense.boundary")
        if number == 15:  # from here on the number of messages is odd
            scene.commit(request, TWO, "j", rule="condense.conserve")
            for call in scene.state()["calls"]:
                scene.result(call["id"], b"1", rule="result.once")
            request = CONTINUE
        scene.commit(request, b"%d " % number + b"a" * 90, rule="condense.conserve")
    request = HELLO
    for _ in range(12):
        scene.commit(request, ADD, "j", rule="rounds.bound")
        for call in scene.state()["calls"]:
            scene.result(call["id"], b"1", rule="result.once")
        request = CONTINUE
    scene.flush()


def erased(trial: Trial, fmt: Format, tape: Tape) -> None:
    """An erased message of the history is left out of prepared turns and summaries; other erased blobs are damage."""
    scene = SessionScene(trial, fmt, _config(tape), TOOLS)
    kept = []
    for number in range(tape.within(2, 4)):
        request, response = user(f"q{number}"), b"a%d" % number
        scene.commit(request, response, rule="guest.exact")
        kept += [scene.blob(b"q%d" % number, ct="s", role="user"), scene.blob(response, ct="s", role="assistant")]
    scene.bench.fill()
    scene.flush()
    shelf = scene.bench.executor.shelf
    entries = shelf.names(scene.root)
    others = [entries[name] for name in ("state", "nonce", "summary") if name in entries]
    targets = [tape.pick(kept) for _ in range(tape.within(1, 2))]
    for target in (*targets, tape.pick(others)) if tape.once_in(3) else targets:
        answer = scene.bench.pair.model.erase(target)
        scene.bench.ask("grit.erase", {"id": target.hex()}, answer, "grit.erase.blob-only")
        scene.prepare(HELLO, "guest.erased")
    for number in range(tape.within(1, 3)):
        scene.commit(user(f"after{number}"), b"b", rule="guest.erased")
    scene.prepare(HELLO, "guest.erased")
    scene.flush()


def replaced(trial: Trial, fmt: Format, tape: Tape) -> None:
    """Code that replaces the guest keeps the session, and the guest resumes from the same root when it comes back."""
    scene = SessionScene(trial, fmt, tools=TOOLS)
    scene.commit(HELLO, b"hi", rule="guest.exact")
    root = scene.root
    other, same = (scene.blob(data, ct="s") for data in (b"external:puppet/1", SESSION))
    note = scene.blob(b"note")
    for content in (
        scene.tree(session=scene.tree(note=note)),
        scene.tree(effects=scene.tree(model=note)),
        scene.tree(wit_update=other),
        scene.tree(wit_update=same),
        note,
        scene.tree(wit=other, session=scene.tree(note=note)),
        scene.tree(note=note),
        scene.tree(session=root),
        scene.tree(wit_query=other),
        scene.tree(wit_query=same, wit=other),
    ):
        scene.send("update", content, rule="guest.update")
        assert scene.root == root
    scene.send("", scene.tree(program=scene.blob(b"")), rule="guest.update")
    scene.send("update", scene.tree(wit=same), rule="guest.update")
    assert scene.root == root
    scene.prepare(HELLO, "guest.update")
    scene.commit(HELLO, tape.take(3), rule="guest.update")
    scene.flush()


PROPERTIES: Final = (
    *of_sessions(
        *("condense/passes", condensed, "condense.conserve", "condense.boundary", "prepare.order"),
        given=tape(120),
        examples=8,
    ),
    *of_sessions("condense/defaults", defaults, "condense.conserve", "condense.boundary", "rounds.bound"),
    *of_sessions(
        "guest/erased", erased, "guest.erased", "guest.damaged", features=("erase",), given=tape(40), examples=10
    ),
    *of_sessions("guest/replaced", replaced, "guest.update", given=tape(3), examples=2),
)
