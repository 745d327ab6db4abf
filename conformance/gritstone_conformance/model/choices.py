"""Choices: what a runtime may run next, as the list that ``runtime.ready`` gives, and as anything that is legal.

Spec: ``runtime/states``, ``runtime/schedule``.
"""

from __future__ import annotations

import random
from collections.abc import Container, Iterator

from gritstone_conformance.model.proposals import CONTROL, Proposal
from gritstone_conformance.model.runtime import Runtime

__all__ = ["Choice", "any_choice", "choices", "cleanup_waits", "is_proposable", "run_freely"]

Choice = tuple[bytes, Proposal]
"""An actor and what it is given to read."""


def choices(runtime: Runtime) -> list[Choice]:
    """Return the choices of a chosen schedule, in their order.

    Spec: :rule:`runtime.schedule.exact`, :rule:`harness.schedule.order`.
    """
    found: dict[bytes, Choice] = {}
    for actor in sorted(runtime.mailroom.tips):
        if actor == runtime.agent.identity:
            continue
        delayed = runtime.is_delayed(actor)
        for proposal in _listed(runtime, actor):
            if (not delayed or proposal.kind == "update") and is_proposable(runtime, actor, proposal):
                found[actor + b"".join(sender + message for sender, message in proposal.names)] = actor, proposal
    return [found[key] for key in sorted(found)]


def is_proposable(runtime: Runtime, actor: bytes, proposal: Proposal) -> bool:
    """Return whether a proposal is proposable: the five conditions of the text, and its actor is not away.

    Spec: :rule:`runtime.away.still`.
    """
    known = runtime.known(actor)
    return (
        not any(known.due.get(each, 0) > runtime.now_ms for each in proposal.covered)
        and proposal.names not in known.declined
        and (not known.isolated or len(proposal.covered) == 1)
        and (not runtime.is_marked(actor) or proposal.kind == "update")
        and not runtime.mailroom.is_away(actor)
        and (proposal.kind != "cleanup" or not cleanup_waits(runtime, actor, proposal.covered[0][0]))
    )


def cleanup_waits(runtime: Runtime, actor: bytes, sender: bytes) -> bool:
    """Return whether a cleanup from a sender has to wait for mail on another channel.

    Spec: :rule:`wit.cleanup.begin`.
    """
    return any(
        other != sender and runtime.mailroom.kind(actor, ids[0]) != "cleanup"
        for other, ids in runtime.mailroom.mail(actor)
    )


def any_choice(runtime: Runtime, source: random.Random, held: Container[bytes] = ()) -> Choice | None:
    """Return anything that may be run now, chosen at random, except of held actors; None where there is nothing."""
    actors = [actor for actor in runtime.mailroom.tips if actor != runtime.agent.identity and actor not in held]
    source.shuffle(actors)
    for actor in actors:
        proposals = [*_some(runtime, actor, source), *_listed(runtime, actor)]
        for proposal in proposals:
            if is_proposable(runtime, actor, proposal):
                return actor, proposal
    return None


def run_freely(runtime: Runtime, source: random.Random, most: int = 10_000) -> str:
    """Run what may be run, chosen at random, until nothing may; time moves where all else waits.

    Returns:
        ``rest`` or, after ``most`` attempts, ``max-steps``.
    """
    for _ in range(most):
        choice = any_choice(runtime, source)
        if choice is not None:
            runtime.run(*choice)
            continue
        due = runtime.next_due_ms()
        if due is None:
            return "rest"
        runtime.move_time(due)
    return "max-steps"


def _listed(runtime: Runtime, actor: bytes) -> Iterator[Proposal]:
    """Yield the few proposals that a chosen schedule looks at."""
    together: list[tuple[bytes, bytes]] = []
    for sender, ids in runtime.mailroom.mail(actor):
        kind = runtime.mailroom.kind(actor, ids[0])
        if kind in (*CONTROL, "ordinary"):
            yield Proposal(kind, ((sender, ids[0]),))
        if kind == "ordinary":
            run = [(sender, message) for message in _ordinary(runtime, actor, ids)]
            yield Proposal(kind, tuple(run))
            together += run
    if together:
        yield Proposal("ordinary", tuple(together))


def _some(runtime: Runtime, actor: bytes, source: random.Random) -> Iterator[Proposal]:
    """Yield a proposal of some ordinary mail of some senders."""
    some: list[tuple[bytes, bytes]] = []
    for sender, ids in runtime.mailroom.mail(actor):
        run = _ordinary(runtime, actor, ids)
        if run and source.random() < 0.7:
            some += [(sender, message) for message in run[: source.randint(1, len(run))]]
    if some:
        yield Proposal("ordinary", tuple(some))


def _ordinary(runtime: Runtime, actor: bytes, ids: tuple[bytes, ...]) -> list[bytes]:
    """Return the messages before the first that is not ordinary."""
    run: list[bytes] = []
    for message in ids:
        if runtime.mailroom.kind(actor, message) != "ordinary":
            break
        run.append(message)
    return run
