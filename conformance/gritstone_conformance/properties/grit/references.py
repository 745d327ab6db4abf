"""References: names, targets, compare-and-swap, and what readers see."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.store import Change
from gritstone_conformance.model.values import Blob, Mailbox, Message, Step, Tree
from gritstone_conformance.properties.grit import draws
from gritstone_conformance.properties.grit.pair import Pair, open_durable, open_memory
from gritstone_conformance.properties.grit.pruning import fill
from gritstone_conformance.properties.grit.registry import each_format
from gritstone_conformance.strategies import objects, texts
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Asked, Trial

__all__ = ["PROPERTIES", "blobs"]


def blobs(pair: Pair, count: int, *, mark: bytes = b"") -> list[bytes]:
    """Put so many different blobs; returns their ids."""
    encodings = [pair.model.format.encode(Blob((), mark + number.to_bytes(3))) for number in range(count)]
    pair.expect(*(pair.put(data) for data in encodings))
    return [pair.model.format.hash(data) for data in encodings]


def names_in_grammar(trial: Trial, fmt: Format, tape: Tape) -> None:
    """Any name outside the grammar is refused with ``invalid`` and touches nothing; every name within is accepted."""
    pair = open_memory(trial, fmt)
    (target,) = blobs(pair, 1)
    requests: list[Asked] = []
    for _ in range(5):
        good, bad = texts.reference(tape), texts.bad_reference(tape)
        requests += [pair.point(good, target), pair.cas(Change(bad, None, target)), pair.cas(Change(bad, None, None))]
        requests += [pair.cas(Change("tags/with", None, target), Change(bad, None, target)), pair.refs()]
    pair.expect(*requests)


def like_a_map(trial: Trial, fmt: Format, tape: Tape) -> None:
    """An update makes all its changes if every reference has its expected target, and none if one has not."""
    pair = open_memory(trial, fmt)
    targets: list[bytes | None] = [None, *blobs(pair, 3)]
    names = ["tags/a", "tags/b", "x/c"]
    requests: list[Asked] = []
    for _ in range(12):
        changes = []
        for name in names[: tape.within(1, 3)]:
            held = pair.model.references.get(name)
            old = held if tape.below(4) else tape.pick(targets)
            changes.append(Change(name, old, old if tape.once_in(6) else tape.pick(targets)))
        rule = "grit.ref.atomic" if len(changes) > 1 else "grit.ref.cas"
        requests += [pair.cas(*changes, rule="grit.ref.cas"), pair.refs(rule=rule)]
    pair.expect(*requests, pair.cas())


def only_checked(trial: Trial, fmt: Format, tape: Tape) -> None:
    """A change whose expected and new targets are equal is only checked, without a look at the target."""
    pair = open_memory(trial, fmt)
    first, second = blobs(pair, 2)
    absent = objects.identity(tape)
    pair.expect(pair.point("tags/a", first))
    checks = [("tags/a", first), ("tags/b", None), ("tags/a", absent), ("tags/b", first), ("tags/a", second)]
    requests = [pair.cas(Change(name, target, target)) for name, target in [*checks, ("tags/a", None)]]
    pair.expect(pair.refs(), *requests, pair.refs())


def targets_of_each_space(trial: Trial, fmt: Format, tape: Tape) -> None:
    """A new target is present and of the kind that its space wants: a step of that actor, a mailbox of one, a tree."""
    pair = open_memory(trial, fmt)
    graph, absent = _one_of_each(fmt, tape), objects.identity(tape)
    pair.expect(*(pair.put(data) for data in graph.encodings.values()))
    trees = graph.of_kind("tree")
    spaces = [*(f"heads/{tree.hex()}" for tree in trees), f"failed/{trees[0].hex()}", "actors/a", "runtime/agent"]
    requests: list[Asked] = []
    for name in (*spaces, "tags/t", "closed/c", f"gone/{trees[0].hex()}"):
        for target in (*graph.values, absent):
            requests += [pair.cas(Change(name, None, target))]
            if name in pair.model.references:
                requests += [pair.cas(Change(name, old, target), rule="grit.ref.cas") for old in (None, absent)]
                requests += [pair.cas(Change(name, target, None))]
    pair.expect(*requests, pair.refs())


def erased_targets(trial: Trial, fmt: Format, tape: Tape) -> None:
    """A new target that was erased is ``missing`` with the code ``erased``."""
    pair = open_memory(trial, fmt)
    kept, erased = blobs(pair, 2, mark=tape.take(1))
    pair.expect(pair.point("tags/a", kept), pair.erase(erased), pair.cas(Change("tags/b", None, erased)), pair.refs())
    pair.expect(pair.erase(kept), pair.cas(Change("tags/a", kept, kept)), pair.cas(Change("tags/b", None, kept)))
    pair.expect(pair.cas(Change("tags/a", kept, None)), pair.cas(Change("tags/a", None, kept)), pair.refs())


def _one_of_each(fmt: Format, tape: Tape) -> Graph:
    graph = Graph(fmt)
    blob = graph.add(objects.build(tape, fmt.name, "blob"))
    tree, second = graph.add(Tree((("a", blob),))), graph.add(Tree((("b", blob),)))
    message = graph.add(Message(None, (), blob))
    graph.add(Mailbox(((tree, message),)))
    graph.add(Mailbox(((tree, message), (second, message))))
    graph.add(Step(None, tree, None, None, second))
    return graph


def named_twice(trial: Trial, fmt: Format, tape: Tape) -> None:
    """An update in which a name occurs twice is ``invalid`` and changes nothing, also if the changes are equal."""
    pair = open_memory(trial, fmt)
    first, second = blobs(pair, 2)
    name, other = texts.reference(tape), "tags/other"
    once = Change(name, None, first)
    requests = [pair.cas(once, once), pair.refs(), pair.cas(once, Change(name, None, second)), pair.refs()]
    requests += [pair.cas(Change(name, None, first), Change(other, None, second)), pair.refs()]
    again = Change(name, first, first)
    requests += [pair.cas(again, again), pair.cas(again, Change(name, first, second)), pair.refs()]
    requests += [pair.cas(Change(other, second, None), again, Change(other, second, first)), pair.refs()]
    pair.expect(*requests)


def pages(trial: Trial, fmt: Format, tape: Tape) -> None:
    """A list of references has the names with the prefix, after the given one, ascending, up to the limit."""
    pair = open_memory(trial, fmt)
    (target,) = blobs(pair, 1)
    names = {texts.reference(tape) for _ in range(6)} | {"a/a", "a/a-b", "a/a.b", "a/a0", "a-b/a", "a0/a", "b/a"}
    requests = [pair.cas(*(Change(name, None, target) for name in sorted(names)), rule="grit.ref.cas")]
    for _ in range(8):
        prefix = tape.pick(("", "a", "a/", "a/a", "tags/", "z", "A", "a/a-", "\u00e9", "a/a.b.c"))
        after = tape.pick((None, "a", "a-", "tags/", "zzzz", "", "\u00e9", "a/a.a", *sorted(names)))
        named = [name for name in names if name.startswith(prefix)]
        listed = [name for name in named if after is None or name > after]
        limit = tape.pick((1, 2, 3, 4096, len(names), max(1, len(listed))))
        trial.reach("prefix leaves some out", 0 < len(named) < len(names))
        trial.reach("after is a name with the prefix", after in named)
        trial.reach("after leaves some out", 0 < len(listed) < len(named))
        trial.reach("limit leaves some out", limit < len(listed))
        trial.reach("limit is the number", limit == len(listed))
        requests.append(pair.refs(prefix, after, limit))
    pair.expect(*requests)


def fresh_elsewhere(trial: Trial, fmt: Format) -> None:
    """Once an update was answered, every other handle sees the references as they are then."""
    first = open_durable(trial, fmt, "s")
    second = first.beside("t")
    second.expect(second.refs())
    targets = blobs(first, 3)
    for number, target in enumerate((*targets, None)):
        writer, reader = (first, second) if number % 2 == 0 else (second, first)
        writer.expect(writer.point("tags/a", target), reader.refs())


def fresh_after_an_import(trial: Trial, fmt: Format, graph: Graph) -> None:
    """Once an import was answered, every other handle sees the references as they are then, and exports them."""
    first = open_durable(trial, fmt, "s")
    second = first.beside("t")
    second.expect(second.refs())
    first.expect(*first.take(graph.bundle(), rule="grit.bundle.bytes"), second.refs())
    second.export()
    first.expect(*(first.point(name, None) for name in graph.references), second.refs())
    second.export()


def fresh_for_a_prune(trial: Trial, fmt: Format, graph: Graph) -> None:
    """A prune on another handle keeps and removes what the references lead to as they are then."""
    first = open_durable(trial, fmt, "s")
    second = first.beside("t")
    second.expect(second.prune())
    fill(first, graph)
    second.expect(second.prune())
    first.expect(*(first.point(name, None) for name in graph.references), second.prune(), second.refs())


PROPERTIES: Final = (
    *each_format("ref/two-handles", fresh_elsewhere, "grit.ref.fresh", features=("durable",)),
    *each_format("ref/names", names_in_grammar, "grit.ref.grammar", given=draws.tape(160), examples=24),
    *each_format(
        "ref/like-a-map",
        like_a_map,
        "grit.ref.cas",
        "grit.ref.atomic",
        reach={"grit.cas refused": 0.48},
        given=draws.tape(128),
        examples=24,
    ),
    *each_format("ref/only-checked", only_checked, "grit.ref.cas", given=draws.tape(1), examples=5),
    *each_format("ref/targets", targets_of_each_space, "grit.ref.target", given=draws.tape(64), examples=8),
    *each_format(
        *("ref/erased-targets", erased_targets, "grit.ref.target"),
        given=draws.tape(1),
        features=("erase",),
        examples=3,
    ),
    *each_format("ref/named-twice", named_twice, "grit.ref.duplicate", given=draws.tape(24), examples=12),
    *each_format(
        *("ref/pages", pages, "grit.ref.list", "grit.ref.cas"),
        reach={
            "prefix leaves some out": 0.5,
            "after is a name with the prefix": 0.3,
            "after leaves some out": 0.3,
            "limit leaves some out": 0.2,
            "limit is the number": 0.15,
        },
        given=draws.tape(160),
        examples=15,
    ),
    *each_format(
        *("ref/two-handles-imported", fresh_after_an_import, "grit.ref.fresh", "grit.bundle.bytes"),
        given=draws.graph(4),
        features=("durable",),
        examples=6,
    ),
    *each_format(
        *("ref/two-handles-pruned", fresh_for_a_prune, "grit.ref.fresh"),
        given=draws.graph(4),
        features=("durable",),
        examples=3,
    ),
)
