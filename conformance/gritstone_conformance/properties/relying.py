"""Relying: a case that can fail for the fault of another rule asks a control when it fails.

The control is the part of the case that it relies on, without what it is about: the same bundle imported instead of
transcoded, the same kill without a prune. If the control fails too, its failure counts, under its own rule, and the
report says which case met it. If it passes, the case is to blame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gritstone_conformance.trial import Divergence, Trial

__all__ = ["relying"]


@contextmanager
def relying(trial: Trial, control: Callable[[], None], words: str, rule: str | None = None) -> Iterator[None]:
    """Run the body; where it diverges, run the control, whose divergence counts instead.

    Args:
        trial: the trial.
        control: asks what the body relies on; raises Divergence.
        words: what the control asks, for the report.
        rule: the rule that the body breaks where the control passes; None: the one that its step names.

    Raises:
        Divergence: that of the control, else that of the body.
    """
    try:
        yield
    except Divergence as found:
        trial.steps = []  # the control is a case of its own
        try:
            control()
        except Divergence as basis:
            basis.remark = f"found by a case that relies on this: {words} fails too"
            raise basis from found
        found.rule = rule or found.rule
        raise
