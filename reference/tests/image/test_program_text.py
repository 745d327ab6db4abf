"""Programs of images as text, as a builder, and as bytes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gritstone.errors import Malformed, Missing
from gritstone.grit.formats import FORMATS, FRAMED_SHA256, Format
from gritstone.grit.memory import MemoryEngine
from gritstone.grit.objects import Blob, Tree
from gritstone.grit.store import Store
from gritstone.image import Actor, LineDefect, Place, Program
from gritstone.image.programs import OPERANDS
from gritstone.image.spelling import OPS, Op
from gritstone.image.values import store_value
from gritstone.wit.objects import Objects
from gritstone.wit.workspace import Workspace

_ID = b"\x25" * 32
_TEXT = f"""\
add x 2
count budget -
write a/b "hé\\n"
append l hex:ff00
delete a/b
put p "hello"
expect x ""
read {_ID.hex()} x "y z"
send {_ID.hex()} save pay content
send self post later core
timer 50 tick
emit spent sender
reply empty
spin 10
fail
fail no-money
"""


def fresh(format_: Format = FRAMED_SHA256) -> Workspace:
    store = Store.open(MemoryEngine(), format_)
    return Workspace(Objects(store.format, store.limits, store.get))


def test_a_text_is_printed_as_it_was_read() -> None:
    assert str(Program.parse(_TEXT)) == _TEXT


def test_the_builder_makes_the_program_of_the_text() -> None:
    built = (
        Program()
        .add("x", 2)
        .count("budget", "-")
        .write("a/b", "hé\n")
        .append("l", b"\xff\x00")
        .delete("a/b")
        .put("p", "hello")
        .expect("x", "")
        .read_core(_ID, "x", "y z")
        .send(Actor(_ID), "pay", Place.CONTENT, mode="save")
        .send(Place.SELF, "later", Place.CORE, mode="post")
        .timer(50, "tick")
        .emit("spent", Place.SENDER)
        .reply()
        .spin(10)
        .fail()
        .fail("no-money")
    )
    assert built == Program.parse(_TEXT)


def test_comments_and_blank_lines_are_ignored() -> None:
    assert Program.parse("# a comment\n\n  add  x\t2\r\n") == Program().add("x", 2)


def test_names_stand_for_what_the_caller_passes() -> None:
    core = {"n": "1"}
    program = Program.parse("send @shop join buy @book", {"shop": Actor(_ID), "book": core})
    assert program == Program().send(_ID, "buy", core)


def test_the_table_is_that_of_the_specification() -> None:
    listed = json.loads((Path(__file__).parents[3] / "spec/image/ops.json").read_text())["ops"]
    kinds = {"amount": "i64", "units": "u32", "mt": "text", "reason": "text"}
    ours = {(name, f"{byte:02x}"): [kinds.get(one, one) for one in operands] for name, (byte, operands) in OPS.items()}
    assert ours == {(one["name"], one["byte"]): one["operands"] for one in listed}
    assert {byte for byte, _ in OPS.values()} == set(OPERANDS)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("add x", "wrong number of operands: expected add PATH AMOUNT"),
        ("foo", "unknown operation"),
        ("fail-with x", "unknown operation"),
        ("add x two", "not a number"),
        ("add x 9223372036854775808", "the number is out of range"),
        ("spin 4294967296", "the units are out of range"),
        ("spin -1", "not a number"),
        ('write x "a', "a quotation mark is not closed"),
        ('write x "a"b', "a quotation mark is not closed, or is followed by text"),
        ("write x a", "no data"),
        ("write x hex:f", "no data"),
        ('put x "\\ud800"', "not a JSON string"),
        ("send self often x empty", "invalid mode"),
        ("send self join UPPER empty", "invalid type"),
        ("fail No", "invalid reason"),
        (f"fail {'x' * 33}", "invalid reason"),
        ("count x *", "invalid sign"),
        ("add a//b 1", "invalid path"),
        ("add . 1", "invalid path"),
        (f"add {'x' * 256} 1", "invalid path"),
        ("timer 5", "wrong number of operands: expected timer DELAY MT"),
        ("timer soon tick", "invalid timer"),
        ("emit spent", "wrong number of operands: expected emit EVENT REF"),
        ("put x thing", "invalid ref"),
        ("put x @absent", "unknown name"),
    ],
)
def test_a_defect_has_its_line_and_reason(line: str, reason: str) -> None:
    with pytest.raises(LineDefect) as caught:
        Program.parse(f"# first\nadd x 1\n{line}\nadd x 1\n")
    assert caught.value.line == 3
    assert caught.value.code == "program"
    assert caught.value.message.startswith(reason)
    assert str(caught.value).startswith(f"line 3: {reason}")


def test_the_builder_rejects_what_no_program_has() -> None:
    with pytest.raises(Malformed):
        Program().add("a//b", 1)
    with pytest.raises(Malformed):
        Program().send(_ID, "pay", mode="maybe")
    with pytest.raises(ValueError, match="32 bytes"):
        Program().put("x", b"short").store(fresh().put)


def test_more_than_240_operands_are_rejected() -> None:
    program = Program(Op("put", ("x", str(number))) for number in range(240))
    program.store(fresh().put)
    with pytest.raises(Malformed, match="240 operands"):
        program.put("x", "another").store(fresh().put)


def test_equal_operands_are_one() -> None:
    workspace = fresh()
    root = Program().put("x", "a").put("y", "a").store(workspace.put)
    tree = workspace.tree(root)
    assert tree is not None
    assert tree.entries.keys() == {"program", "00"}


def test_a_program_with_an_absent_operand_is_missing() -> None:
    workspace = fresh()
    root = workspace.put(Tree({"program": workspace.put(Blob({}, b"P\x01x\x00"))}))
    with pytest.raises(Missing, match="operand"):
        Program.read(workspace, root)


def test_a_tree_has_no_text() -> None:
    with pytest.raises(TypeError, match="no text"):
        str(Program().put("x", {"a": "b"}))


_NAMES = st.from_regex(r"[a-z ]{1,4}", fullmatch=True)
_PATHS = st.lists(_NAMES, min_size=1, max_size=3).map("/".join)
_REFS = st.one_of(st.sampled_from(Place), st.text(max_size=5), st.none(), st.just(_ID))
_MTS = st.from_regex(r"[a-z0-9_.-]{1,12}", fullmatch=True)
_KINDS = {
    "path": _PATHS,
    "ref": _REFS,
    "data": st.binary(max_size=6),
    "amount": st.integers(-(2**63), 2**63 - 1),
    "units": st.integers(0, 2**32 - 1),
    "sign": st.sampled_from("+-"),
    "mode": st.sampled_from(["join", "save", "post"]),
    "mt": _MTS,
    "reason": st.from_regex(r"[a-z0-9-]{1,32}", fullmatch=True),
}
_OPS = st.sampled_from(sorted(OPS)).flatmap(
    lambda name: st.tuples(*(_KINDS[kind] for kind in OPS[name][1])).map(lambda operands: Op(name, operands))
)


@given(st.lists(_OPS, max_size=8))
@settings(max_examples=200, derandomize=True, deadline=None, database=None)
def test_each_program_survives_its_text(ops: list[Op]) -> None:
    program = Program(ops)
    assert Program.parse(str(program)) == program


@pytest.mark.parametrize("name", sorted(FORMATS))
@given(ops=st.lists(_OPS, max_size=8))
@settings(max_examples=100, derandomize=True, deadline=None, database=None)
def test_each_program_survives_its_bytes(name: str, ops: list[Op]) -> None:
    workspace = fresh(FORMATS[name])
    tree = workspace.put(Tree({"a": workspace.put(Blob({}, b""))}))
    program = Program(Op(op.name, tuple(tree if one == _ID else one for one in op.operands)) for op in ops)
    assert Program.read(workspace, program.store(workspace.put)) == program


class Cents(int):
    def __str__(self) -> str:
        return f"{int(self) / 100:.2f}"

    __repr__ = __str__


def test_number_of_a_subclass_is_the_number() -> None:
    program = Program().add("money", Cents(1250)).put("a", Cents(7)).timer(Cents(50), "x").spin(Cents(3))
    assert program == Program().add("money", 1250).put("a", 7).timer(50, "x").spin(3)
    assert str(program) == 'add money 1250\nput a "7"\ntimer 50 x\nspin 3\n'
    objects: list[object] = []
    store_value(Cents(1250), lambda one: objects.append(one) or _ID)  # type: ignore[func-returns-value]
    assert objects == [Blob({"ct": "s"}, b"1250")]
