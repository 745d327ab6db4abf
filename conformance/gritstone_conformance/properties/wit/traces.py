"""What a request of ``wit`` leaves in the store: no reference, and no erased blob; and ids that name nothing."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.executor import Executor
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.values import Message
from gritstone_conformance.properties.wit.registry import in_each_format
from gritstone_conformance.properties.wit.workbench import Workbench
from gritstone_conformance.strategies import programs
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_REFERENCES: Final = "wit.transition.no-reference"
_ERASED: Final = "wit.transition.erased-write"
_ZERO: Final = "grit.id.zero"
_NOTHING: Final = bytes(32)


def references_stay(trial: Trial, fmt: Format) -> None:
    """No request changes a reference: a head of the actor stays where it is, and no other reference appears."""
    bench = Workbench(trial, fmt)
    actor = bench.born()
    assert actor.head is not None
    before, first = actor.head, actor.identity
    bench.flush()
    bench.pair.expect(bench.pair.point(f"heads/{first.hex()}", before), bench.pair.point("tags/core", first))

    def tell(content: bytes, mt: str = "") -> None:
        tips = dict(actor.tips)
        if actor.tell(content, mt) in (None, before):
            actor.tips = tips
        bench.references(rule=_REFERENCES)

    for ops in (programs.append("log", b"a"), programs.leave("no"), programs.fail(), programs.illegal(9)):
        tell(bench.program(ops))
    tell(bench.stage.tree(more=bench.stage.blob(b"more")), "update")
    tell(bench.stage.blob(b"no tree"), "update")
    tell(first)
    tell(bench.program(b""), "cleanup")
    last = actor.head
    unborn = bench.actor(b"u")
    unborn.tell(unborn.identity)
    bench.references(rule=_REFERENCES)
    message = actor.send(bench.program(b""))
    for step in (bench.step(first, last, [(bench.outside, message)]), before):
        assert step is not None
        bench.admit(first, last, [(bench.outside, message)], step)
        bench.references(rule=_REFERENCES)
    bench.merge(first, bench.stage.tree(other=bench.stage.blob(b"other")))
    bench.unread(message, None)
    bench.references(rule=_REFERENCES)
    bench.flush()


def erased_write(trial: Trial, fmt: Format) -> None:
    """Code that writes an erased blob gets its id, and the blob stays erased: a later step cannot read it."""
    bench = Workbench(trial, fmt)
    erased, longer = bench.stage.blob(b"erased"), bench.stage.blob(b"erased again")
    kept = bench.stage.blob(b"kept")
    actor = bench.born(k=bench.stage.tree(e=erased))
    bench.fill()
    bench.flush()
    pair = bench.pair
    pair.expect(pair.erase(erased), pair.erase(longer))
    bench.executor = Executor(pair.model)
    for ops in (
        programs.write("w", b"erased"),
        programs.write("k/e", b"erased") + programs.write("other", b"kept"),
        programs.write("grown", b"erased a") + programs.append("grown", b"gain"),
    ):
        assert actor.tell(bench.program(ops), rule=_ERASED) is not None
        bench.flush()
        pair.expect(pair.has([erased, longer, kept]), pair.get(erased), pair.get(longer), rule=_ERASED)
        bench.executor = Executor(pair.model)
    tips = dict(actor.tips)
    for path in ("w", "grown"):
        assert actor.tell(bench.program(programs.append(path, b"more")), rule=_ERASED) is None
        actor.tips = dict(tips)
    actor.tell(bench.program(programs.write("w", b"new")), rule=_ERASED)
    bench.flush()


def zero_ids(trial: Trial, fmt: Format) -> None:
    """An argument of 64 zeros is the id of an object that is not stored, and not none."""
    bench = Workbench(trial, fmt)
    actor = bench.born()
    first = actor.head
    assert first is not None
    message = actor.send(bench.program(programs.append("log", b"a")))
    mail = [(bench.outside, message)]
    genesis = bench.add(Message(None, (("mt", "genesis"),), actor.identity))
    bench.step(actor.identity, _NOTHING, mail, rule=_ZERO)
    bench.step(actor.identity, _NOTHING, [(bench.outside, genesis)], rule=_ZERO)
    bench.step(_NOTHING, None, mail, rule=_ZERO)
    for sender in (bench.outside, bench.stage.tree(name=bench.stage.blob(b"another"))):
        bench.step(actor.identity, first, [(sender, _NOTHING)], rule=_ZERO)
    step = bench.step(actor.identity, first, mail)
    assert step is not None
    bench.admit(actor.identity, first, mail, _NOTHING, rule=_ZERO)
    bench.admit(actor.identity, _NOTHING, mail, step, rule=_ZERO)
    for tip, cursor in ((_NOTHING, None), (_NOTHING, message), (message, _NOTHING), (_NOTHING, _NOTHING)):
        bench.unread(tip, cursor, rule=_ZERO)
    bench.merge(actor.identity, _NOTHING, rule=_ZERO)
    bench.merge(_NOTHING, actor.identity, rule=_ZERO)
    bench.query(_NOTHING, "step", rule=_ZERO)
    bench.flush()


PROPERTIES: Final = (
    *in_each_format("wit/transition/references-stay", references_stay, _REFERENCES),
    *in_each_format("wit/transition/erased-write", erased_write, _ERASED, features=("external", "erase")),
    *in_each_format("wit/transition/zero-ids", zero_ids, _ZERO),
)
