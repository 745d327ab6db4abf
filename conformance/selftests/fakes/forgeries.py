"""Forged histories: each has one fault, and is legal otherwise."""

from __future__ import annotations

from collections.abc import Callable

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.values import Blob, Message, Step
from gritstone_conformance.strategies import programs
from selftests.fakes.forging import Scribe


def base(fmt: Format) -> tuple[Scribe, bytes, bytes]:
    """Return a legal history with two actors, a and b, that have read their genesis messages."""
    scribe = Scribe.of(fmt)
    return scribe, scribe.born(b"a"), scribe.born(b"b")


def program(scribe: Scribe, ops: bytes = b"", *operands: bytes) -> bytes:
    return scribe.stage.program(ops, *operands)


def no_agent(scribe: Scribe, a: bytes, b: bytes) -> None:
    scribe.names["tags/agent"] = scribe.agent
    del scribe.heads[scribe.agent]


def other_agent_core(scribe: Scribe, a: bytes, b: bytes) -> None:
    scribe.act(scribe.agent, sends={b: None}, core=a)


def idle_agent(scribe: Scribe, a: bytes, b: bytes) -> None:
    scribe.act(scribe.agent)


def kept_previous(scribe: Scribe, a: bytes, b: bytes) -> None:
    message = scribe.inject(a, program(scribe), "cleanup")
    scribe.act(a, reads={scribe.agent: message})


def no_genesis(scribe: Scribe, a: bytes, b: bytes) -> None:
    c = scribe.stage.core(b"c")
    message = scribe.inject(c, program(scribe))
    scribe.write(c, Step(None, c, scribe.box({scribe.agent: message}), None, c))


def queued_genesis(scribe: Scribe, a: bytes, b: bytes) -> None:
    c = scribe.stage.core(b"c")
    scribe.inject(c, program(scribe))
    message = scribe.inject(c, c, "genesis")
    scribe.write(c, Step(None, c, scribe.box({scribe.agent: message}), None, c))


def crowded_genesis(scribe: Scribe, a: bytes, b: bytes) -> None:
    c = scribe.stage.core(b"c")
    message = scribe.inject(c, c, "genesis")
    own = scribe.message(None, program(scribe))
    scribe.act(b, reads={scribe.agent: scribe.inject(b, program(scribe))}, sends={c: own})
    scribe.write(c, Step(None, c, scribe.box({scribe.agent: message, b: own}), None, c))


def vanished(scribe: Scribe, a: bytes, b: bytes) -> None:
    last = scribe.step_of(a)
    own = scribe.message(None, program(scribe))
    scribe.act(b, reads={scribe.agent: scribe.inject(b, program(scribe))}, sends={a: own})
    scribe.write(a, Step(scribe.heads[a], a, scribe.box({b: own}), None, last.core))


def still(scribe: Scribe, a: bytes, b: bytes) -> None:
    scribe.act(a)


def unsent(scribe: Scribe, a: bytes, b: bytes) -> None:
    scribe.act(a, reads={b: scribe.message(None, program(scribe))})


def unsent_by_agent(scribe: Scribe, a: bytes, b: bytes) -> None:
    scribe.act(
        a, reads={scribe.agent: scribe.message(scribe.mail(scribe.step_of(a).inbox)[scribe.agent], program(scribe))}
    )


def chatter(scribe: Scribe, a: bytes, b: bytes, *, signal: bool) -> tuple[bytes, bytes]:
    """Add two legal messages from b to a; the second is queued or a signal."""
    empty = program(scribe)
    mode = b"s" if signal else b"q"
    one = scribe.message(None, empty, "one")
    two = scribe.message(None if signal else one, empty, "two")
    for message, mt in ((one, "one"), (two, "two")):
        ask = program(scribe, programs.send(0, 1, mt, mode), a, empty)
        scribe.act(b, reads={scribe.agent: scribe.inject(b, ask)}, sends={a: message})
    return one, two


def superseded(scribe: Scribe, a: bytes, b: bytes) -> None:
    one, two = chatter(scribe, a, b, signal=True)
    scribe.act(a, reads={b: two})
    scribe.act(a, reads={b: one})


def disordered(scribe: Scribe, a: bytes, b: bytes) -> None:
    one, two = chatter(scribe, a, b, signal=False)
    scribe.act(a, reads={b: two})
    scribe.act(a, reads={b: one})


def crowd(scribe: Scribe, a: bytes, b: bytes) -> None:
    scribe.inject(a, program(scribe))
    message = scribe.inject(a, scribe.stage.tree(k=scribe.stage.blob(b"u")), "update")
    scribe.act(a, reads={scribe.agent: message})


def wrong_core(scribe: Scribe, a: bytes, b: bytes) -> None:
    message = scribe.inject(a, program(scribe, programs.write("k", b"v")))
    entries = {"name": scribe.stage.blob(b"a", ("ct", "s")), "k": scribe.stage.blob(b"w")}
    scribe.act(a, reads={scribe.agent: message}, core=scribe.stage.core(b"a", **entries))


def wrong_merge(scribe: Scribe, a: bytes, b: bytes) -> None:
    message = scribe.inject(a, scribe.stage.tree(k=scribe.stage.blob(b"u")), "update")
    scribe.act(a, reads={scribe.agent: message})


def swallowed(scribe: Scribe, a: bytes, b: bytes) -> None:
    """Add a step that reads a failing message and changes nothing else, which is legal for an update only."""
    message = scribe.inject(a, program(scribe, programs.fail()))
    scribe.act(a, reads={scribe.agent: message})


def rewound_outbox(scribe: Scribe, a: bytes, b: bytes) -> None:
    one = scribe.inject(b, program(scribe), "one")
    scribe.inject(b, program(scribe), "two")
    scribe.act(scribe.agent, sends={b: one})


def no_wit(scribe: Scribe, a: bytes, b: bytes) -> None:
    message = scribe.inject(a, program(scribe))
    scribe.act(a, reads={scribe.agent: message}, core=scribe.stage.tree(name=scribe.stage.blob(b"a")))


def thawed(scribe: Scribe, a: bytes, b: bytes) -> None:
    c = scribe.born(b"c", frozen=scribe.stage.blob(b"k\n"))
    message = scribe.inject(c, program(scribe, programs.write("k", b"v")))
    core = scribe.stage.core(b"c", frozen=scribe.stage.blob(b"k\n"), k=scribe.stage.blob(b"v"))
    scribe.act(c, reads={scribe.agent: message}, core=core)


def cycle(scribe: Scribe, a: bytes, b: bytes) -> None:
    to_a, to_b = scribe.message(None, a), scribe.message(None, b)
    scribe.act(a, reads={b: to_a}, sends={b: to_b})
    scribe.act(b, reads={a: to_b}, sends={a: to_a})


def marked(scribe: Scribe, a: bytes, b: bytes) -> None:
    message = scribe.inject(a, program(scribe))
    mark = scribe.box({scribe.agent: message})
    assert mark is not None
    scribe.marks[a] = mark


def receipt_missing(scribe: Scribe, a: bytes, b: bytes) -> None:
    poison = scribe.message(None, program(scribe, programs.fail()))
    message = scribe.inject(b, program(scribe, programs.send(0, 1), a, program(scribe, programs.fail())))
    scribe.act(b, reads={scribe.agent: message}, sends={a: poison})
    mark = scribe.box({b: poison})
    assert mark is not None
    scribe.marks[a] = mark


def receipt_to_agent(scribe: Scribe, a: bytes, b: bytes) -> None:
    content = scribe.stage.graph.add(Blob((), b""))
    headers = (("mt", "receipt"), ("reply", scribe.heads[a].hex()), ("class", "failed"))
    scribe.act(scribe.agent, sends={scribe.agent: scribe.stage.graph.add(Message(None, headers, content))})


def odd_receipt(scribe: Scribe, a: bytes, b: bytes) -> None:
    scribe.inject(a, scribe.stage.graph.add(Blob((), b"")), "receipt")


def lost(scribe: Scribe, a: bytes, b: bytes) -> None:
    scribe.inject(a, program(scribe))


FORGED: dict[str, tuple[Callable[[Scribe, bytes, bytes], None], str]] = {
    "no-agent": (no_agent, "bootstrap"),
    "other-agent-core": (other_agent_core, "agent-step"),
    "idle-agent": (idle_agent, "agent-step"),
    "kept-previous": (kept_previous, "uncut"),
    "no-genesis": (no_genesis, "no-genesis"),
    "queued-genesis": (queued_genesis, "crowded"),
    "crowded-genesis": (crowded_genesis, "crowded"),
    "vanished": (vanished, "vanished"),
    "still": (still, "still"),
    "unsent": (unsent, "unsent"),
    "unsent-by-agent": (unsent_by_agent, "unsent"),
    "superseded": (superseded, "stale"),
    "doubled": (disordered, "twice"),
    "crowd": (crowd, "crowd"),
    "wrong-core": (wrong_core, "recompute"),
    "wrong-merge": (wrong_merge, "recompute"),
    "swallowed": (swallowed, "recompute"),
    "rewound-outbox": (rewound_outbox, "outbox"),
    "no-wit": (no_wit, "no-wit"),
    "thawed": (thawed, "thawed"),
    "cycle": (cycle, "cycle"),
    "marked": (marked, "mark"),
    "receipt-missing": (receipt_missing, "receipt"),
    "odd-receipt": (odd_receipt, "receipt"),
    "receipt-to-agent": (receipt_to_agent, "no-loop"),
    "lost": (lost, "lost"),
}
"""Maps the name of a forgery to the function that adds it to the base, and to the name of its fault."""
