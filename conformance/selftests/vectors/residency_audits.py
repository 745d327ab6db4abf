"""The audits of residency: legal histories of sessions, and forged ones with other references or another notice.

    python -m selftests.vectors.residency_audits

writes ``vectors/audit/residency.json``. A test compares the file with what this module makes. The model makes the legal
histories; each forgery states what is changed.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gritstone_conformance.attachment.base64url import encode_bytes
from gritstone_conformance.bundled import vectors_dir
from gritstone_conformance.model.choices import choices
from gritstone_conformance.model.formats import FORMATS, Format
from gritstone_conformance.model.refusals import Refusal
from gritstone_conformance.model.residency.sessions import Residency
from gritstone_conformance.model.runtime import Config, start
from gritstone_conformance.model.store import Store
from gritstone_conformance.model.values import Blob, Tree
from gritstone_conformance.strategies import programs
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.scenarios import PUPPET, Stage
from selftests.vectors.vector_writer import origin_of

__all__ = ["audit_file"]

_RULE = "session.history.residency"


class _Scene:
    """A store with one session of a puppet, which has read two messages.

    Attributes:
        name: the text of the id of the session.
        early: its step before the last.
    """

    def __init__(self, fmt: Format) -> None:
        self.store = Store(fmt)
        self.runtime = start(self.store, "test", Config())
        self.residency = Residency(self.runtime)
        self.stage = Stage(Graph(fmt))
        below = self.stage.tree(host=self.runtime.agent.identity, nonce=self.stage.blob(b"n"))
        self.session = self.stage.core(b"s", PUPPET, session=below)
        self.name = self.session.hex()
        self._fill()
        self.residency.open(self.session, 1_000)
        self.tell(1_001)
        self.early = self.references[f"heads/{self.name}"]
        self.tell(1_002)

    @property
    def references(self) -> dict[str, bytes]:
        return self.store.references

    def _fill(self) -> None:
        for data in self.stage.graph.encodings.values():
            self.store.put(data)

    def tell(self, at: int) -> None:
        """Make the session read a message."""
        content = self.stage.program(programs.append("log", b"t"))
        self._fill()
        self.residency.send(self.session, (("at", str(at)),), content, at)
        while listed := choices(self.runtime):
            self.runtime.run(*listed[0])

    def forge(self, mt: str, content: bytes, **headers: str) -> None:
        """Send a message of the agent to itself that no client can send."""
        self.runtime.agent.reserved = None
        pairs = {"at": "2000", "mt": mt, "session": self.name, **headers}
        self.runtime.agent.inject(self.runtime.agent.identity, tuple(sorted(pairs.items())), content, "queue")

    def blob(self, data: bytes, **headers: str) -> bytes:
        """Add a blob."""
        blob = Blob(tuple(headers.items()), data)
        self.store.put(self.store.format.encode(blob))
        return self.store.format.hash(self.store.format.encode(blob))

    def tree(self, **entries: bytes) -> bytes:
        """Add a tree."""
        data = self.store.format.encode(Tree(tuple(entries.items())))
        self.store.put(data)
        return self.store.format.hash(data)


def _archived(scene: _Scene) -> None:
    scene.residency.archive(scene.session, 2_000)


def _restored(scene: _Scene) -> None:
    _archived(scene)
    scene.residency.restore(scene.session, 3_000)
    scene.tell(3_001)


def _closed(scene: _Scene) -> None:
    scene.residency.close(scene.session, 2_000)


def _moved(scene: _Scene) -> None:
    _archived(scene)
    scene.references[f"moved/{scene.name}"] = scene.references.pop(f"archived/{scene.name}")


def _adopted(scene: _Scene) -> None:
    """The session was archived, carried away, and adopted again by another profile."""
    _moved(scene)
    step = scene.references.pop(f"moved/{scene.name}")
    scene.references.update({f"heads/{scene.name}": step, f"adopted/{scene.name}": step})


def _outside(scene: _Scene) -> None:
    _archived(scene)
    step = scene.references[f"archived/{scene.name}"]
    scene.references[f"archived/{scene.name}"] = scene.blob(step.hex().encode(), ct="s")


def _requested(scene: _Scene) -> None:
    _archived(scene)
    with contextlib.suppress(Refusal):
        scene.residency.prepare(scene.session, b"", 2_500)
    scene.residency.progress(scene.session, b'{"percent":50}', 2_600)


def _rename(scene: _Scene, old: str, new: str) -> None:
    scene.references[f"{new}/{scene.name}"] = scene.references.pop(f"{old}/{scene.name}")


def _point(scene: _Scene, space: str, target: bytes | None) -> None:
    if target is None:
        del scene.references[f"{space}/{scene.name}"]
    else:
        scene.references[f"{space}/{scene.name}"] = target


_LEGAL: dict[str, tuple[Callable[[_Scene], None], str]] = {
    "archived": (_archived, "archived by a request"),
    "restored": (_restored, "archived, restored and used again"),
    "closed": (_closed, "closed while it was live"),
    "moved": (_moved, "archived, and then moved by the operator"),
    "adopted": (_adopted, "archived, moved and adopted by wasm.adopt"),
    "outside": (_outside, "archived, and the reference names the step"),
    "requested": (_requested, "archived, with a restore request and progress"),
}

_FORGED: dict[str, tuple[str, Callable[[_Scene], None], str]] = {
    "archived-with-a-head": ("archived", lambda it: _rename(it, "archived", "heads"), "the head was set again"),
    "archived-and-lost": ("archived", lambda it: _point(it, "archived", None), "the reference was removed"),
    "archived-at-an-older-step": (
        "archived",
        lambda it: _point(it, "archived", it.early),
        "the reference leads to the step before",
    ),
    "restored-and-away": ("restored", lambda it: _rename(it, "heads", "archived"), "archived without a notice"),
    "restored-and-archived": (
        "restored",
        lambda it: _point(it, "archived", it.references[f"heads/{it.name}"]),
        "a head, and archived",
    ),
    "closed-and-archived": ("closed", lambda it: _rename(it, "closed", "archived"), "archived after its end"),
    "closed-with-a-head": ("closed", lambda it: _rename(it, "closed", "heads"), "live after its end"),
    "closed-at-an-older-step": ("closed", lambda it: _point(it, "closed", it.early), "closed at the step before"),
    "adopted-before": (
        "adopted",
        lambda it: _point(it, "adopted", it.early),
        "a head, and adopted before it was archived",
    ),
}

_FALSE: dict[str, tuple[Callable[[_Scene], None], str]] = {
    "unknown-notice": (lambda it: it.forge("session_other", it.blob(b"")), "there is no such type"),
    "notice-with-another-header": (
        lambda it: it.forge("session_restore_requested", it.blob(b""), corr="c"),
        "a header more",
    ),
    "request-with-content": (lambda it: it.forge("session_restore_requested", it.blob(b"x")), "the blob is not empty"),
    "progress-without-an-object": (
        lambda it: it.forge("session_restore_progress", it.blob(b"[]", ct="j")),
        "the JSON is an array",
    ),
    "closed-notice-of-another-session": (
        lambda it: it.forge(
            "session_closed",
            it.blob(
                json.dumps({"at": 2000, "session": "ab" * 32, "step": "cd" * 32}, separators=(",", ":")).encode(),
                ct="j",
            ),
        ),
        "header and member differ",
    ),
    "archived-notice-without-a-core": (
        lambda it: it.forge("session_archived", it.tree(info=it.blob(b"{}", ct="j"))),
        "the content has no core",
    ),
}


def _audit(name: str, scene: _Scene, comment: str, twin: str | None = None, path: str | None = None) -> dict[str, Any]:
    finding = None if path is None else {"check": 16, "fault": "residency", "rule": _RULE, "path": path}
    suffix = "" if scene.store.format.name == "framed-sha256" else "-in-cbor"
    members: dict[str, Any] = {
        "name": f"audit/residency/{name}{suffix}",
        "rules": [_RULE],
        "format": scene.store.format.name,
        "bundle": encode_bytes(scene.store.export()),
        "finding": finding,
    }
    if twin is not None:
        members["twin"] = f"audit/residency/{twin}{suffix}"
    return {**members, "comment": comment, "origin": origin_of("residency_audits")}


def audit_file() -> str:
    """Return the text of the file."""
    audits = []
    for fmt in FORMATS.values():
        for name, (live, comment) in _LEGAL.items():
            scene = _Scene(fmt)
            live(scene)
            audits.append(_audit(name, scene, comment))
        for name, (twin, forge, comment) in _FORGED.items():
            scene = _Scene(fmt)
            _LEGAL[twin][0](scene)
            forge(scene)
            audits.append(_audit(name, scene, comment, twin, f"heads/{scene.name}"))
        for name, (send, comment) in _FALSE.items():
            scene = _Scene(fmt)
            _requested(scene)
            send(scene)
            agent = scene.runtime.agent.identity.hex()
            audits.append(_audit(name, scene, comment, "requested", f"heads/{agent}~0/outbox/{agent}"))
    file = {
        "$schema": "urn:gritstone:schema:0.6:audits",
        "spec": "0.6",
        "topic": "residency",
        "count": len(audits),
        "audits": audits,
    }
    return json.dumps(file, indent=1, ensure_ascii=False) + "\n"


def main(root: Path) -> int:
    """Write the file."""
    (root / "audit" / "residency.json").write_text(audit_file(), encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(vectors_dir()))
