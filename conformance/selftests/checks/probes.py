"""Probes: tests that must pass, and of which at least one must fail when a check is switched off.

The probes are self-tests of the modules, vectors on the model, recorded histories, and changed right replies for the
judge.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from selftests.paths import SUITE

if TYPE_CHECKING:
    from selftests.checks.oracle import Asked

__all__ = ["BrokenError", "Probe", "of_items", "recorded", "selftests"]

SELFTESTS: Final = {
    "attachment/base64url": ("attachment/test_base64url.py",),
    "attachment/claims": ("attachment/test_claims.py",),
    "attachment/reply_shapes": ("attachment/test_forms.py",),
    "attachment/protocol": ("attachment/test_protocol.py",),
    "audit": ("auditing/test_audit.py::test_continuation_is_checked_against_an_earlier_export",),
    "judge": (
        "checks/test_alive.py::test_compare_distinguishes_kinds_of_answers",
        "test_divergence.py::test_wildcard_is_literal_between_two_answers",
    ),
    "model": (
        *("model/test_checks.py", "model/test_code_checks.py", "model/test_store.py", "model/test_bundle.py"),
        *("model/test_wit.py", "model/test_agent.py"),
    ),
    "model/flow": (
        *("model/test_flow_values.py", "model/test_flow_expressions.py", "model/test_flow_check.py"),
        *("model/test_flow_effects.py", "model/test_flow_ignored.py", "model/test_flow_plays.py"),
        *("model/test_flow_metrics.py", "model/test_flow_random.py"),
    ),
    "model/flow_host": ("model/test_flow_metrics.py",),
    "model/flow_replay": ("model/test_flow_metrics.py",),
    "model/image": (
        "model/test_image_rules.py",
        "model/test_image_refusals.py",
        "model/test_image_examples_run.py",
        "model/test_image_golden.py",
    ),
    "model/journal": ("model/test_image_rules.py", "model/test_image_refusals.py", "model/test_image_forged.py"),
    "model/image_host": ("model/test_image_rules.py", "model/test_image_refusals.py"),
    "model/frame_index": ("model/test_packed.py",),
    "model/packed": ("model/test_packed.py",),
    "model/pieces": ("model/test_odd_answers.py::test_export_without_end_is_aborted",),
    "model/recompute": ("model/test_history.py::test_forged_history_is_reported",),
    "model/residency": ("model/test_residency_check.py",),
    "model/session": ("model/test_session.py",),
    "model/wasm": (
        *(
            "model/test_wasm_checks.py",
            "model/test_wasm_parts.py",
            "model/test_wasm_engine.py",
            "model/test_history_wasm.py",
            "model/test_wasm_wide.py",
        ),
        "strategies/test_wasm_twins.py::test_each_twin_has_exactly_its_defect",
        "strategies/test_wasm_twins.py::test_module_size_is_limited",
        "strategies/test_wasm_twins.py::test_first_of_several_defects_determines_the_code",
    ),
}
"""Maps a module or its folder to the self-tests that test it: files, or single tests of slow files."""


class BrokenError(Exception):
    """A self-test ended with an error other than a failed assertion of its own."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A test that must pass.

    Attributes:
        name: the name in messages.
        run: runs the test; returns what is wrong, or None.
    """

    name: str
    run: Callable[[], str | None]


def recorded() -> Iterator[Iterator[Probe]]:
    """Yield each kind of recorded probes; the changed replies are made from replies to the vectors."""
    from selftests.checks.oracle import Forms

    forms = Forms()
    yield _vectors(forms.note)
    yield _audits()
    yield _changed_replies(forms.kept)


def _vectors(note: Callable[[Asked], None]) -> Iterator[Probe]:
    """Yield each vector, run on the model, except for those that take seconds."""
    from gritstone_conformance.vectors.files import load_vectors
    from selftests.checks.oracle import is_played, play_vector

    for case in load_vectors().cases():
        if is_played(case):
            yield Probe(case.name, functools.partial(play_vector, case, note))


def _audits() -> Iterator[Probe]:
    """Yield each recorded history."""
    from gritstone_conformance.vectors.audits import judge_audit, load_audits

    for file in load_audits():
        for audit in file.audits:
            yield Probe(audit.name, functools.partial(judge_audit, audit))


def _changed_replies(kept: Sequence[Asked]) -> Iterator[Probe]:
    """Yield each right reply; the judge must not accept it after any change."""
    from selftests.checks.alive import overlooked
    from selftests.checks.test_alive import by_operation

    for op, replies in by_operation(kept).items():
        for number, asked in enumerate(replies):

            def run(op: str = op, asked: Asked = asked) -> str | None:
                return next(overlooked(op, asked.expect, asked.reply, asked.bindings), None)

            yield Probe(f"{op}, reply {number} changed", run)


def selftests(modules: Sequence[str]) -> list[str]:
    """Return the self-tests of some modules."""
    above = {module.rsplit("/", depth)[0] for module in modules for depth in range(module.count("/") + 1)}
    return sorted({file for module in above for file in SELFTESTS.get(module, ())})


def of_items(items: Sequence[pytest.Item]) -> Iterator[Probe]:
    """Yield the tests of a session, except for those that draw random examples."""
    for item in items:
        if not getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            yield Probe(item.nodeid, functools.partial(_play_item, item))


def _play_item(item: pytest.Item) -> str | None:
    from _pytest.runner import runtestprotocol

    for report in runtestprotocol(item, log=False, nextitem=None):
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            words = "" if crash is None else str(crash.message).split("\n", 1)[0]
            is_own = crash is not None and not Path(crash.path).is_relative_to(SUITE)
            if not (is_own and report.when == "call" and words.startswith(("assert", "AssertionError", "Failed"))):
                raise BrokenError(words)
            return words
    return None
