"""Parts of exactly the longest length are accepted, and parts that are one byte longer are refused."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import FRAMED_SHA256, Format
from gritstone_conformance.properties.grit.registry import in_one_format
from gritstone_conformance.properties.session.scene import ADD, CONTINUE, HELLO, TOOLS, TWO, SessionScene, of_sessions
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_PROMPT: Final = 1 << 20
_RESPONSE: Final = 1 << 22
_JSON: Final = 8_000_000
_SIZE: Final = "guest.size"
_SMALL: Final = b'{"keep":2,"max_messages":3}'


def _refused(scene: SessionScene, *, is_refused: bool) -> None:
    """Check that the model refuses what is too long, and nothing else, so that this module tests both sides."""
    mt, content = scene.last()[0]["mt"], scene.last()[1]
    wanted = (mt, content) == ("refused", {"class": "exhausted", "code": "size"}) if is_refused else mt != "refused"
    assert wanted, (mt, content)


def prompts(trial: Trial, fmt: Format) -> None:
    """A prompt has at most 1,048,576 bytes of UTF-8, whatever its spelling is."""
    scene = SessionScene(trial, fmt)
    for prompt in (b"\\n" + b"p" * (_PROMPT - 1), "\u00e9".encode() * (_PROMPT // 2)):
        scene.prepare(b'{"kind":"user","prompt":"' + prompt + b'"}', _SIZE)
        scene.prepare(b'{"kind":"user","prompt":"' + prompt + b'x"}', _SIZE)
    scene.flush()
    for more in (1, 0):
        request = b'{"kind":"user","prompt":"' + b"p" * (_PROMPT + more) + b'"}'
        scene.commit(request, b"hi", rule=_SIZE)
        _refused(scene, is_refused=bool(more))
        scene.send("ask", scene.json(request), rule=_SIZE, at="1")
        _refused(scene, is_refused=bool(more))
        scene.flush()


def responses(trial: Trial, fmt: Format) -> None:
    """A response and a tool result have at most 4,194,304 bytes, and the length is checked before what they contain."""
    scene = SessionScene(trial, fmt, tools=TOOLS)
    text = b"t" * _RESPONSE
    for data, ct, is_refused in (
        (text + b"\xff", "s", True),
        (ADD + b" " * (_RESPONSE + 1 - len(ADD)), "j", True),
        (ADD + b" " * (_RESPONSE - len(ADD)), "j", False),
    ):
        scene.commit(HELLO, data, ct, rule=_SIZE)
        _refused(scene, is_refused=is_refused)
        scene.flush()
    for data, ct, is_refused in ((text + b"t", "j", True), (text, "s", False)):
        scene.result("1.0", data, ct, rule=_SIZE)
        _refused(scene, is_refused=is_refused)
        scene.flush()
    scene.commit(CONTINUE, text, rule=_SIZE)
    _refused(scene, is_refused=False)
    scene.prepare(HELLO, _SIZE)  # both texts are too long for one turn
    scene.flush()


def prepared_turns(trial: Trial, fmt: Format) -> None:
    """The JSON of a prepared turn has at most 8,000,000 bytes; that of an ask is prepared in the new state.

    A session with a longer history can prepare nothing until a smaller configuration condenses it.
    """
    scene = SessionScene(trial, fmt)
    for _ in range(6):
        scene.send("configure", scene.tree(config=scene.json(b"{}")), rule="tools.replace", at="1")
    for _ in range(2):
        scene.commit(HELLO, b"t" * 3_700_000, rule=_SIZE)
        scene.flush()
    assert scene.actor.head is not None
    answer = scene.bench.executor.query(scene.actor.head, "prepare", b'{"kind":"user","prompt":""}')
    assert answer is not None
    room = _JSON - len(scene.bench.executor.shelf.blob(answer).data)  # type: ignore[union-attr]
    assert 0 < room < _PROMPT
    for more in (1, 0, -1):
        request = b'{"kind":"user","prompt":"' + b"p" * (room + more) + b'"}'
        scene.prepare(request, _SIZE)
        if more <= 0:
            scene.send("ask", scene.json(request), rule=_SIZE, at="1")
            _refused(scene, is_refused=more == 0)  # the new count is 9, so that of the turn has two digits
        scene.flush()
    scene.answer(b"[]", rule=_SIZE, ct="j")  # a further round has the same length
    scene.answer(b'{"action":"final","response":"done"}', rule=_SIZE)
    scene.prepare(HELLO, _SIZE)  # too long again, until the history is condensed
    scene.send("configure", scene.tree(config=scene.json(_SMALL)), rule=_SIZE, at="1")
    scene.commit(HELLO, b"after", rule=_SIZE)
    _refused(scene, is_refused=False)
    scene.flush()


def results(trial: Trial, fmt: Format) -> None:
    """The JSON of the result of a commit has at most 8,000,000 bytes; a longer one ends an ask or is tried again."""
    scene = SessionScene(trial, fmt, config=b'{"max_rounds":1}', tools=TOOLS)
    around = len(b'{"action":"final","content":"","count":1}')
    sixes, ones = divmod(_JSON - around, 6)
    for more in (1, 0):
        scene.commit(HELLO, b"\x01" * sixes + b"x" * (ones + more), rule=_SIZE)
        _refused(scene, is_refused=bool(more))
        scene.flush()


def failures(trial: Trial, fmt: Format) -> None:
    """The text of ``effect.failed`` has at most 1,048,576 bytes; a longer one counts as the empty text."""
    scene = SessionScene(trial, fmt, tools=TOOLS)
    for more in (0, 1):
        scene.send("ask", scene.json(HELLO), rule="ask.loop", at="1")
        scene.answer(TWO, rule="ask.loop")
        for call in (b"1", b"0"):
            scene.answer(b"f" * (_PROMPT + more), "effect.failed", rule="ask.loop", to=_effect(scene, call))
        scene.answer(b"f" * (_PROMPT + more), "effect.failed", rule="ask.loop", x="y")
        scene.flush()


def _effect(scene: SessionScene, call: bytes) -> bytes:
    """Return the id of the open effect for a call."""
    shelf = scene.bench.executor.shelf
    effects = shelf.names(shelf.names(scene.actor.value.core)["effects"])
    (found,) = (target for name, target in effects.items() if name.endswith("." + call.decode()))
    blob = shelf.blob(found)
    assert blob is not None
    return bytes.fromhex(blob.data.decode())


_BOTH: Final = (
    *of_sessions("size/prompts", prompts, _SIZE, once=False),
    *of_sessions("size/responses", responses, _SIZE, once=False),
    *of_sessions("size/prepared-turns", prepared_turns, _SIZE, once=False),
    *of_sessions("size/results", results, _SIZE, once=False),
    *of_sessions("size/failures", failures, "ask.loop", once=False),
)

PROPERTIES: Final = in_one_format(_BOTH, FRAMED_SHA256.name)  # SHA-256 of megabytes is fast in every language
