"""A wrong id is explained by the objects that it identifies, as the implementation and the model store them.

Spec: :rule:`suite.message.object`.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from gritstone_conformance.cases import Case
from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.model.formats import FRAMED_SHA256
from gritstone_conformance.model.host import ModelHost
from gritstone_conformance.model.values import Blob, Step, Tree, from_base64, to_base64
from gritstone_conformance.planning.suite import load_data
from gritstone_conformance.replies import Json, Ok, Refused
from gritstone_conformance.results.outcomes import Outcome
from selftests.fakes.runs import run
from selftests.fakes.subject import Answer, FakeSubject

STEPPING, CHOOSING = "wit/program/try-most", "runtime/effect/listed"


@cache
def vector(name: str) -> Case:
    return load_data().vectors.by_name()[name]


class Wrong(FakeSubject):
    """The model, except that each step that it makes has another blob in its core.

    Args:
        unstored: the model answers with the id of a step that it does not store.
        dies: a second process dies of ``grit.get``.
    """

    def __init__(self, *, unstored: bool = False, dies: bool = False, first: bool = True) -> None:
        self._how: dict[str, Any] = {"unstored": unstored, "dies": dies, "first": False}
        self._host = ModelHost()
        self._unstored, self._dies = unstored, dies and not first
        super().__init__(self._wrong, self._host.claims)

    def apart(self) -> FakeSubject:
        return Wrong(**self._how)

    def kill(self) -> None:
        super().kill()
        self._host.kill()

    def ask_each(self, requests: Any) -> list[Answer]:
        answers: list[Answer] = []
        for op, args in requests:
            answers += super().ask_each([(op, args)])
            if op == "grit.close":
                self._host.ask(op, args)
            if isinstance(answers[-1], SubjectFault):
                break
        return answers

    def _wrong(self, op: str, args: dict[str, Json]) -> Answer:
        if op == "grit.get" and self._dies:
            return SubjectFault("dead:exit-1", "")
        reply = self._host.ask(op, args)
        if op not in ("wit.step", "runtime.choose") or not isinstance(reply, Ok):
            return reply
        return Ok({"step": self._other(args.get("store", "s"), reply.value["step"])})

    def _other(self, store: str, identity: str) -> str:
        if self._unstored:
            return "ab" * 32
        step = FRAMED_SHA256.decode(self._read(store, identity))
        assert isinstance(step, Step)
        core = FRAMED_SHA256.decode(self._read(store, step.core.hex()))
        assert isinstance(core, Tree)
        blob = self._put(store, FRAMED_SHA256.encode(Blob((), b"of another core")))
        entries = (*core.entries[:-1], (core.entries[-1][0], blob))
        changed = self._put(store, FRAMED_SHA256.encode(Tree(entries)))
        return self._put(store, FRAMED_SHA256.encode(replace(step, core=changed))).hex()

    def _read(self, store: str, identity: str) -> bytes:
        reply = self._host.ask("grit.get", {"store": store, "id": identity})
        assert isinstance(reply, Ok)
        return from_base64(reply.value["bytes"])

    def _put(self, store: str, data: bytes) -> bytes:
        assert isinstance(self._host.ask("grit.put", {"store": store, "bytes": to_base64(data)}), Ok)
        return FRAMED_SHA256.hash(data)


def outcome(subject: FakeSubject, name: str) -> Outcome:
    case = replace(vector(name), twin=None)
    return run(subject, [case])[name]


@pytest.mark.rule("suite.message.object")
@pytest.mark.parametrize("name", [STEPPING, CHOOSING])
def test_wrong_step_is_explained_by_its_first_differing_field(name: str) -> None:
    failed = outcome(Wrong(), name)
    assert failed.verdict == "fail"
    assert failed.divergence is not None
    assert failed.divergence.path == "/step"
    sentences = (failed.detail or "").split("; ")
    assert len(sentences) == 3, sentences
    step, core, blob = sentences
    assert step.startswith(f"the step {failed.divergence.got[:12]}… (expected {failed.divergence.expected[:12]}…)")
    assert step.endswith(" differs at /core")
    assert core.startswith("the tree ")
    assert "/entries/" in core
    assert blob.startswith("the blob ") or "is a blob" in blob


@pytest.mark.rule("suite.message.object")
def test_step_that_is_not_stored_is_reported_as_missing() -> None:
    failed = outcome(Wrong(unstored=True), STEPPING)
    assert (failed.detail or "").endswith("abababababab… cannot be read: refused missing")


@pytest.mark.rule("suite.message.object")
def test_death_in_the_second_process_changes_no_verdict() -> None:
    subject = Wrong(dies=True)
    failed = outcome(subject, STEPPING)
    assert (failed.verdict, failed.signature) == ("fail", "expected value got value at /step")
    assert failed.detail is None
    assert subject.faults == []


@pytest.mark.rule("suite.message.object")
def test_objects_of_one_kind_of_failure_are_compared_once() -> None:
    one = replace(vector(STEPPING), twin=None)
    other = replace(one, name="wit/program/again", steps=(*one.steps, one.steps[-1]))
    found = run(Wrong(), [one, other])
    assert sorted(each.detail is None for each in found.values()) == [False, True]


def test_explanation_needs_a_second_process() -> None:
    subject = Wrong()
    subject.attached = True
    assert outcome(subject, STEPPING).detail is None


def test_answers_that_are_not_ids_are_not_fetched() -> None:
    subject = FakeSubject(lambda op, args: Refused("invalid"), ModelHost().claims)
    assert outcome(subject, STEPPING).detail is None
