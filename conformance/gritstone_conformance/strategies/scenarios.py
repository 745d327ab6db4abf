"""Scenarios: actors, and mail from outside, whose programs make them create, query, signal, fail and change each other.

Contents are built from the leaves up, so each sends only what was there before: a scenario always comes to rest.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Final

from hypothesis import strategies as st

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.values import Blob, Headers, Tree
from gritstone_conformance.strategies import programs
from gritstone_conformance.strategies.casting import PUPPET, STAMP, code_data, with_modules
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.programs import Stock
from gritstone_conformance.strategies.tape import Tape, from_tape

__all__ = [
    "PUPPET",
    "SCENARIO_TAPE",
    "STAMP",
    "Injection",
    "Scenario",
    "Stage",
    "build",
    "core_of",
    "program_tree",
    "scenarios",
]

SCENARIO_TAPE: Final = 360
"""Bytes of tape that a scenario of four actors and eight injections can use to the full."""

_GENESIS: Final[Headers] = (("mt", "genesis"),)


@dataclass(frozen=True, slots=True)
class Injection:
    """One message from outside."""

    to: bytes
    headers: Headers
    content: bytes
    mode: str = "queue"


@dataclass(slots=True)
class Stage:
    """Builds scenarios: the objects, and short methods that add those that actors need."""

    graph: Graph

    def blob(self, data: bytes, *headers: tuple[str, str]) -> bytes:
        """Add a blob; data that names a puppet is replaced by the name of its code."""
        return self.graph.add(Blob(headers, code_data(self.graph, data)))

    def tree(self, **entries: bytes) -> bytes:
        """Add a tree."""
        whole = with_modules(self.graph, entries) if "wit_update" in entries else entries
        return self.graph.add(Tree(tuple(whole.items())))

    def core(self, title: bytes, code: bytes = PUPPET, **entries: bytes) -> bytes:
        """Add a core whose name makes it unique; an actor's id is that of its core."""
        return core_of(self.graph, title, code, **entries)

    def program(self, ops: bytes, *operands: bytes, **entries: bytes) -> bytes:
        """Add a program tree with operands 00, 01 and so on."""
        return program_tree(self.graph, ops, *operands, **entries)


def core_of(graph: Graph, title: bytes, code: bytes = PUPPET, **entries: bytes) -> bytes:
    """Add the core {name, wit, wit_query} with further entries and return its id."""
    wit = graph.add(Blob((("ct", "s"),), code_data(graph, code)))
    own = {"name": graph.add(Blob((("ct", "s"),), title)), "wit": wit, "wit_query": wit}
    return graph.add(Tree(tuple(with_modules(graph, {**own, **entries}).items())))


def program_tree(graph: Graph, ops: bytes, *operands: bytes, **entries: bytes) -> bytes:
    """Add a program tree and return its id."""
    numbered = {f"{number:02x}": operand for number, operand in enumerate(operands)}
    whole = {"program": graph.add(Blob((), ops)), **numbered, **entries}
    return graph.add(Tree(tuple((with_modules(graph, whole) if "wit_update" in whole else whole).items())))


@dataclass(slots=True)
class Scenario:
    """A scenario.

    Attributes:
        graph: all its objects.
        actors: the cores, in the order in which they were built.
        injections: the messages from outside, in order.
        pauses: after which injections the runtime is run to rest.
        max_attempts: failures until an actor is marked.
    """

    graph: Graph
    actors: tuple[bytes, ...]
    injections: tuple[Injection, ...]
    pauses: frozenset[int] = frozenset()
    max_attempts: int = 2


@dataclass(slots=True)
class _Builder:
    tape: Tape
    stage: Stage
    fails: bool
    asks: bool
    actors: list[bytes] = field(default_factory=list)
    contents: list[bytes] = field(default_factory=list)
    handlers: list[bytes] = field(default_factory=list)

    def content(self, *, sends: bool = True) -> bytes:
        """Add a program tree whose operands were added before."""
        plain = [self.stage.blob(b""), self.stage.blob(b"k"), self.stage.blob(b"log", ("ct", "s"))]
        codes = [self.stage.blob(PUPPET, ("ct", "s")), self.stage.blob(STAMP, ("ct", "s"))]
        groups = [self.actors, self.contents[-4:] if sends else [], plain, codes, self.handlers[-2:]]
        operands = [operand for group in groups for operand in group]
        ends = list(accumulate(map(len, groups), initial=0))
        places = [range(*pair) for pair in pairwise(ends)]
        types = ("", "", "job", "update") if sends else ("",)
        stock = Stock(places[0], places[1], places[2], places[3], places[4], types)
        ops = programs.draw_ops(self.tape, stock, fails=self.fails, asks=self.asks)
        return self.stage.program(ops, *operands)

    def core(self, number: int) -> bytes:
        """Add a core; some carry a first program, a handler, or a list of frozen paths, some run the stamp."""
        entries: dict[str, bytes] = {}
        choice = self.tape.below(12)
        if choice == 1:
            entries["frozen"] = self.stage.blob(self.tape.pick((b"", b"k\n", b"c/d\nlog\n", b"k")))
        elif choice == 2:
            handler = self.stage.program(programs.append("log", b"h") + programs.put("last", programs.CONTENT))
            entries["on"] = self.stage.tree(job=handler)
        elif choice == 3:
            entries["program"] = self.stage.blob(programs.append("log", b"g"))
        code = STAMP if self.tape.once_in(5) else PUPPET
        return self.stage.core(b"actor %d" % number, code, **entries)

    def update(self) -> bytes:
        """Add the content of an update."""
        choice = self.tape.below(6)
        if choice == 0:
            return self.stage.tree(k=self.stage.blob(b"u"))
        if choice == 1:
            return self.stage.tree(wit=self.stage.blob(STAMP, ("ct", "s")))
        if choice == 2:
            return self.stage.blob(b"no update")
        if choice == 3:
            return self.stage.tree(c=self.stage.tree(d=self.stage.blob(b"new")), log=self.stage.blob(b"u"))
        code = self.stage.blob(PUPPET if choice == 4 else b"external:absent", ("ct", "s"))
        return self.stage.program(programs.append("log", b"U"), wit_update=code)


def build(tape: Tape, fmt: Format, *, fails: bool = True, asks: bool = True, cleanups: bool = False) -> Scenario:
    """Return a scenario of up to four actors, their genesis messages and up to eight further injections.

    Args:
        tape: decisions.
        fmt: the format.
        fails: whether programs may fail or spoil their step.
        asks: whether programs may ask queries.
        cleanups: whether cleanup messages are sent.
    """
    builder = _Builder(tape, Stage(Graph(fmt)), fails, asks)
    for number in range(tape.pick((2, 3, 1, 4, 3))):
        builder.actors.append(builder.core(number))
    builder.handlers.append(builder.content(sends=False))
    for _ in range(tape.within(2, 5)):
        builder.contents.append(builder.content())
    injections = [Injection(core, _GENESIS, core) for core in builder.actors if not tape.once_in(10)]
    for _ in range(tape.within(1, 8)):
        injections.insert(_place(tape, injections), _injection(builder, cleanups=cleanups))
    pauses = frozenset(number for number in range(len(injections)) if tape.once_in(4))
    return Scenario(builder.stage.graph, tuple(builder.actors), tuple(injections), pauses, tape.within(1, 3))


def _place(tape: Tape, injections: list[Injection]) -> int:
    """Return where a message goes: mostly behind all others."""
    return tape.below(len(injections) + 1) if tape.once_in(6) else len(injections)


def _injection(builder: _Builder, *, cleanups: bool) -> Injection:
    tape = builder.tape
    to = tape.pick(builder.actors)
    mode = "signal" if tape.once_in(6) else "queue"
    choice = tape.below(12)
    if choice == 11:
        return Injection(to, (("mt", "update"),), builder.update(), mode)
    if choice == 10:
        return Injection(to, _GENESIS, to, mode)
    if choice == 9 and cleanups:
        return Injection(to, (("mt", "cleanup"),), builder.content(), mode)
    headers = (("mt", "job"),) if tape.once_in(4) else ()
    return Injection(to, headers, tape.pick(builder.contents[::-1]), mode)


def scenarios(
    fmt: Format, *, fails: bool = True, asks: bool = True, cleanups: bool = False
) -> st.SearchStrategy[Scenario]:
    """Return the strategy of scenarios of a format."""
    return from_tape(lambda tape: build(tape, fmt, fails=fails, asks=asks, cleanups=cleanups), SCENARIO_TAPE)
