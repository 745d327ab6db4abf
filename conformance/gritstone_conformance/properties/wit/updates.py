"""Updates, frozen cores and cleanup: how code is replaced, what may not be, and how a past is let go."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.store import Change
from gritstone_conformance.model.values import Tree
from gritstone_conformance.properties.wit.registry import in_each_format, tape
from gritstone_conformance.properties.wit.workbench import Workbench
from gritstone_conformance.strategies import programs
from gritstone_conformance.strategies.scenarios import PUPPET, STAMP, Stage
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_NAMES: Final = ("a", "b", "c", "d e", "wit")


def _entries(stage: Stage, tape: Tape, depth: int) -> dict[str, bytes]:
    """Return the entries of a random tree: blobs, some with headers, and trees."""
    entries: dict[str, bytes] = {}
    for _ in range(tape.within(1, 4)):
        name = tape.pick(_NAMES)
        if depth and tape.below(2):
            entries[name] = stage.graph.add(Tree(tuple(_entries(stage, tape, depth - 1).items())))
        else:
            headers = (("ct", tape.pick(("s", "b"))),) if tape.below(2) else ()
            entries[name] = stage.blob(b"%d" % tape.below(4), *headers)
    return entries


def merges(trial: Trial, fmt: Format, tape: Tape) -> None:
    """A default update merges trees at every depth, puts what it has in place of all else, and removes nothing."""
    bench = Workbench(trial, fmt)
    trees = [bench.add(Tree(tuple(_entries(bench.stage, tape, 3).items()))) for _ in range(2)]
    for rule in ("wit.update.merge", "wit.update.keep", "wit.update.replace"):
        bench.merge(trees[0], trees[1], rule=rule)
    merged = bench.merge(*trees[::-1], rule="wit.update.merge")
    assert merged is not None
    bench.merge(merged, merged, rule="wit.update.keep")
    blob = bench.stage.blob(b"no tree")
    bench.merge(blob, trees[0], rule="wit.update.merge-refused")
    bench.merge(trees[0], blob, rule="wit.update.merge-refused")
    bench.merge(fmt.hash(b"absent"), trees[0], rule="wit.update.merge-refused")
    actor = bench.born(b"a", x=trees[0])
    actor.tell(bench.stage.tree(x=trees[1]), "update", rule="wit.update.merge")
    actor.tell(bench.stage.graph.add(Tree(tuple(_entries(bench.stage, tape, 2).items()))), "update")
    bench.flush()


def shapes(trial: Trial, fmt: Format) -> None:
    """Blob over tree and tree over blob replace; blobs are replaced whole, with their headers; all else stays."""
    bench = Workbench(trial, fmt)
    stage = bench.stage
    old = {"blob": stage.blob(b"b", ("ct", "s")), "tree": stage.tree(x=stage.blob(b"x"), y=stage.blob(b"y"))}
    new = {
        "blob": {"blob": stage.blob(b"n"), "tree": stage.tree(z=stage.blob(b"z"))},
        "tree": {"blob": stage.blob(b"n", ("k", "v")), "tree": stage.tree(x=stage.tree(deep=stage.blob(b"d")))},
    }
    kept = bench.born(b"kept", blob=old["blob"], deep=stage.tree(tree=old["tree"], x=old["blob"]))
    kept.tell(stage.tree(other=old["blob"]), "update", rule="wit.update.keep")
    kept.tell(stage.tree(deep=stage.tree(tree=stage.tree(new=old["blob"]))), "update", rule="wit.update.keep")
    for before, choices in new.items():
        for after, update in choices.items():
            rule = "wit.update.merge" if before == after else "wit.update.replace"
            actor = bench.born(f"{before} {after}".encode(), keep=old["tree"], it=old[before])
            actor.tell(stage.tree(it=update), "update", rule=rule)
            actor.tell(bench.program(programs.append("log", b"!")), rule="wit.update.keep")
    bench.flush()


def shared(trial: Trial, fmt: Format) -> None:
    """A tree that occurs twice, in the core or in the update, is merged in each place with what is there."""
    rule = "wit.update.merge"
    bench = Workbench(trial, fmt)
    stage = bench.stage
    leaves = [stage.blob(b"%d" % number) for number in range(4)]
    old = [stage.tree(x=leaves[0]), stage.tree(x=leaves[1], y=leaves[1])]
    new = [stage.tree(x=leaves[2]), stage.tree(x=leaves[3], z=leaves[3])]
    core = {"a": old[0], "b": old[1], "c": old[0], "d": stage.tree(a=old[1], b=new[0])}
    update = {"a": new[0], "b": new[0], "c": new[1], "d": stage.tree(a=new[0], b=old[0])}
    bench.merge(stage.tree(**core), stage.tree(**update), rule=rule)
    actor = bench.born(b"a", **core)
    actor.tell(stage.tree(**update), "update", rule=rule)
    bench.flush()


def by_code(trial: Trial, fmt: Format) -> None:
    """``wit_update`` in the content makes the step alone; in the core it means nothing, and ``wit`` never runs."""
    bench = Workbench(trial, fmt)
    stamp, puppet = (bench.stage.blob(code, ("ct", "s")) for code in (STAMP, PUPPET))
    extra = bench.stage.blob(b"extra")
    actor = bench.born()
    for code in (puppet, stamp):
        content = bench.program(programs.append("log", b"u"), wit_update=code, extra=extra)
        actor.tell(content, "update", rule="wit.update.code")
    handled = bench.born(b"h", on=bench.stage.tree(update=bench.program(programs.append("log", b"handler"))))
    handled.tell(bench.program(programs.append("log", b"u"), wit_update=puppet), "update", rule="wit.update.code")
    handled.tell(bench.stage.tree(k=extra), "update", rule="wit.update.no-wit")
    before = actor.head
    held = bench.program(programs.leave("never") + programs.append("log", b"u"), wit_update=puppet)
    assert actor.tell(held, "update", rule="wit.update.code") == before
    own = bench.born(b"own", wit_update=stamp)
    own.tell(bench.stage.tree(k=extra), "update", rule="wit.update.not-own")
    own.tell(bench.program(programs.append("log", b"o")), rule="wit.update.not-own")
    stamped = bench.born(b"stamped", STAMP)
    stamped.tell(bench.stage.tree(k=extra), "update", rule="wit.update.no-wit")
    stamped.tell(bench.program(b""), rule="wit.update.no-wit")
    bench.flush()


def failing_code(trial: Trial, fmt: Format) -> None:
    """Code of an update fails as other code does; how often it is tried is for the runtime."""
    bench = Workbench(trial, fmt)
    actor = bench.born()
    head = actor.head
    puppet, absent = bench.stage.blob(PUPPET), bench.stage.blob(b"external:absent")
    for content in (
        bench.program(programs.fail(), wit_update=puppet),
        bench.program(b"", wit_update=absent),
        bench.program(b"", wit_update=bench.stage.tree(x=puppet)),
        bench.program(programs.illegal(0x01), wit_update=puppet),
        bench.program(programs.delete("wit"), wit_update=puppet),
        bench.program(programs.append("log", b"good"), wit_update=puppet),
    ):
        message = actor.send(content, "update", signal=True)
        bench.step(actor.identity, head, [(bench.outside, message)], rule="wit.update.code")
    bench.flush()


def refusals(trial: Trial, fmt: Format) -> None:
    """A refused update is answered by the step that only reads."""
    bench = Workbench(trial, fmt)
    stage, rule = bench.stage, "wit.update.refused"
    puppet = stage.blob(PUPPET, ("ct", "s"))
    actor = bench.born(b"a", keep=puppet)
    actor.tell(bench.program(programs.send(programs.SENDER, 0), puppet))  # so that there is an outbox to keep
    for content in (stage.blob(b"blob"), stage.tree(wit=stage.tree(x=puppet)), stage.tree(k=puppet)):
        actor.tell(content, "update", rule=rule)
    for number, lines in enumerate((b"", b"k\n", b"k", b"a/b\nk\n", b"\n", b"k\n\n", b"\xff\n")):
        frozen = bench.born(b"f%d" % number, frozen=stage.blob(lines), k=puppet, a=stage.tree(b=puppet))
        updates = (
            stage.tree(k=stage.blob(b"new")),
            stage.tree(k=puppet),
            stage.tree(a=stage.tree(b=stage.blob(b"new"))),
            stage.tree(a=stage.tree(c=puppet)),
            stage.tree(a=stage.blob(b"over")),
            stage.tree(free=stage.blob(b"new")),
            stage.tree(wit=stage.blob(STAMP)),
            stage.tree(wit_query=stage.blob(STAMP)),
            stage.tree(frozen=stage.blob(b"other\n")),
        )
        for content in updates:
            frozen.tell(content, "update", rule="wit.frozen.kept")
        code = bench.program(programs.append("log", b"u"), wit_update=puppet)
        frozen.tell(code, "update", rule="wit.frozen.code")
        frozen.tell(bench.program(b""), "update", rule="wit.frozen.kept")
    bench.flush()


def frozen(trial: Trial, fmt: Format, tape: Tape) -> None:
    """Frozen paths keep their ids, or stay absent, in every step of any maker; all others may change."""
    bench = Workbench(trial, fmt)
    stage = bench.stage
    lines = tape.pick(
        (b"", b"k\n", b"c/d\n", b"k\nc\n", b"no\n", b"k", b"c/d/e\nno/such\n", b"n o\n", b"a//b\n", b"..\n")
    )
    list_node = stage.tree(x=stage.blob(lines)) if tape.once_in(8) else stage.blob(lines)
    entries = {"k": stage.blob(b"k"), "c": stage.tree(d=stage.blob(b"d")), "log": stage.blob(b"")}
    first = {"program": stage.blob(programs.write(tape.pick(("k", "z")), b"!"))} if tape.once_in(3) else {}
    actor = bench.born(b"f", frozen=list_node, **entries, **first)
    if actor.head is None:
        actor = bench.born(b"g", frozen=list_node, **entries)
    for _ in range(tape.within(1, 6)):
        path = tape.pick(("k", "c/d", "c/e", "log", "no", "no/such", "c", "n o", "frozen", "wit_query", "wit_update"))
        ops = tape.pick((programs.write(path, b"k"), programs.delete(path), programs.write(path, b"d")))
        tips = dict(actor.tips)
        before = actor.head
        actor.tell(bench.program(ops), rule="wit.frozen.kept")
        if actor.head == before:
            actor.tips = tips
    actor.tell(bench.program(b""), rule="wit.frozen.kept")
    thawing = bench.born(b"t", k=stage.blob(b"k"))
    thawing.tell(bench.program(programs.write("frozen", b"k\n") + programs.write("k", b"free")), rule="wit.frozen.kept")
    thawing.tell(bench.program(programs.write("k", b"bound")), rule="wit.frozen.kept")
    bench.flush()


def cleanup(trial: Trial, fmt: Format) -> None:
    """The step that reads a cleanup has no previous, every other one has; then a prune frees the old chain."""
    bench = Workbench(trial, fmt)
    rule = "wit.cleanup.cut"
    actor = bench.born()
    for number in range(3):
        actor.tell(bench.program(programs.write("k", b"%d" % number)))
    old = actor.head
    actor.tell(bench.program(programs.append("log", b"cut")), "cleanup", rule=rule)
    assert actor.head is not None
    bench.admit(actor.identity, old, [(bench.outside, actor.tips[bench.outside])], actor.head, rule=rule)
    assert old is not None
    bench.flush()
    pair, name = bench.pair, f"heads/{actor.identity.hex()}"
    pair.expect(pair.cas(Change(name, None, old)), pair.cas(Change(name, old, actor.head)))
    trial.expect("grit.prune", {"store": pair.handle, "pins": []}, {"ok": {"removed": {"$": "any"}}}, rule=rule)
    pair.model.prune()
    pair.expect(pair.get(old, rule=rule), pair.get(actor.head, rule=rule))
    pair.export(rule=rule)
    again = Workbench(trial, fmt, "t")
    other = again.born(b"b")
    held = again.program(programs.leave("k"))
    before = other.head
    assert other.tell(held, "cleanup", rule=rule) == before
    other.tips.clear()
    other.tell(again.program(programs.illegal(0x01)), "cleanup", rule="wit.admit.previous")
    again.flush()


PROPERTIES: Final = (
    *in_each_format(
        *("wit/update/merges", merges),
        *("wit.update.merge", "wit.update.keep", "wit.update.replace", "wit.update.merge-refused"),
        given=tape(120),
        examples=32,
    ),
    *in_each_format("wit/update/shapes", shapes, "wit.update.replace", "wit.update.merge", "wit.update.keep"),
    *in_each_format("wit/update/shared", shared, "wit.update.merge"),
    *in_each_format("wit/update/code", by_code, "wit.update.code", "wit.update.not-own", "wit.update.no-wit"),
    *in_each_format("wit/update/failing-code", failing_code, "wit.update.code"),
    *in_each_format("wit/update/refused", refusals, "wit.update.refused", "wit.frozen.kept", "wit.frozen.code"),
    *in_each_format("wit/frozen/kept", frozen, "wit.frozen.kept", given=tape(40), examples=32),
    *in_each_format("wit/cleanup/cut", cleanup, "wit.cleanup.cut", "wit.admit.previous"),
)
