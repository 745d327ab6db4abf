"""Replay: every step of a flow computed again from its history.

Spec: "Replay" in ``flow/trace``.
"""

from __future__ import annotations

from gritstone_conformance.model.failures import Declined, Failure
from gritstone_conformance.model.flow.objects import ErasedDocument, is_flow
from gritstone_conformance.model.flow.successors import FIXED
from gritstone_conformance.model.proposals import message_type, propose
from gritstone_conformance.model.puppet import Context, Draft
from gritstone_conformance.model.refusals import Refusal, invalid, missing, ok, refused
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.store import Store
from gritstone_conformance.model.transition import make_step
from gritstone_conformance.model.values import Step
from gritstone_conformance.replies import Json

__all__ = ["replay", "replay_expected"]


def replay(shelf: Shelf, head: bytes) -> tuple[int, int | None]:
    """Return how many steps the chain of a flow has, and the number of the first that differs, or None.

    Raises:
        Refusal: an object is absent, the id is not a step, or the actor is not a flow.

    Spec: :rule:`flow.replay.identical`, :rule:`flow.replay.first-divergence`, :rule:`flow.replay.refused`.
    """
    value = shelf.get(head)
    if not isinstance(value, Step):
        raise Refusal([invalid("flow.replay.refused", "the id is not a step")])
    if not is_flow(shelf, value.actor):
        raise Refusal([invalid("flow.replay.refused", "the first core is not that of a flow")])
    chain = [head]
    while (previous := shelf.step(chain[-1]).previous) is not None:
        chain.append(previous)
    chain.reverse()
    differing = (at for at in range(len(chain)) if not _is_right(shelf, value.actor, chain, at))
    return len(chain), next(differing, None)


def _is_cut(shelf: Shelf, root: bytes) -> bool:
    """Return whether a root covers a cleanup message."""
    return any(message_type(shelf.message(tip)) == "cleanup" for tip in shelf.mail(shelf.step(root).inbox).values())


def _keeps_fixed(shelf: Shelf, actor: bytes, step: bytes) -> bool:
    """Return whether a core has the fixed entries of the first core."""
    core = shelf.names(shelf.step(step).core)
    return all(core.get(name) == target for name, target in shelf.names(actor).items() if name in FIXED)


def _is_right(shelf: Shelf, actor: bytes, chain: list[bytes], at: int) -> bool:
    """Return whether a step is the result of the transition, or the root of a cut history of the flow.

    A step of another actor, or with an object of another kind in a field, is neither.
    """
    try:
        if shelf.step(chain[at]).actor != actor:
            return False
        if at == 0 and _is_cut(shelf, chain[0]):
            return _keeps_fixed(shelf, actor, chain[0])
        return _result(shelf, actor, chain, at) == chain[at]
    except ErasedDocument as failure:
        raise Refusal([missing("flow.replay.refused", str(failure))]) from failure
    except (Declined, Failure):
        return False
    except Refusal as refusal:
        if "missing" in refusal.kinds:
            raise Refusal([missing("flow.replay.refused", str(refusal))]) from refusal
        return False


def _result(shelf: Shelf, actor: bytes, chain: list[bytes], at: int) -> bytes:
    """Return the step that the transition makes for the messages that a step covers."""
    last = chain[at - 1] if at else None
    before = shelf.mail(shelf.step(last).inbox) if last is not None else {}
    read = shelf.mail(shelf.step(chain[at]).inbox)
    mail = [(sender, tip) for sender, tip in read.items() if before.get(sender) != tip]
    made = make_step(shelf, Context(actor), propose(shelf, actor, last, mail), last)
    return made.seal(shelf) if isinstance(made, Draft) else made


def replay_expected(store: Store, step: bytes) -> dict[str, Json]:
    """Return what ``flow.replay`` answers, in the language of expectations."""
    try:
        steps, differs = replay(Shelf.over(store), step)
    except Refusal as refusal:
        return refused("missing" if "missing" in refusal.kinds else "invalid")
    return ok(steps=steps, differs=differs)
