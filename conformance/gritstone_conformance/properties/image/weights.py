"""Fuel by weight: what each message and each op costs on large objects, also if it fails, and with one unit less."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.image.record import parse_record
from gritstone_conformance.model.wasm.weights import tree_weight
from gritstone_conformance.properties.image.imaged import ANY, Imaged, Letter, letter
from gritstone_conformance.properties.image.registry import of_images
from gritstone_conformance.strategies.image import ops
from gritstone_conformance.strategies.image.cores import quota_text
from gritstone_conformance.strategies.image.ops import Draft
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES", "Heavy"]

_FUEL: Final = "image.fuel.exact"
_WIDE: Final = [f"name {number:03}" for number in range(60)]
_LONG: Final = ("h", "v" * 1500)


class Heavy:
    """Actors with large cores, and what is weighed.

    Attributes:
        imaged: their image.
        one: a principal, which pays.
        other: a principal that pays for changes of the quota of ``one``.
    """

    def __init__(self, imaged: Imaged) -> None:
        self.imaged = imaged
        stage, limits = imaged.stage, {"actors": 30, "fuel": 1 << 40}
        caps = ("send.*.*", "send.*.image.*", "read.*", "spawn", *(f"send.*.m{number}" for number in range(30)))
        code = {"long": stage.draft().raw(ops.delete("absent") * 300).fail().seal(), "reply": stage.draft().seal()}
        entries = {
            "big": stage.blob(b"b" * 5_000, ("h", "v")),
            "number": stage.blob(b"7", _LONG),
            "wide": self._wide(stage.empty()),
            "src": stage.tree(
                old=self._wide(stage.empty()), more=stage.empty(), often=self._wide(stage.tree(x=stage.empty()))
            ),
        }
        many = [bytes((number,)) * 32 for number in range(40)]
        entry: dict[str, str | list[bytes]] = {"run": "*", "long": "*", "many": many}
        self.one = stage.actor("heavy", entries, caps=caps, entry=entry, code=code, limits=limits)
        self.other = stage.actor("other", {"far": self._wide(stage.empty())}, entry={"run": "*"}, limits=limits)
        imaged.create(self.one, self.other)

    def _wide(self, target: bytes) -> bytes:
        return self.imaged.stage.tree(**dict.fromkeys(_WIDE, target))

    def ops(self) -> Iterator[tuple[str, Draft]]:
        """Yield programs of one or two ops, each with a name."""
        stage, text = self.imaged.stage, "t" * 3_000
        numeral, blob = stage.blob(b"5", _LONG), stage.blob(b"b" * 3_000)
        yield "put", stage.draft().put("wide/x", blob)
        yield "put-deep", stage.draft().put("/".join("p" * 90), blob)
        yield "put-below-a-blob", stage.draft().put("big/x", blob)
        yield "put-the-core", stage.draft().put("wide/x", blob).put("x", ops.CORE)
        yield "delete", stage.draft().raw(ops.delete(f"wide/{_WIDE[0]}"))
        yield "delete-nothing", stage.draft().raw(ops.delete("wide/x/y"))
        yield "write", stage.draft().write("x", text)
        yield "write-reserved", stage.draft().write("code/x", text)
        yield "append", stage.draft().raw(ops.append("big", b"y"))
        yield "append-twice", stage.draft().raw(ops.append("big", text.encode()) * 2)
        yield "append-to-nothing", stage.draft().raw(ops.append("x", text.encode()))
        yield "append-to-a-tree", stage.draft().raw(ops.append("wide", b"y"))
        yield "append-to-a-changed-tree", stage.draft().put("wide/x", blob).raw(ops.append("wide", b"y"))
        yield "expect", stage.draft().raw(ops.expect("big", b"b" * 5_000))
        yield "expect-another", stage.draft().raw(ops.expect("absent", text.encode()))
        yield "add", stage.draft().add("number", 1)
        yield "add-no-number", stage.draft().add("big", 1)
        yield "count", stage.draft().join(0xF0, "counted", numeral)
        yield "read", stage.draft().read(self.other, "far/x", "x")
        yield "read-to-a-wide-tree", stage.draft().read(self.other, "far", f"wide/{_WIDE[1]}")
        yield "read-itself", stage.draft().read(ops.ACTOR, f"wide/{_WIDE[0]}/x", "x")
        yield "read-no-actor", stage.draft().read(self._wide(blob), f"{_WIDE[0]}/x", "wide/x")
        yield "read-the-agent", stage.draft().read(self.imaged.agent, "name/x", "x")
        yield "read-no-operand", stage.draft().read(9, "far/x", "wide/x")
        yield "send-a-blob", stage.draft().join(ops.ACTOR, "many", blob)
        caps = tuple(f"send.*.m{number}" for number in range(30))
        new = stage.actor("new", owner=self.one, granter=self.one, caps=caps)
        yield "send-a-genesis", stage.draft().join(new, "genesis", new)
        yield "send-no-genesis", stage.draft().join(new, "genesis", blob)

    def messages(self) -> Iterator[tuple[str, Letter]]:
        """Yield messages of the outside, each with a name."""
        imaged, stage, one = self.imaged, self.imaged.stage, self.one
        yield "run", letter(one, "run", stage.program(ops.delete("absent") * 300))
        yield "run-of-no-program", letter(one, "run", stage.tree(program=self._wide(stage.empty())))
        yield "handler", letter(one, "long", stage.empty())
        yield "entry-table", letter(one, "many", stage.empty())
        yield "grant", letter(one, "image.grant", stage.text("spawn"))
        yield "malformed-grant", letter(one, "image.grant", stage.blob(b"x" * 3_000, _LONG))
        code = stage.draft().raw(ops.delete("absent") * 500).seal()
        yield "install", letter(one, "image.install", stage.install(job=code, twice=code))
        source = stage.tree(src=stage.tree(old=self._wide(stage.text("1")), more=self._wide(stage.empty())))
        yield "install-merged", letter(one, "image.install", source)
        pairs = stage.tree(src=stage.tree(often=self._wide(stage.tree(x=stage.text("1")))))
        yield "install-a-pair-of-trees-often", letter(one, "image.install", pairs)
        yield "install-a-core", letter(one, "image.install", imaged.core(self.other))
        yield "install-a-blob", letter(one, "image.install", stage.blob(b"x" * 3_000))
        yield "subscribe", letter(one, "image.subscribe.e", stage.empty())
        yield "revert", letter(one, "image.revert", stage.tree(core=imaged.core(one)))
        shared = self._wide(stage.blob(b"s" * 50))
        child = stage.actor("child", {"s": stage.tree(a=shared, b=shared)}, owner=one)
        yield "genesis", letter(child, "genesis", child)

    def charged(self, *letters: Letter, rule: str | None = _FUEL) -> int:
        """Run an operation that ``one`` pays and that fails in the end; return its fuel.

        It is repeated with exactly this fuel, and with one unit less.
        """
        imaged, stage = self.imaged, self.imaged.stage
        roots = (letter(self.one, "run", stage.draft().seal()), *letters)
        roots = (*roots, letter(self.one, "run", stage.draft().fail().seal()))
        ends = imaged.operate(*roots, ends=ANY, rule=rule)
        (record,) = imaged.log(imaged.seq, rule=rule)
        fuel = parse_record(record).fuel
        for limit, ends_then in ((fuel, ends), (fuel - 1, "exhausted/fuel"), (1 << 40, ends)):
            quota = stage.text(quota_text(actors=30, fuel=limit))
            imaged.operate(letter(self.other, "run", stage.draft().seal()), letter(self.one, "image.quota", quota))
            if limit <= fuel:
                imaged.operate(*roots, ends=ends_then, rule=rule)
        return fuel

    def fill_mailboxes(self) -> None:
        """Make ``one`` send to many actors, which reply."""
        imaged, stage = self.imaged, self.imaged.stage
        answer = stage.draft().reply(ops.CONTENT).seal()
        children = [stage.actor(f"c{number}", owner=self.one, entry={"run": "*"}) for number in range(20)]
        imaged.create(*children)
        draft = stage.draft()
        for child in children:
            draft.post(child, "run", answer)
        imaged.order(self.one, draft)
        imaged.run()


def weighed_ops(trial: Trial, fmt: Format) -> None:
    """Each op costs by the weight of what it reads and makes, whether it fails or not."""
    heavy = Heavy(Imaged(trial, fmt))
    for _, draft in heavy.ops():
        heavy.charged(letter(heavy.one, "run", draft.seal()))
    heavy.imaged.judge(rule=_FUEL)


def weighed_messages(trial: Trial, fmt: Format) -> None:
    """Each message costs by the weight of what its step reads and makes, whether it fails or not."""
    heavy = Heavy(Imaged(trial, fmt))
    light = [heavy.charged(each) for _, each in heavy.messages()]
    heavy.fill_mailboxes()
    full = [heavy.charged(each) for _, each in heavy.messages()]
    assert all(more > less for less, more in zip(light, full, strict=True)), "mailboxes have a weight"
    seq = heavy.imaged.seq
    heavy.imaged.order(heavy.one, heavy.imaged.stage.draft().write("x", "x" * 9_000))
    heavy.imaged.rollback(seq, rule=_FUEL)
    heavy.imaged.log(heavy.imaged.seq, rule=_FUEL)
    heavy.imaged.judge(rule=_FUEL)


def full_units(trial: Trial, fmt: Format) -> None:
    """A unit is charged for each full 1,024 bytes: nothing for one byte less."""
    imaged = Imaged(trial, fmt)
    heavy = Heavy(imaged)
    looked = tree_weight(["x"]) + tree_weight(imaged.model.shelf.names(imaged.core(heavy.one)))
    fuels = []
    for weight in (1_023, 1_024, 2_047, 2_048):
        draft = imaged.stage.draft().write("x", "d" * (weight - looked))
        fuels.append(heavy.charged(letter(heavy.one, "run", draft.seal())))
    assert [fuel - fuels[0] for fuel in fuels] == [0, 1, 2, 3], "the program of the last two weighs a unit more"


PROPERTIES: Final = (
    *of_images("fuel/ops-by-weight", weighed_ops, _FUEL),
    *of_images("fuel/messages-by-weight", weighed_messages, _FUEL),
    *of_images("fuel/full-units", full_units, _FUEL),
)
