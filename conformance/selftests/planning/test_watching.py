"""The watched rules are exactly the rules that the wire reader can report as violated."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import gritstone_conformance
from gritstone_conformance.doctor.ladder import ADVICE
from gritstone_conformance.planning.watches import WATCHED
from gritstone_conformance.rules import load_rules

WIRE = ("protocol", "claims", "liveness", "conversation", "subject", "stream", "process", "connection", "reply_shapes")


def named_rules() -> set[str]:
    package = Path(gritstone_conformance.__file__).parent
    texts = (
        node.value
        for name in WIRE
        for node in ast.walk(ast.parse((package / "attachment" / f"{name}.py").read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    return {text for text in texts if re.fullmatch(r"(?:harness\.[a-z]+|sandbox\.hello)\.[a-z-]+", text)}


def test_every_wire_fault_has_a_watch_and_vice_versa() -> None:
    assert set(WATCHED) == named_rules()


def test_watched_rules_exist() -> None:
    assert set(WATCHED) <= set(load_rules().rules)


def test_doctor_has_an_advice_for_each_watched_rule() -> None:
    assert set(ADVICE) == set(WATCHED)
