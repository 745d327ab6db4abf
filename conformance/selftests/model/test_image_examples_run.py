"""The worked examples of images, carried out by the model: covers, savepoints, paths, attacks, timers, budgets."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from gritstone_conformance.bundled import spec_dir
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.image import spelling as op
from gritstone_conformance.model.image.capabilities import covers, is_capability, matches
from selftests.model.image_scene import Scene

B, C = "ab" * 32, "cd" * 32


def chapter(name: str) -> str:
    return (Path(spec_dir()) / "image" / f"{name}.rst").read_text(encoding="utf-8")


def covers_table() -> list[tuple[str, str, bool]]:
    rows = re.findall(r"^``(\S+)`` +``(\S+)`` +(yes|no)$", chapter("capabilities"), re.MULTILINE)
    spelled = [(b.replace(".B", f".{B}").replace(".C", f".{C}"), a.replace(".B", f".{B}"), yes) for b, a, yes in rows]
    return [(b, a.replace(".C", f".{C}"), yes == "yes") for b, a, yes in spelled]


@pytest.mark.parametrize(("b", "a", "wanted"), covers_table())
def test_covers_is_that_of_the_table(b: str, a: str, wanted: bool) -> None:
    assert is_capability(b)
    assert is_capability(a)
    assert covers(b, a) is wanted
    assert covers(b, b)


def test_table_of_covers_was_read() -> None:
    assert len(covers_table()) == 15


@pytest.mark.parametrize(
    "text", ["", "spawn.", "read.B", f"send.{B}", f"send.{B}.", f"send.{B}.A", f"send.{B}.a*b", "send.*"]
)
def test_texts_that_are_no_capabilities(text: str) -> None:
    assert not is_capability(text)
    assert not covers("send.*.*", text)
    assert not covers(text, text)


@pytest.mark.parametrize(
    ("name", "mt", "wanted"),
    [
        ("*", "pay", True),
        ("*", "image.grant", False),
        ("image*", "image.grant", False),
        ("image.*", "image.grant", True),
    ],
)
def test_names_match_kernel_types_only_from_within(name: str, mt: str, wanted: bool) -> None:
    assert matches(name, mt) is wanted


Steps = list[Any]


def parse_tree(text: str, people: dict[str, bytes]) -> tuple[bytes, Steps]:
    """Return the receiver and the steps of an example such as ``A{x=1 join B{y=1 !}}``."""
    words = re.findall(r"[a-z]=\d+|join|save|post|[A-D](?=\{)|!|\{|\}", text)
    at = 0

    def block() -> tuple[bytes, Steps]:
        nonlocal at
        actor, at = people[words[at]], at + 2
        steps: Steps = []
        while words[at] != "}":
            word = words[at]
            at += 1
            if word in ("join", "save", "post"):
                steps.append((word, *block()))
            elif word == "!":
                steps.append(op.fail())
            else:
                steps.append(op.write(word[0], word[2:].encode()))
        at += 1
        return actor, steps

    return block()


def trees() -> list[tuple[str, str]]:
    rows = re.findall(r"   \* - ``(.*)``\n     - (.*)", chapter("examples"))
    return [(program, result) for program, result in rows if program.startswith("A{")]


def expected(result: str) -> dict[tuple[str, str], bytes]:
    """Return actor and entry to the data that a result names."""
    found: dict[tuple[str, str], bytes] = {}
    named = ""
    for actor, name, value in re.findall(r"\b([A-D])\b|``([a-z])`` (\d+)", result):
        named = actor or named
        if name:
            found[named, name] = value.encode()
    return found


@pytest.mark.parametrize(("program", "result"), trees())
def test_savepoint_tree_has_the_result_of_the_table(fmt: Format, program: str, result: str) -> None:
    scene = Scene(fmt)
    people = scene.people("ABCD")
    actor, steps = parse_tree(program, people)
    outcome = scene.request(actor, "run", scene.play(steps))
    assert (outcome is None) == result.startswith("committed")
    if "at rest" in result:
        assert all(scene.data(each, "w") is None for each in people.values())
    scene.rest()
    shown = {
        (name, entry): scene.data(each, entry)
        for name, each in people.items()
        for entry in "fwxyz"
        if scene.data(each, entry) is not None
    }
    assert shown == expected(result)
    assert scene.judge(at_rest=True).findings == []


def test_table_of_savepoints_was_read() -> None:
    assert len(trees()) == 11


def paths(label: str) -> list[str]:
    line = next(line for line in chapter("examples").splitlines() if line.startswith(f"   {label} "))
    return ["" if word == "(empty)" else word for word in line.split()[1:]]


@pytest.mark.parametrize("path", paths("written"))
def test_put_writes_paths_that_are_not_reserved(fmt: Format, path: str) -> None:
    scene = Scene(fmt)
    a = scene.people("A")["A"]
    assert scene.run(a, op.put(path, 0), o00=scene.blob(b"1")) is None
    assert path.split("/", maxsplit=1)[0] in scene.names(a)


@pytest.mark.parametrize("outcome", ["rejected/location", "malformed/program"])
def test_put_refuses_other_paths(fmt: Format, outcome: str) -> None:
    scene = Scene(fmt)
    a = scene.people("A")["A"]
    listed = paths(outcome)
    assert len(listed) > 5
    assert {path: scene.run(a, op.put(path, 0), o00=scene.blob(b"1")) for path in listed} == dict.fromkeys(
        listed, outcome
    )


class Attack:
    """The attack of the examples; a test changes one part of it."""

    def __init__(self, fmt: Format) -> None:
        self.scene = scene = Scene(fmt)
        self.owner = scene.core("P")
        scene.born(self.owner)
        self.spending: list[bytes] = [op.write("x", b"1")]
        self.attacking: list[bytes] = []
        self.caps, self.admits, self.mt = True, True, "spend"

    def outcome(self, content: Sequence[bytes] = ()) -> str | None:
        scene = self.scene
        a = scene.core("A", self.owner)
        admitted = {self.mt: a.hex()} if self.admits else {}
        self.b = scene.core("B", self.owner, code={"spend": scene.program(*self.spending)}, entry=admitted)
        scene.born(a, self.b)
        if self.caps:
            assert scene.request(a, "image.grant", scene.text(f"send.{self.b.hex()}.{self.mt}")) is None
        self.a = a
        self.before = {actor: scene.names(actor) for actor in (a, self.b, self.owner)}
        inner = scene.program(*content)
        sending = op.send(0, "join", self.mt, 1)
        return scene.run(a, op.write("y", b"1"), *self.attacking, sending, o00=self.b, o01=inner)


def test_attack_without_change_commits(fmt: Format) -> None:
    attack = Attack(fmt)
    assert attack.outcome() is None
    assert (attack.scene.data(attack.a, "y"), attack.scene.data(attack.b, "x")) == (b"1", b"1")


def _language(attack: Attack) -> None:
    attack.mt = "run"


def _location(attack: Attack) -> None:
    attack.attacking = [op.write("code/spend", b"")]


def _invocation(attack: Attack) -> None:
    attack.admits = False


def _capability(attack: Attack) -> None:
    attack.caps = False


def _rollback(attack: Attack) -> None:
    attack.spending.append(op.fail())


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        (_language, "malformed/program"),
        (_location, "rejected/location"),
        (_invocation, "rejected/entry"),
        (_capability, "rejected/capability"),
        (_rollback, "rejected/failed"),
    ],
)
def test_each_axis_stops_the_attack_alone(fmt: Format, change: Callable[[Attack], None], outcome: str) -> None:
    attack = Attack(fmt)
    change(attack)
    assert attack.outcome([b"Q"] if attack.mt == "run" else []) == outcome
    assert {actor: attack.scene.names(actor) for actor in attack.before} == attack.before
    assert attack.scene.judge().findings == []


def test_budget_is_spent_twice_of_three(fmt: Format) -> None:
    scene = Scene(fmt)
    a = scene.core("A", code={"buy": scene.program(op.count("n", "-"))}, more={"n": scene.text("500")})
    scene.born(a)
    price = scene.text("200")
    assert [scene.request(a, "buy", price) for _ in range(3)] == [None, None, "rejected/range"]
    assert scene.data(a, "n") == b"100"


def test_timers_fire_in_the_order_of_the_example(fmt: Format) -> None:
    scene = Scene(fmt)
    a = scene.core("A", code={name: scene.program(op.append("log", name.encode())) for name in "pqrs"})
    scene.born(a)

    def timers(*texts: str) -> None:
        operands = {f"o{number:02x}": scene.text(text) for number, text in enumerate(texts)}
        sends = [op.send(op.ACTOR, "join", "image.timer", number) for number in range(len(texts))]
        assert scene.run(a, *sends, **operands) is None

    timers("100 p", "50 q")
    timers("50 r", "0 s")
    scene.rest()
    assert scene.data(a, "log") == b"s"
    scene.image.clock(99)
    assert scene.image.run(100) == ("rest", 2)
    scene.image.clock(100)
    scene.rest()
    assert scene.data(a, "log") == b"sqrp"
    assert "timers" not in scene.image.runtime.shelf.names(scene.names(a)["image"])
    assert scene.judge(at_rest=True).findings == []


def test_timer_that_is_not_due_stays(fmt: Format) -> None:
    scene = Scene(fmt)
    a = scene.core("A", code={"t": scene.program(op.add("n", 1))})
    scene.born(a)
    assert scene.run(a, op.send(op.ACTOR, "join", "image.timer", 0), o00=scene.text("50 t")) is None
    scene.image.clock(49)
    assert scene.image.run(10) == ("rest", 0)
    scene.image.clock(50)
    assert scene.image.run(10) == ("rest", 1)
    assert scene.image.run(10) == ("rest", 0)
    assert scene.data(a, "n") == b"1"


def test_posts_run_in_the_order_of_the_example(fmt: Format) -> None:
    scene = Scene(fmt)
    cores = sorted(scene.open_core(name) for name in "ABCD")
    scene.born(*cores)
    a, b, c, d = cores
    note = scene.blob(b"")

    def post(sender: bytes, *receivers: bytes) -> Any:
        inner = [("post", to, [op.append("log", bytes([65 + cores.index(sender)]))]) for to in receivers]
        return scene.play(inner)

    assert scene.request(d, "run", post(d, a)) is None
    assert scene.requests((a, "run", post(a, d, c)), (b, "run", post(b, c))) is None
    order = []
    while (root := scene.image.state.next_root()) is not None:
        assert not hasattr(root, "handle")
        order.append((root.sender, root.target))
        scene.image.run(1)
    assert order == [(d, a), (a, c), (a, d), (b, c)]
    assert note in scene.store.objects


def test_fuel_of_the_example_is_spent_to_the_unit(fmt: Format) -> None:
    scene = Scene(fmt)
    a = scene.open_core("A", quota={"fuel": 10})
    scene.born(a)
    ops = [("save", a, [op.spin(3)]), op.spin(3)]
    assert scene.request(a, "run", scene.play(ops)) == "exhausted/fuel"
    records, _ = scene.image.log(2, 1)
    assert b"\nfuel 7\n" in records[0]
