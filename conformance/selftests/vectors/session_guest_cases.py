"""The vectors of the module of sessions: conversations whose steps record the units that the module spent.

    python -m selftests.vectors.session_guest_cases

writes ``vectors/wasm/session.json``. The manifest has a tank, so ``used`` in the state of each step is the sum of the
units so far. The model runs the module on its own machine to compute it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from gritstone_conformance.bundled import vectors_dir
from gritstone_conformance.cases import Case, Requires
from gritstone_conformance.model.formats import FORMATS
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.values import Blob
from gritstone_conformance.model.wasm.documents import CT_CBOR, encode_item
from gritstone_conformance.model.wasm.image import manifest_at, state_at
from gritstone_conformance.strategies.session_guest import SESSION_NODE, session_guest
from gritstone_conformance.vectors.files import VectorFile
from selftests.vectors.session_drafts import ADD, CONTINUE, FINAL, HELLO, RETRY, TOOLS, TWO, Recorder, Script
from selftests.vectors.vector_writer import scripted_file, write_files

__all__ = ["SCRIPTS", "GuestRecorder", "session_guest_file", "window"]

_RULES: Final = ("session.wasm.same", "wasm.fuel.used")
_MANIFEST: Final = {"v": 1, "fuel": 10_000_000, "send": "reply", "tank": 1_000_000_000}
_SMALL: Final = b'{"keep":2,"max_messages":4,"summary_chars":40}'


class GuestRecorder(Recorder):
    """A recorder whose session runs the module."""

    def core(self, session: bytes) -> bytes:
        """Add the first core, and return its id."""
        node = self.blob(SESSION_NODE, ct="s")
        module = self.blob(session_guest(), ct="application/wasm")
        manifest = self.put(Blob(CT_CBOR, encode_item(_MANIFEST)))
        return self.tree(
            code=self.tree(**{"session.wasm": module}),
            session=session,
            wasm=self.tree(manifest=manifest),
            wit=node,
            wit_query=node,
        )

    def used(self) -> int:
        """Return the units that all steps spent."""
        shelf = Shelf.over(self.store)
        manifest = manifest_at(shelf, self.step.core)
        assert manifest is not None
        return state_at(shelf, self.step.core, manifest).used

    def guest_case(self, name: str) -> Case:
        """Return the case of what was recorded."""
        case = self.case(name, _RULES)
        requires = Requires((self.format.name,), (), ())
        return replace(case, name=case.name.replace("session/", "wasm/session/", 1), requires=requires)


def _one_turn(scene: Recorder) -> None:
    turn = scene.commit(HELLO, b"hi there")
    scene.commit(HELLO, b"hi there", turn=turn, at="1600")
    scene.query("state")


def _round(scene: Recorder) -> None:
    scene.commit(HELLO, TWO, "j")
    scene.result("1.1", b"no such word", ok="0")
    scene.query("state")
    scene.result("1.0", b"3.5", ct="j")
    scene.result("1.0", b"3.5", ct="j")
    scene.commit(CONTINUE, FINAL, "j")
    scene.query("state")


def _condensed(scene: Recorder) -> None:
    for number in range(4):
        prompt = json.dumps({"kind": "user", "prompt": f"q{number}é\n"}, ensure_ascii=False).encode()
        scene.commit(prompt, f"a{number}".encode())
    scene.query("state")


def _asked(scene: Recorder) -> None:
    scene.send("ask", scene.blob(HELLO, ct="j"), at="1000", corr="c1")
    for answer in (ADD, b"3", b"not json", FINAL):
        scene.answer(answer)
    scene.query("state")


def _refused(scene: Recorder) -> None:
    """Everything in one step: a stranger's type, a stale turn, a phase, a result, settings, a retry, an abandon."""
    turn = scene.prepare(HELLO).hex()
    nothing, request = scene.blob(b""), scene.blob(HELLO, ct="j")
    scene.queue("none", nothing, at="1")
    scene.queue("abandon", nothing, at="01")
    scene.queue("abandon", nothing, at="1", corr="c")
    scene.queue("commit", scene.tree(request=request, response=scene.blob(b"", ct="s")), at="1", turn="0" * 64)
    scene.queue("commit", scene.tree(request=request, response=scene.blob(RETRY, ct="j")), at="1", turn=turn)
    scene.queue("commit", scene.tree(request=request, response=scene.blob(ADD + b"]", ct="j")), at="1", turn=turn)
    scene.queue("tool-result", scene.blob(b"1", ct="j"), at="1", call="1.0", ok="1")
    scene.queue("configure", scene.tree(tools=scene.blob(b"[1]", ct="j")), at="1")
    scene.read(scene.queue("ask", scene.blob(CONTINUE, ct="j"), at="1"))
    scene.query("state")


def window(scene: Recorder) -> None:
    """Turns of two texts of 200 bytes each, until the history is condensed and grows again."""
    for number in range(16):
        prompt = json.dumps({"kind": "user", "prompt": f"{number:03d} question ".ljust(200, "?")}).encode()
        scene.commit(prompt, f"{number:03d} answer ".ljust(200, ".").encode())
    scene.query("state")


SCRIPTS: Final[dict[str, tuple[Script, dict[str, bytes]]]] = {
    "one-turn": (_one_turn, {}),
    "round": (_round, {"config": b'{"system_prompt":"Be brief."}', "tools": TOOLS}),
    "condensed": (_condensed, {"config": _SMALL}),
    "asked": (_asked, {"tools": TOOLS}),
    "refused": (_refused, {"tools": TOOLS}),
    "window": (window, {}),
}
"""Slug -> script, further entries of the first core."""


def _cases() -> Iterator[Case]:
    for slug, (script, entries) in SCRIPTS.items():
        for fmt in FORMATS.values():
            scene = GuestRecorder(fmt, entries)
            script(scene)
            yield scene.guest_case(slug)


def session_guest_file() -> VectorFile:
    """Return the file of vectors of the module."""
    return scripted_file("session_guest_cases", "wasm", "session", _cases())


if __name__ == "__main__":
    sys.exit(write_files([session_guest_file()], vectors_dir()))
