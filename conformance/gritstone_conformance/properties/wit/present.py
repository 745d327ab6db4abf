"""Admission judges what the store holds now: not what it held before, and not more than its limits allow."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from gritstone_conformance.model.executor import Executor
from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.wit.registry import in_each_format
from gritstone_conformance.properties.wit.workbench import Workbench
from gritstone_conformance.strategies import programs
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_CLOSED: Final = "wit.admit.closed"


class _Bench(Workbench):
    """A bench with an actor, a message to it, and a step that reads the message and adds a tree to the core."""

    def __init__(self, trial: Trial, fmt: Format) -> None:
        super().__init__(trial, fmt)
        self.reader = self.born()
        self.message = self.reader.send(self.program(b""))
        made = self.step(self.reader.identity, self.reader.head, [(self.outside, self.message)])
        assert made is not None
        self.good = self.executor.shelf.step(made)

    def with_entry(self, value: bytes) -> bytes:
        """Add a step whose core has one entry more; returns its id."""
        core = self.stage.tree(wit=self.executor.shelf.names(self.good.core)["wit"], more=value)
        return self.add(replace(self.good, core=core))

    def judge(self, step: bytes, rule: str) -> None:
        """Ask whether the step is admitted."""
        self.executor = Executor(self.pair.model)  # which has forgotten what it read
        self.admit(self.reader.identity, self.reader.head, [(self.outside, self.message)], step, rule=rule)
        self.flush()


def removed(trial: Trial, fmt: Format) -> None:
    """A step that was admitted is not admitted after an object that it reaches was pruned, until it is stored again."""
    bench = _Bench(trial, fmt)
    leaf = bench.stage.blob(b"leaf")
    step = bench.with_entry(bench.stage.tree(a=bench.stage.tree(b=leaf)))
    bench.judge(step, _CLOSED)
    pair, encodings = bench.pair, dict(bench.stage.graph.encodings)
    assert bench.reader.head is not None
    pair.expect(pair.prune([bench.reader.head, bench.message]))
    pair.expect(*(pair.put(data) for identity, data in encodings.items() if identity != leaf))
    bench.judge(step, _CLOSED)
    pair.expect(pair.put(encodings[leaf]))
    bench.judge(step, _CLOSED)


def corrupt(trial: Trial, fmt: Format) -> None:
    """A step that was admitted is not admitted while a blob, a tree or a message that it reaches is corrupt."""
    bench = _Bench(trial, fmt)
    leaf = bench.stage.blob(b"leaf")
    tree = bench.stage.tree(b=leaf)
    step = bench.with_entry(tree)
    bench.judge(step, _CLOSED)
    for identity in (leaf, tree):
        bench.pair.expect(bench.pair.damage(identity, 5, 1))
        bench.judge(step, _CLOSED)
        bench.pair.expect(bench.pair.damage(identity, 5, 1))
        bench.judge(step, _CLOSED)


def nested(trial: Trial, fmt: Format) -> None:
    """A core nested to ``tree_depth`` is admitted; one level more makes the result ``exhausted``."""
    bench = _Bench(trial, fmt)
    tree = bench.stage.blob(b"leaf")
    for _ in range(bench.pair.model.limits.tree_depth - 1):
        tree = bench.stage.tree(a=tree)
    deepest = bench.with_entry(tree)
    bench.judge(deepest, "wit.transition.class")
    bench.holds(deepest, rule="grit.graph.edges")
    bench.judge(bench.with_entry(bench.stage.tree(a=tree)), "wit.transition.class")


def own_mail(trial: Trial, fmt: Format) -> None:
    """``X 04`` fails if the core is already a sender: in the proposal of a first step, or in the inbox before."""
    bench = Workbench(trial, fmt)
    first = bench.actor(b"first", program=bench.stage.blob(programs.illegal(0x04)))
    first.send(first.identity, "genesis", sender=first.identity)
    first.step(rule="wit.puppet.exact")
    later = bench.actor(b"later")
    later.step((later.identity, later.send(later.identity, "genesis", sender=later.identity)), rule="wit.puppet.exact")
    later.tell(bench.program(programs.illegal(0x04)), rule="wit.puppet.exact")
    bench.flush()


PROPERTIES: Final = (
    *in_each_format("wit/admit/removed-since", removed, _CLOSED),
    *in_each_format("wit/admit/corrupt-since", corrupt, _CLOSED, features=("damage",)),
    *in_each_format("wit/admit/nested", nested, "wit.transition.class", "grit.graph.edges"),
    *in_each_format("wit/illegal/mail-from-its-core", own_mail, "wit.puppet.exact"),
)
