"""Check 16: a notice with one wrong part is reported; the notice without it is not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gritstone_conformance.model.bundle import scan
from gritstone_conformance.model.formats import FRAMED_SHA256
from gritstone_conformance.model.history import check_history
from gritstone_conformance.model.values import Step
from selftests.vectors.residency_audits import _Scene

HEX = "0123456789abcdef" * 4


class Notice:
    """The notice of an archive in a store with one session, and a change of it."""

    def __init__(self) -> None:
        self.scene = _Scene(FRAMED_SHA256)
        scene = self.scene
        self.head = scene.references[f"heads/{scene.name}"]
        step = scene.runtime.shelf.look(self.head)
        assert isinstance(step, Step)
        self.core = step.core
        self.info: dict[str, Any] = {
            "at": 2000,
            "reason": "requested",
            "root": HEX,
            "session": scene.name,
            "step": self.head.hex(),
            "touched": 0,
        }

    def problem(self, mt: str, data: bytes | None = None, ct: str = "j", entry: str = "info", **headers: str) -> str:
        """Send the notice as the agent, and return what the check reports about it, or an empty text."""
        scene = self.scene
        text = json.dumps(self.info, separators=(",", ":"), sort_keys=True).encode() if data is None else data
        content = scene.blob(text, ct=ct)
        if mt == "session_archived":
            content = scene.tree(core=self.core, **{entry: content})
        scene.forge(mt, content, **headers)
        findings = check_history(scan(scene.store.export()), at_rest=False).findings
        return next((each.words for each in findings if "is not a notice" in each.words), "")


def test_right_notice_has_its_form() -> None:
    assert Notice().problem("session_archived") == ""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"at": 1999}, "headers and members differ"),
        ({"session": "ab" * 32}, "headers and members differ"),
        ({"reason": "other"}, "unknown source or reason"),
        ({"touched": "0"}, "the touched time is not a number"),
        ({"touched": 2**53}, "the touched time is not a number"),
        ({"touched": -1}, "the touched time is not a number"),
        ({"touched": 1.5}, "the touched time is not a number"),
        ({"root": HEX[1:]}, "other members"),
        ({"root": HEX.upper()}, "other members"),
        ({"root": 7}, "other members"),
        ({"step": "x" * 64}, "other members"),
        ({"more": 1}, "other members"),
    ],
    ids=repr,
)
def test_wrong_member_is_reported(change: dict[str, Any], words: str) -> None:
    notice = Notice()
    notice.info |= change
    assert words in notice.problem("session_archived")


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"at": "02000"}, "other headers"),
        ({"at": str(2**53)}, "other headers"),
        ({"at": "9" * 5000}, "other headers"),
        ({"session": "ab"}, "other headers"),
        ({"corr": "c"}, "other headers"),
    ],
    ids=repr,
)
def test_wrong_header_is_reported(headers: dict[str, Any], words: str) -> None:
    assert words in Notice().problem("session_archived", **headers)


@pytest.mark.parametrize(
    ("mt", "options", "words"),
    [
        ("session_archived", {"entry": "other"}, "not a core and its description"),
        ("session_archived", {"ct": "s"}, "not a JSON blob"),
        ("session_restore_progress", {"data": b"{"}, "is not a notice"),
        ("session_restore_progress", {"data": b"[]"}, "not an object"),
        ("session_restore_requested", {"data": b""}, "not the empty blob"),
        ("session_other", {}, "unknown type"),
        ("session_closed", {}, "other members"),
    ],
)
def test_wrong_content_is_reported(mt: str, options: dict[str, Any], words: str) -> None:
    assert words in Notice().problem(mt, **options)


def test_other_spelling_of_the_json_is_reported() -> None:
    notice = Notice()
    data = json.dumps(notice.info, sort_keys=True).encode()
    assert "not written in its one form" in notice.problem("session_archived", data)


def test_core_of_another_step_is_reported() -> None:
    notice = Notice()
    notice.core = notice.scene.tree(other=notice.scene.blob(b"other"))
    assert "not that of the step" in notice.problem("session_archived")


def test_restored_notice_of_another_source_is_reported() -> None:
    notice = Notice()
    for name in ("reason", "touched"):
        del notice.info[name]
    notice.info["source"] = "client"
    assert "unknown source or reason" in notice.problem("session_restored")


def test_tree_instead_of_json_is_reported() -> None:
    notice = Notice()
    notice.scene.forge("session_closed", notice.core)
    findings = check_history(scan(notice.scene.store.export()), at_rest=False).findings
    assert "the content is not a JSON blob" in findings[0].words


def test_erased_notice_is_not_judged() -> None:
    notice = Notice()
    content = notice.scene.blob(b"[]", ct="j")
    notice.scene.forge("session_closed", content)
    notice.scene.store.erase(content)
    report = check_history(scan(notice.scene.store.export()), at_rest=False)
    assert [each.words for each in report.findings] == []
    assert any("the content of the notice" in words for words in report.unverified)
