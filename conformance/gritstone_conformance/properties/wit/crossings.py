"""Crossings of ``wit``: one step, in each state of the actor, of its core, of its mail and of what it has sent.

The rows are those of the tables ``wit/steps`` and ``wit/results``. The model determines each reply: the id of a step
stands for every byte of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from gritstone_conformance.model.formats import FORMATS
from gritstone_conformance.model.values import Headers, Message
from gritstone_conformance.properties.crossing_rows import each_row
from gritstone_conformance.properties.wit.crossed_scene import ADMISSION, RULES, Scene, head_of, id_on_side
from gritstone_conformance.properties.wit.workbench import Workbench
from gritstone_conformance.strategies import programs
from gritstone_conformance.strategies.crossings.table import Row
from gritstone_conformance.strategies.scenarios import PUPPET, STAMP
from gritstone_conformance.trial import Property, Trial

__all__ = ["PROPERTIES"]

_ABSENT: Final = b"external:absent"
_PROGRAMS: Final = {
    "append": programs.append("log", b"p"),
    "send": programs.send(programs.SENDER, 0) + programs.send(1, 0, "x"),
    "send-signal": programs.send(programs.SENDER, 0, "x", b"s"),
    "leave": programs.leave("never") + programs.append("log", b"l"),
    "try": programs.try_again(255) + programs.append("log", b"t"),
    "thaw": programs.write("k", b"changed"),
    "delete-wit": programs.delete("wit"),
    "install": programs.put("wit", 2),
}
_OWN_TYPES: Final = {
    "ordinary": "job",
    "duplicate": "job",
    "waiting": "genesis",
    "update-by-code": "update",
    "again": "genesis",
}
_TYPES: Final = {
    "empty": "",
    "255 bytes": "t" * 255,
    "65535 bytes": "t" * 65_535,
    "path": "a/b",
}
_ATTEMPTS: Final = {"1": 1, "2": 2, "255": 255, "256": 256, "2^31": 1 << 31, "2^32 - 1": (1 << 32) - 1}
_TIMES: Final = {"absent": None, "0": 0, "4000": 4_000}


def cross(trial: Trial, row: Row) -> None:
    """Make the state, ask for the step, look at it, and do what comes later."""
    bench = Workbench(trial, FORMATS[row["format"]])
    scene = _staged(bench, row)
    bench.unread(scene.message, _cursor(scene), rule="wit.channel.unread")
    made = scene.step()
    scene.look(made)
    _do_later(scene, row, made)
    bench.flush()


_PLAIN: Final = {
    "program": "append",
    "core": "plain",
    "outbox": "one",
    "handler": "none",
    "type": "own",
    "attempt": "1",
}


def propose(trial: Trial, row: Row) -> None:
    """Ask for the step of a proposal, valid or not."""
    cross(trial, {**_PLAIN, "time": "absent", "later": "next", "operation": row["kind"], **row})


def _staged(bench: Workbench, row: Row) -> Scene:
    peer = bench.stage.tree(name=bench.stage.blob(b"peer"))
    mt = _type(row)
    content, actor = _contents(bench, row, peer, mt)
    headers: Headers = () if mt is None else (("mt", mt),)
    message, cursor = _channel(bench, row, headers, content)
    mail = {peer: message}
    inbox = {} if cursor is None else {peer: cursor}
    if row["other"] != "none":
        _add_other(bench, row, mail, inbox, peer)
    head = None if row["actor"] == "unborn" else head_of(bench, actor, row["actor"], inbox, _outbox(bench, row, peer))
    return Scene(bench, actor, head, mail, message, _RULES, _ATTEMPTS[row["attempt"]], _TIMES[row["time"]])


def _type(row: Row) -> str | None:
    """Return the type of the message, or None for no header."""
    if row["type"] == "own":
        return _OWN_TYPES.get(row["operation"], row["operation"])
    return _TYPES.get(row["type"])


def _contents(bench: Workbench, row: Row, peer: bytes, mt: str | None) -> tuple[bytes, bytes]:
    """Return the content of the message and the actor, which may be the same."""
    stage, operation, program = bench.stage, row["operation"], row["program"]
    code = {"stamp": STAMP, "unresolved": _ABSENT}.get(row["core"], PUPPET)
    entries = {"k": stage.blob(b"k"), **_core_entries(bench, row, mt)}
    stamp = stage.blob(STAMP, ("ct", "s"))
    operands = {"00": stage.blob(b"said"), "01": stage.tree(to=peer), "02": stamp}
    body = {"program": stage.blob(_PROGRAMS[program]), **operands}
    if operation in ("genesis", "again", "duplicate"):
        actor = stage.core(b"a", code, **entries, **body)
        return actor, actor
    actor = stage.core(b"a", code, **entries)
    match operation:
        case "waiting":
            return stage.core(b"other", code, **body), actor
        case "update-by-code":
            return stage.tree(**body, wit_update=stage.blob(PUPPET) if row["core"] == "stamp" else stamp), actor
        case "update":
            replaced = {"thaw": {"k": peer}, "delete-wit": {"wit": peer}, "install": {"wit": stamp}}
            return stage.tree(**body, **replaced.get(program, {})), actor
        case _:
            return stage.tree(**body), actor


def _core_entries(bench: Workbench, row: Row, mt: str | None) -> dict[str, bytes]:
    stage, entries = bench.stage, {}
    match row["core"]:
        case "frozen":
            entries["frozen"] = stage.blob(b"k\n")
        case "frozen-whole":
            entries["frozen"] = stage.blob(b"k")
        case "own-update":
            entries["wit_update"] = stage.blob(STAMP)
    if row["handler"] == "none":
        return entries
    handler = {
        "program": bench.program(
            programs.append("log", b"h") + programs.send(programs.SENDER, 0), stage.blob(b"handled")
        ),
        "no-program": stage.tree(program=stage.tree(k=stage.blob(b"k"))),
        "blob": stage.blob(b"no handler"),
    }[row["handler"]]
    for name in reversed((mt or "").split("/")):
        handler = stage.tree(**{name: handler})
    return {**entries, "on": handler}


def _channel(bench: Workbench, row: Row, headers: Headers, content: bytes) -> tuple[bytes, bytes | None]:
    """Return the message and the cursor of its channel, or None."""
    asked = bench.program(programs.append("log", b"q"))
    first = bench.add(Message(None, (), asked))
    unborn = row["actor"] == "unborn"
    match row["channel"]:
        case "first":
            return bench.add(Message(None, headers, content)), None
        case "behind":
            return bench.add(Message(first, headers, content)), None
        case "behind-control":
            update = bench.add(Message(first, (("mt", "update"),), bench.stage.tree(k=asked)))
            return bench.add(Message(update, headers, content)), None if unborn else first
        case "superseded":
            bench.add(Message(first, (), asked))
            return bench.add(Message(None, headers, content)), None if unborn else first
    message = bench.add(Message(None if row["channel"] == "at-first" else first, headers, content))
    if row["channel"] == "returned":
        return message, bench.add(Message(message, (), asked))
    return message, first if row["channel"] == "read" else message


def _add_other(bench: Workbench, row: Row, mail: dict[bytes, bytes], inbox: dict[bytes, bytes], peer: bytes) -> None:
    """Add a message of another sender to the proposal."""
    other = id_on_side(bench, "other", peer, lower=row["order"] == "before")
    control = row["other"] == "control"
    ops = {"held": programs.leave("never"), "failing": programs.append("log", b"f") + programs.fail()}
    content = bench.program(
        ops.get(row["other"], programs.append("log", b"o") + programs.send(programs.SENDER, 0)), peer
    )
    mail[other] = bench.add(Message(None, (("mt", "update"),) if control else (), content))
    if row["other"] == "read":
        inbox[other] = mail[other]


def _outbox(bench: Workbench, row: Row, peer: bytes) -> dict[bytes, bytes]:
    one = bench.add(Message(None, (), bench.stage.blob(b"sent")))
    match row["outbox"]:
        case "one":
            return {peer: one}
        case "chain":
            return {peer: bench.add(Message(one, (("n", "2"),), bench.stage.blob(b"sent")))}
        case "other":
            return {bench.stage.tree(to=peer): one}
        case _:
            return {}


def _cursor(scene: Scene) -> bytes | None:
    if scene.head is None:
        return None
    shelf, sender = scene.bench.executor.shelf, next(iter(scene.mail))
    scene.bench.fill()
    return shelf.mail(shelf.step(scene.head).inbox).get(sender)


def _do_later(scene: Scene, row: Row, made: bytes | None) -> None:
    bench, peer = scene.bench, next(iter(scene.mail))
    head = scene.head if made is None else made
    match row["later"]:
        case "again":
            scene.step()
        case "next":
            behind = bench.add(Message(scene.message, (), bench.program(programs.append("log", b"n"))))
            Scene(bench, scene.actor, head, {peer: behind}, behind, _RULES).step()
        case "control":
            update = bench.add(Message(None, (("mt", "update"),), bench.stage.tree(k=peer)))
            Scene(bench, scene.actor, head, {bench.stage.tree(third=peer): update}, update, _RULES).step()
        case _ if made is not None:
            for other in dict.fromkeys((None, made)):
                bench.admit(scene.actor, other, sorted(scene.mail.items()), made, rule="wit.proposal.valid")


def alter(trial: Trial, row: Row) -> None:
    """Ask for a step whose result is altered, and for one from the same head whose result is not."""
    bench = Workbench(trial, FORMATS[row["format"]])
    stage = bench.stage
    ops = _BEFORE[row["before"]] + programs.illegal(int(row["alteration"], 16))
    code = STAMP if row["core"] == "stamp" else PUPPET
    entries = {"frozen": stage.blob(b"k\n")} if row["core"] == "frozen" else {}
    body = {"program": stage.blob(ops), "00": stage.blob(b"said")}
    genesis = row["kind"] == "genesis"
    actor = stage.core(b"a", code, **entries, **(body if genesis else {}))
    update = {"wit_update": stage.blob(PUPPET if code == STAMP else STAMP)} if row["kind"] == "update" else {}
    content = actor if genesis else stage.tree(**body, **update)
    peer = actor if row["sender"] == "itself" else stage.tree(name=stage.blob(b"peer"))
    first = bench.add(Message(None, (), bench.program(programs.append("log", b"q"))))
    previous = None if row["channel"] == "first" else first
    headers: Headers = () if row["kind"] == "ordinary" else (("mt", row["kind"]),)
    mail = {peer: bench.add(Message(previous, headers, content))}
    if row["other"] != "none":
        _add_reader(bench, row["other"], mail, peer)
    inbox = {peer: first} if row["channel"] == "read" else {}
    head = None if genesis else head_of(bench, actor, row["actor"], inbox, _sent(bench, row, peer))
    Scene(bench, actor, head, mail, mail[peer], ADMISSION).step()
    if head is not None:
        legal = bench.add(Message(previous, (), stage.tree(k=peer)))
        scene = Scene(bench, actor, head, {peer: legal}, legal, ADMISSION)
        scene.look(scene.step())
    bench.references(rule="wit.admit.trace")
    bench.flush()


_BEFORE: Final = {
    "nothing": b"",
    "send": programs.append("log", b"s") + programs.send(programs.SENDER, 0),
    "release": programs.release(programs.SENDER),
    "altered": programs.illegal(0x0F),
}


def _add_reader(bench: Workbench, word: str, mail: dict[bytes, bytes], peer: bytes) -> None:
    """Add a message of another sender, which holds or alters something too."""
    other = id_on_side(bench, "reader", peer, lower=word == "altered-lower")
    ops = {"held": programs.leave("never"), "altered-lower": programs.illegal(0x03)}.get(
        word, programs.append("log", b"o")
    )
    mail[other] = bench.add(Message(None, (), bench.program(ops)))


def _sent(bench: Workbench, row: Row, peer: bytes) -> dict[bytes, bytes]:
    one = bench.add(Message(None, (), bench.stage.blob(b"sent")))
    two = bench.add(Message(one, (), bench.stage.blob(b"sent")))
    if row["outbox"] == "lower-chain":
        return {peer: one, id_on_side(bench, "lower", peer, lower=True): two}
    return {peer: one} if row["outbox"] == "one" else {}


_RULES: Final = tuple(dict.fromkeys((*RULES, *ADMISSION)))


def _step_rules(_: Iterable[str]) -> tuple[str, ...]:
    return _RULES


def _result_rules(_: Iterable[str]) -> tuple[str, ...]:
    return (*ADMISSION, "wit.admit.trace")


PROPERTIES: Final[tuple[Property, ...]] = (
    *each_row("wit/steps", cross, _step_rules, features=("external",)),
    *each_row("wit/proposals", propose, _step_rules, features=("external",)),
    *each_row("wit/results", alter, _result_rules, features=("external",)),
)
