"""The vectors of flows: what the model answers to the tables of this folder.

    python -m selftests.vectors.flow_cases

writes ``vectors/flow``. A test compares the files with what this module makes. Each draft states its outcome, and
making the files fails if the model has another one. The twin of a refused case is the accepted case that differs least
from it, in one argument.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import takewhile
from typing import Any, Final

from gritstone_conformance.bundled import vectors_dir
from gritstone_conformance.cases import Case, CaseStep, Requires
from gritstone_conformance.errors import DataError
from gritstone_conformance.model.flow.values import encode
from gritstone_conformance.model.flow_host import FlowHost
from gritstone_conformance.model.values import from_base64, to_base64
from gritstone_conformance.replies import Json, Ok, Refused
from gritstone_conformance.vectors.edits import edit_between, edit_bytes, most_edit_bytes
from gritstone_conformance.vectors.files import VectorFile
from selftests.vectors.flow_checks import check_vectors
from selftests.vectors.flow_metrics import metric_vectors
from selftests.vectors.flow_plays import play_cases
from selftests.vectors.flow_texts import FlowVector, text_vectors
from selftests.vectors.vector_writer import scripted_file, write_files

__all__ = ["flow_files"]

_BYTES: Final = ("program", "policy", "input", "env", "template", "trace")
_REQUIRES: Final = Requires((), ("flow.pure",))
_MEASURES: Final = Requires((), ("flow.executor", "flow.metrics"), ("wit",))


def flow_files() -> list[VectorFile]:
    """Return all files of vectors of the profile."""
    host = FlowHost()
    cases = [_case(host, vector) for vector in (*text_vectors(), *check_vectors(), *metric_vectors())]
    cases.append(_repeated(cases))
    accepted = [case for case in cases if "ok" in case.steps[-1].expect]
    refused = [_with_twin(case, accepted) for case in cases if case not in accepted]
    accepted += [case for topic in play_cases().values() for case in topic]
    return [*_files(accepted, "accept"), *_files(refused, "reject")]


def _files(cases: list[Case], kind: str) -> Iterator[VectorFile]:
    for topic in sorted({case.name.split("/")[1] for case in cases}):
        of_topic = tuple(case for case in cases if case.name.split("/")[1] == topic)
        yield scripted_file("flow_cases", "flow", topic, of_topic, kind)


def _case(host: FlowHost, vector: FlowVector) -> Case:
    args: dict[str, Json] = {
        name: to_base64(value if isinstance(value, bytes) else encode(value)) if name in _BYTES else value
        for name, value in vector.args.items()
    }
    op = f"flow.{vector.op}"
    match host.ask(op, args):
        case Ok(value=value):
            expect: dict[str, Json] = {"ok": value}
            found: Any = next(iter(value.values()))
        case Refused(kind=kind, code=code):
            expect = {"refused": kind} if code is None else {"refused": kind, "code": code}
            found = code or kind
        case reply:
            raise DataError(f"{vector.name}: the model answers {reply}")
    outcome = vector.outcome
    if vector.op == "metrics" and "ok" in expect:
        found = {name: value[name] for name in outcome}
    if vector.op == "render" and "ok" in expect:
        found, outcome = from_base64(found), outcome if isinstance(outcome, bytes) else encode(outcome)
    if found != outcome:
        raise DataError(f"{vector.name}: the table has {outcome!r}, the model {found!r}")
    rules = tuple(f"flow.{rule}" for rule in vector.rules)
    requires = _MEASURES if vector.op == "metrics" else _REQUIRES
    return Case(f"flow/{vector.name}", rules, requires, (CaseStep(op, args, expect),))


def _repeated(cases: list[Case]) -> Case:
    """Return a case that asks some others twice, in both orders."""
    chosen = [case.steps[0] for case in cases if case.name in _TWICE]
    return Case(
        "flow/check/repeated",
        ("flow.check.pure",),
        _REQUIRES,
        (*chosen, *reversed(chosen)),
    )


_TWICE: Final = (
    *("flow/check/refund", "flow/check/refund-no-guards", "flow/check/only-bytes", "flow/expr/unbound-not-equal"),
    *("flow/expr/precedence-not-not", "flow/tmpl/typed-int", "flow/tmpl/typed-ref-in-text", "flow/check/everything"),
)


def _with_twin(case: Case, accepted: list[Case]) -> Case:
    """Return a refused case with the accepted case that differs least from it in one argument."""
    twins = [twin for twin in accepted if len(twin.steps) == 1 and _changed(twin, case) is not None]
    if not twins:
        raise DataError(f"{case.name} has no twin")
    twin = min(twins, key=lambda one: (_distance(one, case), one.name))
    edit = edit_between(twin, case)
    if edit_bytes(edit) > most_edit_bytes(case, edit):
        raise DataError(f"{case.name}: its nearest twin {twin.name} is too different")
    return replace(case, twin=twin.name, edit=edit)


def _changed(twin: Case, case: Case) -> str | None:
    """Return the one argument in which two cases differ, or None."""
    ours, theirs = case.steps[0], twin.steps[0]
    names = [name for name in ours.args if ours.args[name] != theirs.args.get(name)]
    return names[0] if ours.op == theirs.op and len(names) == 1 else None


def _distance(twin: Case, case: Case) -> int:
    """Return how much is left of both arguments without what they begin and end with."""
    name = _changed(twin, case)
    assert name is not None
    values = [each.steps[0].args[name] for each in (twin, case)]
    one, other = map(from_base64, values) if name in _BYTES else values
    begin = _common(one, other)
    return len(one) + len(other) - 2 * (begin + _common(one[begin:][::-1], other[begin:][::-1]))


def _common(one: str | bytes, other: str | bytes) -> int:
    """Return the length of the longest common beginning."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


if __name__ == "__main__":
    sys.exit(write_files(flow_files(), vectors_dir()))
