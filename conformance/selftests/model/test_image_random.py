"""Random images of the model: the fold is the world, a restart changes nothing, and the audit accepts what was made."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gritstone_conformance.model.formats import FORMATS, Format
from gritstone_conformance.model.image import spelling as op
from gritstone_conformance.model.image.state import State
from gritstone_conformance.model.image.world import World
from gritstone_conformance.model.refusals import Refusal
from gritstone_conformance.model.shelf import Shelf
from selftests.model.image_scene import Scene

NAMES = "ABCD"
WORDS = ("x", "y", "a/b", "image/caps/spawn", "code/run")
KERNEL = (
    *("image.grant", "image.revoke", "image.entry", "image.subscribe.e", "image.unsubscribe.e", "image.emit.e"),
    *("image.timer", "image.cancel", "image.destroy", "image.quota"),
)
TEXTS = ("spawn", "read.*", "send.*.*", "run\n*", "run\n-", "t\n*", "0 t", "7 t", "9 failed", "", "1")

ops = st.one_of(
    st.builds(op.write, st.sampled_from(WORDS), st.sampled_from([b"", b"1", b"22"])),
    st.builds(op.add, st.sampled_from(("x", "n")), st.integers(-3, 9)),
    st.builds(op.count, st.just("n"), st.sampled_from("+-")),
    st.builds(op.append, st.just("log"), st.just(b".")),
    st.builds(op.delete, st.sampled_from(WORDS)),
    st.builds(op.expect, st.just("x"), st.sampled_from([b"1", b"2"])),
    st.builds(op.spin, st.sampled_from([0, 5, 40])),
    st.builds(op.reply, st.sampled_from([op.CONTENT, op.ACTOR, op.CORE])),
    st.builds(op.fail_with, st.sampled_from(("no", "out-of-stock"))),
    st.just(op.fail()),
)
modes = st.sampled_from(("join", "save", "post"))
steps = st.recursive(
    st.lists(ops, max_size=2),
    lambda inner: st.lists(
        st.one_of(
            ops, st.tuples(modes, st.sampled_from(NAMES), inner), st.tuples(st.just("read"), st.sampled_from(NAMES))
        ),
        max_size=4,
    ),
    max_leaves=6,
)
letters = st.tuples(
    st.sampled_from(NAMES), modes, st.sampled_from((*KERNEL, "t", "genesis", "on.e")), st.sampled_from(TEXTS)
)
moves = st.one_of(
    st.tuples(st.just("run"), st.sampled_from(NAMES), steps),
    st.tuples(st.just("send"), st.sampled_from(NAMES), st.lists(letters, min_size=1, max_size=3)),
    st.tuples(st.just("kernel"), st.sampled_from(NAMES), st.sampled_from(KERNEL), st.sampled_from(TEXTS)),
    st.tuples(st.just("inject"), st.sampled_from(NAMES), st.sampled_from(("t", "run"))),
    st.tuples(st.just("spawn"), st.sampled_from(NAMES), st.sampled_from(("spawn", "send.*.*", "nonsense"))),
    st.tuples(st.just("many"), st.lists(st.tuples(st.sampled_from(NAMES), steps), min_size=2, max_size=4)),
    st.tuples(st.just("install"), st.sampled_from((*NAMES, "R")), st.sampled_from(NAMES), st.booleans()),
    st.tuples(st.just("headers"), st.sampled_from(NAMES), st.sampled_from(("expect", "key", "op", "other"))),
    st.tuples(st.just("clock"), st.integers(0, 20)),
    st.tuples(st.just("rest"), st.integers(1, 5)),
    st.tuples(st.just("back"), st.integers(0, 8)),
)


class Player:
    """A scene with four principals, on which moves are made."""

    def __init__(self, fmt: Format) -> None:
        self.scene = scene = Scene(fmt)
        handler = scene.program(op.add("t", 1))
        quota = {"fuel": 60, "posts": 4, "bytes": 2000, "timers": 2, "subs": 2, "actors": 1}
        parts: Any = {"code": {"t": handler, "on.e": handler}, "entry": {"t": "*"}, "quota": quota}
        cores: Any = {name: {key: dict(value) for key, value in parts.items()} for name in NAMES}
        a, b = (scene.open_core(name, **cores[name]) for name in "AB")
        rights = {
            f"send.{a.hex()}.*": a.hex(),
            f"read.{b.hex()}": a.hex(),
            "send.*.t": b.hex(),
            "send.*.image.e*": b.hex(),
        }
        c = scene.core("C", a, caps=rights, entry={"run": a.hex()}, code=cores["C"]["code"])
        d = scene.core("D", b, caps=dict.fromkeys((f"send.{c.hex()}.*", "spawn"), b.hex()), code=cores["D"]["code"])
        self.people = dict(zip(NAMES, (a, b, c, d), strict=True))
        scene.born(*self.people.values())
        self.spawned = 0

    def make(self, move: tuple[Any, ...]) -> None:
        """Make one move; a refusal is one, too."""
        kind, *rest = move
        doing: Callable[..., None] = getattr(self, f"_{kind}")
        with contextlib.suppress(Refusal):
            doing(*rest)

    def _named(self, listed: list[Any]) -> list[Any]:
        """Return steps with actors in the place of names."""
        return [
            (each[0], self.people[each[1]], *map(self._named, each[2:])) if isinstance(each, tuple) else each
            for each in listed
        ]

    def _run(self, name: str, listed: list[Any]) -> None:
        self.scene.request(self.people[name], "run", self.scene.play(self._named(listed)))

    def _send(self, name: str, listed: list[tuple[str, str, str, str]]) -> None:
        scene, sends = self.scene, []
        operands: dict[str, bytes] = {}
        for number, (to, mode, mt, text) in enumerate(listed):
            receiver = self.people[to]
            operands |= {f"o{2 * number:02x}": receiver, f"o{2 * number + 1:02x}": self._content(receiver, mt, text)}
            sends.append(op.send(2 * number, mode, mt, 2 * number + 1))
        scene.run(self.people[name], *sends, **operands)

    def _content(self, receiver: bytes, mt: str, text: str) -> bytes:
        if mt == "genesis":
            return receiver
        return self.scene.text(text) if text else self.scene.blob()

    def _kernel(self, name: str, mt: str, text: str) -> None:
        self.scene.request(self.people[name], mt, self._content(self.people[name], mt, text))

    def _inject(self, name: str, mt: str) -> None:
        content = self.scene.program(op.append("log", b"R"))
        self.scene.image.inject(self.people[name], (("mt", mt),), content, "queue")

    def _spawn(self, name: str, cap: str) -> None:
        scene, creator = self.scene, self.people[name]
        self.spawned += 1
        child = scene.core(f"child {self.spawned}", creator, caps={cap: creator.hex()})
        again = [op.send(0, "join", "genesis", 0), op.send(0, "join", "t", 1), op.read(0, "name", "seen")]
        scene.run(creator, *again[:2], *again[2:][: self.spawned % 2], o00=child, o01=scene.blob())

    def _many(self, listed: list[tuple[str, list[Any]]]) -> None:
        self.scene.requests(*((self.people[to], "run", self.scene.play(self._named(each))) for to, each in listed))

    def _install(self, sender: str, target: str, is_right: bool) -> None:
        scene = self.scene
        content = scene.tree({"code": scene.tree({"t": scene.program(op.add("u", 1) if is_right else b"Q")})})
        if sender == "R":
            scene.request(self.people[target], "image.install", content)
        else:
            sends = op.send(0, "join", "image.install", 1), op.send(0, "join", "t", 1)
            scene.run(self.people[sender], *sends, o00=self.people[target], o01=content)

    def _headers(self, name: str, key: str) -> None:
        core = self.scene.image.state.view().core(self.people[name]) or b""
        if key == "key":
            content = self.scene.program(op.add("k", 1))
            self.scene.image.request([(self.people[name], (("mt", "run"),), content)], f"key-{name}")
        else:
            self.scene.request(self.people[name], "t", self.scene.blob(), **{key: core.hex()})

    def _clock(self, now_ms: int) -> None:
        self.scene.image.clock(now_ms)

    def _rest(self, most: int) -> None:
        self.scene.image.run(most)

    def _back(self, to: int) -> None:
        self.scene.image.rollback(to)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(listed=st.lists(moves, max_size=14), name=st.sampled_from(sorted(FORMATS)))
def test_any_run_is_legal_and_equals_its_fold(listed: list[Any], name: str) -> None:
    player = Player(FORMATS[name])
    image = player.scene.image
    for move in listed:
        player.make(move)
    references = player.scene.store.references
    live = image.state
    assert live.world == World.of(references)
    folded = State.load(Shelf.over(player.scene.store), references, live.agent, live.kernel)
    assert folded.world == live.world
    assert (folded.seq, folded.clock) == (live.seq, live.clock)
    assert _nonzero(folded) == _nonzero(live)
    assert folded.next_root() == live.next_root()
    assert image.world(None, None, 4096)[1] == image.world(live.seq, None, 4096)[1]
    assert live.left == set()
    verdict = player.scene.judge()
    assert verdict.findings == []
    failed_births = sum(1 for words in verdict.unverified if "is not in the bundle" in words)
    assert verdict.operations.unverified == failed_births == len(verdict.unverified)


def _nonzero(state: State) -> dict[bytes, object]:
    return {principal: usage for principal, usage in state.books.totals.items() if any(usage)}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(listed=st.lists(moves, max_size=10))
def test_run_to_rest_ends_at_rest_with_nothing_lost(listed: list[Any]) -> None:
    player = Player(FORMATS["framed-sha256"])
    for move in listed:
        player.make(move)
    player.scene.rest()
    assert player.scene.judge(at_rest=True).findings == []


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(listed=st.lists(moves, min_size=1, max_size=10))
def test_earlier_worlds_stay_as_they_were(listed: list[Any]) -> None:
    player = Player(FORMATS["framed-sha256"])
    image, seen = player.scene.image, {}
    for move in listed:
        player.make(move)
        seen[image.state.seq] = image.state.world.root(FORMATS["framed-sha256"])
    assert {seq: image.world(seq, None, 1)[1] for seq in seen} == seen


@pytest.mark.parametrize("fmt_name", sorted(FORMATS))
def test_equal_requests_make_equal_worlds(fmt_name: str) -> None:
    fmt = FORMATS[fmt_name]
    listed: list[Any] = [
        ("run", "A", [("join", "B", [op.add("x", 1)]), ("save", "C", [op.fail()])]),
        ("spawn", "A", "spawn"),
        ("clock", 5),
        ("rest", 5),
    ]
    players = [Player(fmt), Player(fmt)]
    for player in players:
        for move in listed:
            player.make(move)
    assert len({player.scene.image.state.world.root(fmt) for player in players}) == 1
