"""Queries ask a step and change nothing; a wut has one form, and the OpenAPI document follows from it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.queries import PUPPET_WUT
from gritstone_conformance.model.refusals import ok
from gritstone_conformance.model.values import Blob, Message, to_base64
from gritstone_conformance.model.wuts import canonical
from gritstone_conformance.properties.wit.registry import in_each_format, tape
from gritstone_conformance.properties.wit.workbench import Workbench
from gritstone_conformance.replies import Json
from gritstone_conformance.strategies import programs
from gritstone_conformance.strategies.scenarios import PUPPET
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_PATHS: Final = ("", "wit", "name", "c", "c/d", "c/d/e", "no", "no/such", "/", "c/", "..", "c//d", "a" * 256, "\x00")
_TEXTS: Final = (
    "",
    "a",
    "A-z_.~0",
    "a b",
    'q"\\',
    "\n\t\b\f\r\x01\x1f",
    "/%",
    "\u007f",
    "\u00e9",
    "\ue000",
    "\U0001f600",
)


def answers(trial: Trial, fmt: Format) -> None:
    """A query is answered with an object, with none, or with a refusal; the code is that of the step asked."""
    bench = Workbench(trial, fmt)
    rule = "wit.query.answers"
    actor = bench.born(b"a", c=bench.stage.tree(d=bench.stage.blob(b"d", ("ct", "b"))))
    first = actor.head
    assert first is not None
    actor.tell(bench.program(programs.write("c/d", b"new") + programs.delete("wit_query")))
    actor.tell(bench.stage.tree(wit_query=bench.stage.blob(b"external:puppet-stamp/1")), "update")
    second, third = actor.value.previous, actor.head
    assert second is not None
    assert third is not None
    for step in (first, second, third):
        for path in _PATHS:
            bench.query(step, "get", path.encode(), rule=rule)
        for name in ("wut", "step", "fail", "echo", "nobody", "", "GET", "wut ", "\u00e9", "a" * 300):
            bench.query(step, name, b"\x00any bytes\xff", rule=rule)
    bench.query(first, "get", b"\xff", rule=rule)
    for wrong in (fmt.hash(b"absent"), actor.identity, bench.stage.blob(b"x")):
        bench.query(wrong, "step", rule=rule)
    bench.flush()
    for answer in (b"", b"any bytes"):
        made = bench.query(first, "echo", answer, rule=rule)
        assert made is not None
        bench.flush()
        trial.expect("grit.get", {"store": "s", "id": made.hex()}, ok(bytes=to_base64(fmt.encode(Blob((), answer)))))


def of_other_kinds(trial: Trial, fmt: Format) -> None:
    """A query whose code finds a message, a mailbox or a step has failed; next to them, a blob is an answer."""
    bench = Workbench(trial, fmt)
    actor = bench.born()
    message = bench.add(Message(None, (), bench.outside))
    box = bench.box((bench.outside, message))
    assert actor.head is not None
    assert box is not None
    code = bench.stage.blob(PUPPET)
    others = {"m": message, "o": box, "s": actor.head}
    core = bench.stage.tree(b=code, t=bench.outside, wit_query=code, **others)
    step = bench.add(replace(actor.value, core=core))
    for path in ("b", "t", *others):
        bench.query(step, "get", path.encode(), rule="wit.query.kind")
    bench.flush()


def pure(trial: Trial, fmt: Format, tape: Tape) -> None:
    """A query changes no reference, whatever it answers and whether or not it fails."""
    bench = Workbench(trial, fmt)
    rule = "wit.query.pure"
    actor = bench.born()
    assert actor.head is not None
    bench.holds(actor.head)
    bench.references(rule=rule)
    for _ in range(tape.within(1, 6)):
        name = tape.pick(("get", "step", "echo", "wut", "fail", "nobody"))
        bench.query(actor.head, name, tape.pick((b"", b"wit", b"no", b"/")), rule="wit.query.answers")
        bench.references(rule=rule)
    bench.flush()
    bench.pair.export(rule=rule)


def puppet_wut(trial: Trial, fmt: Format) -> None:
    """The wut of an actor is a blob with the header ``ct: j`` and the canonical JSON of a wut."""
    bench = Workbench(trial, fmt)
    for code in (b"external:puppet/1", b"external:puppet-stamp/1"):
        actor = bench.born(code, code)
        assert actor.head is not None
        answer = bench.query(actor.head, "wut", rule="wit.wut.form")
        assert answer is not None
        bench.flush()
        wanted = to_base64(fmt.encode(Blob((("ct", "j"),), PUPPET_WUT)))
        trial.expect("grit.get", {"store": "s", "id": answer.hex()}, ok(bytes=wanted), rule="wit.wut.form")
    bench.openapi(bytes(31) + b"\x01", PUPPET_WUT, rule="wit.wut.openapi")
    bench.flush()


def documents(trial: Trial, fmt: Format, tape: Tape) -> None:
    """The OpenAPI document follows from any wut and actor, byte for byte; what is no wut is invalid."""
    bench = Workbench(trial, fmt)
    rule = "wit.wut.openapi"
    wut = _wut(tape)
    data = canonical(wut)
    bench.openapi(tape.take(31) + b"\x01", data, rule=rule)
    for wrong in (_spoilt(tape, wut), _respelt(tape, data), _respelt(tape, data)):
        bench.openapi(bytes(31) + b"\x01", wrong, rule=rule)
    bench.flush()


def _wut(tape: Tape) -> dict[str, Json]:
    messages = {
        _text(tape, ("", "job")): _member(tape, "content", ("blob", "tree", "any")) for _ in range(tape.below(4))
    }
    queries = {
        _text(tape, ("q",)): {**_member(tape, "args", ("blob", "none")), "returns": tape.pick(("blob", "tree", "any"))}
        for _ in range(tape.below(4))
    }
    queries.pop("", None)
    return {"wut": 1, "name": tape.pick(_TEXTS), "messages": messages, "queries": queries}


def _text(tape: Tape, more: tuple[str, ...]) -> str:
    text = tape.pick((*more, "a b", "a/b", "\u00e9", "%41", "a" * 40, "\U0001f600", "\ue000", "~-_."))
    return text + tape.pick(("", "2"))


def _member(tape: Tape, takes: str, types: tuple[str, ...]) -> dict[str, Json]:
    member: dict[str, Json] = {takes: tape.pick(types)}
    if member[takes] == "blob" and tape.below(2):
        member["schema"] = tape.pick((True, False, {}, _schema(tape)))
    if tape.below(3) == 0:
        member["summary"] = tape.pick(_TEXTS)
    return member


def _schema(tape: Tape) -> dict[str, Json]:
    numbers = (0, -1, 9007199254740991, -9007199254740991)
    names = {name: {"minimum": tape.pick(numbers)} for name in _TEXTS[: tape.within(1, len(_TEXTS))]}
    return {"type": ["object", None, True], "properties": names}


def _spoilt(tape: Tape, wut: dict[str, Json]) -> bytes:
    """Return the canonical JSON of what is no wut, or of another wut."""
    changed: Any = dict(wut)
    word = tape.below(9)
    if word == 0:
        changed["wut"] = tape.pick((2, True, "1", 0))
    elif word == 1:
        changed["more"] = 1
    elif word == 2:
        del changed[tape.pick(sorted(changed))]
    elif word == 3:
        changed["name"] = 1
    elif word == 4:
        changed["queries"] = {"": {"args": "none", "returns": "any"}}
    elif word == 5:
        changed["messages"] = {
            "m": tape.pick(({"content": "none"}, {}, {"content": "str"}, {"content": "any", "x": 1}))
        }
    elif word == 6:
        changed["messages"] = {"m": {"content": tape.pick(("any", "tree")), "schema": True}}
    elif word == 7:
        changed["queries"] = {"q": tape.pick(({"args": "none"}, {"args": "any", "returns": "any"}, {"returns": "any"}))}
    else:
        changed["messages"] = {"m": {"content": "blob", "schema": tape.pick((1, "x", [], None, {"n": 1 << 53}))}}
    return canonical(changed)


def _respelt(tape: Tape, data: bytes) -> bytes:
    """Return the bytes in another spelling, or spoilt."""
    at = tape.below(len(data))
    choices = (
        data + b"\n",
        b" " + data,
        data.replace(b":", b": ", 1),
        data[:-1],
        data.replace(b'"wut":1', b'"wut":1.0'),
        data.replace(b'"wut":1', b'"wut":1e0'),
        data.replace(b'"wut":1', b'"wut":1,"wut":1'),
        data.replace(b'"name"', b'"n\\u0061me"'),
        data.replace(b'{"messages"', b'{"name":"x","messages"'),
        b"\xef\xbb\xbf" + data,
        data[:at] + bytes((data[at] ^ 0x20,)) + data[at + 1 :],
        data.replace(b'"wut":1', b'"wut":-0'),
        b"",
        b"null",
    )
    return tape.pick(choices)


PROPERTIES: Final = (
    *in_each_format("wit/query/answers", answers, "wit.query.answers"),
    *in_each_format("wit/query/of-other-kinds", of_other_kinds, "wit.query.kind"),
    *in_each_format(
        "wit/query/pure",
        pure,
        "wit.query.pure",
        "wit.query.answers",
        reach={"wit.query accepted": 0.35},
        given=tape(24),
        examples=13,
    ),
    *in_each_format("wit/wut/puppet", puppet_wut, "wit.wut.form", "wit.wut.openapi"),
    *in_each_format("wit/wut/openapi", documents, "wit.wut.openapi", given=tape(120), features=(), examples=39),
)
