"""Capabilities: their form, and which covers which."""

from __future__ import annotations

import pytest

from gritstone.image.capabilities import covers, is_capability

B, C = "b" * 64, "c" * 64

COVERED = [
    (f"send.{B}.*", f"send.{B}.pay"),
    (f"send.{B}.image.*", f"send.{B}.image.grant"),
    (f"send.{B}.pa*", f"send.{B}.pay"),
    (f"send.{B}.*", f"send.{B}.pa*"),
    ("send.*.pay", f"send.{B}.pay"),
    ("send.*.p*", f"send.{B}.pay"),
    ("send.*.*", "send.*.pay"),
    ("read.*", f"read.{B}"),
    ("spawn", "spawn"),
    (f"send.{B}.i*", f"send.{B}.i*"),
    (f"send.{B}.image.*", f"send.{B}.image.emit.*"),
]
UNCOVERED = [
    (f"send.{B}.pay", f"send.{B}.pays"),
    (f"send.{B}.*", f"send.{B}.image.grant"),
    (f"send.{B}.i*", f"send.{B}.image.grant"),
    (f"send.{B}.image.*", f"send.{B}.*"),
    (f"send.{B}.pay", f"send.{B}.pa*"),
    (f"send.{B}.pay", "send.*.pay"),
    ("send.*.*", "spawn"),
    (f"read.{B}", f"send.{B}.pay"),
    (f"send.{B}.pay", f"send.{C}.pay"),
    (f"read.{B}", "read.*"),
    (f"send.{B}.*", f"send.{B}.image.*"),
    ("spawn", f"read.{B}"),
]


@pytest.mark.parametrize(("one", "other"), COVERED)
def test_capability_covers(one: str, other: str) -> None:
    assert covers(one, other)


@pytest.mark.parametrize(("one", "other"), UNCOVERED)
def test_capability_does_not_cover(one: str, other: str) -> None:
    assert not covers(one, other)


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("spawn", True),
        ("read.*", True),
        (f"read.{B}", True),
        ("send.*.*", True),
        (f"send.{B}." + "a" * 64, True),
        (f"send.{B}." + "a" * 63 + "*", True),
        (f"send.{B}." + "a" * 65, False),
        (f"send.{B}." + "a" * 64 + "*", False),
        ("send.*", False),
        (f"send.{B}", False),
        (f"send.{B}.", False),
        (f"send.{B.upper()}.pay", False),
        (f"send.{B}.a*b", False),
        (f"send.{B}.Pay", False),
        ("read.", False),
        ("spawn.", False),
        ("", False),
    ],
)
def test_form_of_capability(text: str, *, valid: bool) -> None:
    assert is_capability(text) is valid
