"""The watched rules are exactly those that the reading of the wire can find broken."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import gritstone_conformance
from gritstone_conformance.doctor.ladder import ADVICE
from gritstone_conformance.planning.watches import WATCHED
from gritstone_conformance.rules import load_rules

WIRE = ("protocol", "claims", "liveness", "conversation", "subject", "stream", "process", "connection", "forms")


def named_rules() -> set[str]:
    package = Path(gritstone_conformance.__file__).parent
    texts = (
        node.value
        for name in WIRE
        for node in ast.walk(ast.parse((package / "attachment" / f"{name}.py").read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    return {text for text in texts if re.fullmatch(r"harness\.[a-z]+\.[a-z-]+", text)}


def test_every_fault_of_the_wire_has_its_watch_and_no_watch_is_without_one() -> None:
    assert set(WATCHED) == named_rules()


def test_watched_rules_are_rules() -> None:
    assert set(WATCHED) <= set(load_rules().rules)


def test_the_doctor_has_words_for_each() -> None:
    assert set(ADVICE) == set(WATCHED)
