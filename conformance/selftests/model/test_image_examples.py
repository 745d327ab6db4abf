"""The golden image of the spec, built object by object from the text of its chapters, without a model of operations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import pytest

from gritstone_conformance.bundled import spec_dir
from gritstone_conformance.model.formats import FORMATS, Format
from gritstone_conformance.model.values import Blob, Mailbox, Message, Object, Step, Tree

CHAPTERS: Final = ("examples", "record", "actors")
QUOTA: Final = "actors 10\nbytes 1000000\nfuel 100000\nposts 1000\nsubs 100\ntimers 100\n"
SPENDS: Final = bytes.fromhex("6101780000000000000002" + "73f06a0b696d6167652e74696d657200")
"""``add x 2; send F0 j image.timer 00``."""
TICKS: Final = bytes.fromhex("6101780000000000000028")
"""``add x 40``."""
FUELS: Final = (0, 1, 1, 1, 0, 4, 2, 0, 2, 1)

Id = bytes


def golden() -> dict[tuple[str, str], str]:
    """Map format and label of each line ``<label> <64 digits>`` of the chapters to the digits."""
    found = {}
    for chapter in CHAPTERS:
        fmt = ""
        for line in (Path(spec_dir()) / "image" / f"{chapter}.rst").read_text(encoding="utf-8").splitlines():
            named = re.match(r"   (framed-sha256|cbor-blake3)\b(.*)", line)
            fmt = named[1] if named else fmt
            value = re.fullmatch(r" +(.*?) +([0-9a-f]{64})", named[2] if named else line)
            if value and fmt:
                found[fmt, value[1]] = value[2]
    return found


GOLDEN: Final = golden()


class Golden:
    """An image whose steps are written by hand: the objects, the references, and what the chapters list."""

    def __init__(self, fmt: Format) -> None:
        """Make operation 0."""
        self.fmt = fmt
        self.ids: dict[str, Id] = {}
        self.agent = self.tree({"name": self.text("test")})
        genesis = self.message(None, {"mt": "genesis"}, self.agent)
        self.inbox = {self.agent: genesis}
        head = self.step(None, self.agent, self.inbox, {}, self.agent)
        self.code = self.text("external:image-kernel/1")
        first = self.text("image-op 1\nseq 0\nclock 0\nfuel 0\noutcome genesis\n")
        self.kernel = self.tree({"op": first, "wit": self.code})
        sent = self.message(None, {"mt": "genesis"}, self.kernel)
        self.outbox = {self.kernel: sent}
        self.heads = {
            self.agent: self.step(head, self.agent, self.inbox, self.outbox, self.agent),
            self.kernel: self.step(None, self.kernel, {self.agent: sent}, {}, self.kernel),
        }
        self.gone: dict[Id, Id] = {}
        self.seq = 0
        self.ids |= {"R, step 2": self.heads[self.agent], "K, step 1": self.heads[self.kernel]}
        self.ids["world 0"] = self.world()

    def put(self, value: Object) -> Id:
        """Return the id of an object."""
        return self.fmt.hash(self.fmt.encode(value))

    def text(self, data: str) -> Id:
        """Return the id of a text blob."""
        return self.put(Blob((("ct", "s"),), data.encode()))

    def tree(self, entries: Mapping[str, Id]) -> Id:
        """Return the id of a tree."""
        return self.put(Tree(tuple(sorted(entries.items()))))

    def message(self, previous: Id | None, headers: Mapping[str, str], content: Id) -> Id:
        """Return the id of a message."""
        return self.put(Message(previous, tuple(sorted(headers.items())), content))

    def mailbox(self, entries: Mapping[Id, Id]) -> Id | None:
        """Return the id of a mailbox, or None for an empty one."""
        return self.put(Mailbox(tuple(sorted(entries.items())))) if entries else None

    def step(self, previous: Id | None, actor: Id, inbox: Mapping[Id, Id], outbox: Mapping[Id, Id], core: Id) -> Id:
        """Return the id of a step."""
        return self.put(Step(previous, actor, self.mailbox(inbox), self.mailbox(outbox), core))

    def world(self) -> Id:
        """Return the root of the world."""
        lines = [f"heads/{actor.hex()} {step.hex()}\n" for actor, step in self.heads.items()]
        lines += [f"gone/{actor.hex()} {step.hex()}\n" for actor, step in self.gone.items()]
        return self.text("".join(sorted(lines)))

    def send(self, actor: Id, headers: Mapping[str, str], content: Id) -> Id:
        """Send a message of R, and return it."""
        sent = self.message(self.outbox.get(actor), headers, content)
        self.outbox[actor] = sent
        return sent

    def operation(self, clock: int, outcome: str, root: tuple[Id, Id] | None, moves: Iterable[Id] = ()) -> None:
        """Make the record, the steps of R and K, and the references of one operation."""
        self.seq += 1
        lines = ["image-op 1", f"seq {self.seq}", f"clock {clock}"]
        steps = list(moves)
        if root is not None:
            lines.append(f"root {self.agent.hex()} {root[0].hex()} {root[1].hex()}")
        lines += [f"fuel {FUELS[self.seq]}", f"outcome {outcome}"]
        if root is not None:
            before = self.heads.get(root[0])
            lines.append(f"head {root[0].hex()} {before.hex() if before else '-'} {steps[-1].hex()}")
            self.heads[root[0]] = steps[-1]
            if self.seq == 9:
                lines.append(f"gone {root[0].hex()}")
                self.gone[root[0]] = self.heads.pop(root[0])
        record = self.text("\n".join(lines) + "\n")
        read = self.send(self.kernel, {"mt": "image.op"}, record)
        core = self.tree({"op": record, "wit": self.code})
        self.heads[self.kernel] = self.step(self.heads[self.kernel], self.kernel, {self.agent: read}, {}, core)
        self.heads[self.agent] = self.step(self.heads[self.agent], self.agent, self.inbox, self.outbox, self.agent)
        self.ids |= {f"record {self.seq}": record, f"world {self.seq}": self.world()}


class Actor:
    """The actor A of the golden image: its core as a map, and its steps."""

    def __init__(self, image: Golden) -> None:
        """Make the first core."""
        code = image.text("external:image/1")
        self.image = image
        self.entries = {"wit": code, "wit_query": code, "n": image.text("1")}
        self.rights = {"owner": image.text("self"), "quota": image.text(QUOTA)}
        self.id = self.core()
        self.steps: list[Id] = []
        self.inbox: dict[Id, Id] = {}
        self.outbox: dict[Id, Id] = {}

    def core(self) -> Id:
        """Return the id of the core."""
        return self.image.tree(self.entries | {"image": self.image.tree(self.rights)})

    def reads(self, sender: Id, message: Id) -> Id:
        """Make the step that reads a message, and return it."""
        self.inbox[sender] = message
        before = self.steps[-1] if self.steps else None
        self.steps.append(self.image.step(before, self.id, self.inbox, self.outbox, self.core()))
        return self.steps[-1]


def begin(image: Golden, actor: Actor) -> None:
    """Make the operations 1 to 4: genesis, two grants, of which the second fails, and the clock."""
    sent = image.send(actor.id, {"mt": "genesis"}, actor.id)
    image.operation(0, "committed", (actor.id, sent), [actor.reads(image.agent, sent)])
    sent = image.send(actor.id, {"mt": "image.grant"}, image.text("spawn"))
    actor.rights["caps"] = image.tree({"spawn": image.text(image.agent.hex())})
    image.operation(0, "committed", (actor.id, sent), [actor.reads(image.agent, sent)])
    sent = image.send(actor.id, {"mt": "image.grant"}, image.text("send.*"))
    image.operation(0, "failed malformed/capability", (actor.id, sent), [actor.reads(image.agent, sent)])
    image.operation(1000, "committed", None)


def go_on(image: Golden, actor: Actor) -> None:
    """Make the operations 5 to 9: a timer, an install, the clock, the timer fires, and the end of the actor."""
    delay = image.text("50 tick")
    sent = image.send(actor.id, {"mt": "run"}, image.tree({"program": image.put(Blob((), SPENDS)), "00": delay}))
    timer = image.message(None, {"mt": "image.timer", "op": "join"}, delay)
    actor.entries["x"] = image.put(Blob((), b"2"))
    actor.outbox[actor.id] = timer
    ran = actor.reads(image.agent, sent)
    actor.rights["timers"] = image.tree({timer.hex(): image.text("1050 5 0 tick")})
    image.operation(1000, "committed", (actor.id, sent), [ran, actor.reads(actor.id, timer)])
    code = image.tree({"tick": image.tree({"program": image.put(Blob((), TICKS))})})
    sent = image.send(actor.id, {"mt": "image.install"}, image.tree({"code": code}))
    actor.entries["code"] = code
    image.operation(1000, "committed", (actor.id, sent), [actor.reads(image.agent, sent)])
    image.operation(1050, "committed", None)
    sent = image.send(actor.id, {"mt": "tick", "timer": timer.hex()}, image.put(Blob((), b"")))
    del actor.rights["timers"]
    actor.entries["x"] = image.put(Blob((), b"42"))
    image.operation(1050, "committed", (actor.id, sent), [actor.reads(image.agent, sent)])
    sent = image.send(actor.id, {"mt": "image.destroy"}, image.put(Blob((), b"")))
    image.operation(1050, "committed", (actor.id, sent), [actor.reads(image.agent, sent)])


@pytest.mark.parametrize("name", FORMATS)
def test_golden_image_has_the_ids_of_the_chapters(name: str) -> None:
    image = Golden(FORMATS[name])
    actor = Actor(image)
    begin(image, actor)
    go_on(image, actor)
    listed = {label: value for (fmt, label), value in GOLDEN.items() if fmt == name}
    steps = {label.split(",")[0]: value for label, value in listed.items() if re.match(r"step [1-8]\b", label)}
    assert steps == {f"step {place}": step.hex() for place, step in enumerate(actor.steps, start=1)}
    assert listed["A"] == actor.id.hex()
    assert {label: listed[label] for label in image.ids} == {label: value.hex() for label, value in image.ids.items()}
    assert sum(label.startswith(("world ", "record ")) for label in image.ids) == 19
