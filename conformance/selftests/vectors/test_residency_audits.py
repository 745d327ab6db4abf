"""The audits of residency are those that their generator makes."""

from __future__ import annotations

from gritstone_conformance.bundled import vectors_dir
from selftests.vectors.residency_audits import audit_file


def test_file_is_current() -> None:
    assert (vectors_dir() / "audit" / "residency.json").read_text(encoding="utf-8") == audit_file()
