"""Operations of images, killed before and after each durable write: the image is a world between two operations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.refusals import Refusal, ok
from gritstone_conformance.model.store import Change
from gritstone_conformance.model.values import to_base64
from gritstone_conformance.properties.image.imaged import Imaged, Letter, letter
from gritstone_conformance.properties.image.registry import of_images
from gritstone_conformance.properties.runtime.free_schedule_fixture import FreeScheduleFixture, StoreOptions
from gritstone_conformance.properties.runtime.judging import StoreFacts, check_export, export
from gritstone_conformance.properties.runtime.kills import NEVER
from gritstone_conformance.properties.runtime.lockstep import MOST_STEPS
from gritstone_conformance.replies import Json
from gritstone_conformance.strategies.image.ops import ACTOR
from gritstone_conformance.trial import Property, SubjectLike, Trial

__all__ = ["PROPERTIES", "Blow", "kill_at_each_write"]

_BOUNDARY: Final = "image.durable.boundary"
_ACK: Final = "image.durable.ack"
_ATOMIC: Final = "image.op.atomic"
_SILENT: Final = "image.restart.silent"
_RESUME: Final = "image.restart.resume"
_ONCE: Final = "image.request.once"
_GROUP: Final = "image.code.group"
_IFF: Final = "image.post.iff"
_MADE: Final = "image.start.made"

_MOST_WRITES: Final = 60  # of one request
_FEATURES: Final = ("durable", "fault.kill")
_ANY: Final[Json] = {"$": "any"}


@dataclass(frozen=True, slots=True)
class Order:
    """One request of a blow.

    Attributes:
        op: the operation.
        args: its arguments, without the handle.
        answer: the reply to it.
        made: the number of the operations that were made when it is answered, from the first request of the blow on.
    """

    op: str
    args: dict[str, Json]
    answer: dict[str, Json]
    made: int


Planned: TypeAlias = tuple[str, dict[str, Json], Callable[[], dict[str, Json]]]
"""An operation, its arguments, and what carries it out on the model and returns the reply."""


@dataclass(frozen=True, slots=True)
class Blow:
    """Requests during which the process dies; they are sent without waiting for a reply.

    Attributes:
        before: the store before them.
        orders: the requests.
        worlds: the references that a death may leave, the first before them and the last after them.
        rule: the rule that another result violates.
        is_repeatable: whether they can be repeated after their operations were made, and change nothing then.
    """

    before: bytes
    orders: tuple[Order, ...]
    worlds: tuple[dict[str, bytes], ...]
    rule: str
    is_repeatable: bool = False


def kill_at_each_write(trial: Trial, fmt: Format, blows: list[Blow]) -> None:
    """Kill a process before and after each durable write of each request, and once after its reply."""
    victim, deaths = trial.spawn(), 0
    for blow in blows:
        writes = 0
        while writes < _MOST_WRITES and _Point(trial, fmt, victim, blow).dies(writes + 1, "before"):
            writes += 1
        deaths += writes + sum(_Point(trial, fmt, victim, blow).dies(1 + each, "after") for each in range(writes))
    trial.remark = f"{deaths} deaths, before and after every durable write"


class _Point:
    """One process, one store, the requests of one blow."""

    def __init__(self, trial: Trial, fmt: Format, victim: SubjectLike, blow: Blow) -> None:
        self.trial, self.fmt, self.victim, self.blow = trial, fmt, victim, blow
        self.directory = trial.directory()
        self.store = FreeScheduleFixture(trial, fmt, opening=StoreOptions(self.directory, victim))
        data: dict[str, Json] = {"bytes": to_base64(blow.before), "more": False}
        self.store.ask("grit.import", {"store": "s", **data}, ok(objects=_ANY, refs=_ANY))
        self.store.start()
        self.store.flush()

    def dies(self, number: int, when: str) -> bool:
        """Make the requests and die at a durable write; return whether there was such a write."""
        trial, blow, made = self.trial, self.blow, 0
        trial.expect("fault.arm", {"writes": number, "when": when}, ok(), on=self.victim)
        try:
            self._ask(blow.orders)
            trial.expect("fault.arm", {"writes": NEVER, "when": "before"}, ok(), on=self.victim)
        except SubjectFault as fault:
            if not fault.is_sigkill:
                raise
            is_dead = True
            made = blow.orders[fault.request - 1].made if fault.request > 0 else 0
        else:
            is_dead = False
        self.victim.kill()  # also after a reply: what was answered is durable
        self._reopen()
        found = self._references()
        if is_dead:
            self._judge_found(found, made)
        else:
            self._compare(found, blow.worlds[-1], "an answered operation is lost", _ACK)
        self._go_on(found)
        return is_dead

    def _ask(self, orders: Sequence[Order]) -> None:
        handle: dict[str, Json] = {"runtime": self.store.runtime}
        requests = [(each.op, handle | each.args, each.answer) for each in orders]
        self.trial.expect_many(requests, on=self.victim, rule=self.blow.rule)

    def _reopen(self) -> None:
        options = StoreOptions(self.directory, self.victim, create=False)
        self.store = FreeScheduleFixture(self.trial, self.fmt, opening=options, rule=self.blow.rule)
        self.store.flush()

    def _judge_found(self, found: dict[str, str], made: int) -> None:
        """Judge what a death left: a world, complete, and a legal history; a start changes nothing.

        Args:
            found: the references.
            made: how many operations the answered requests made at least.
        """
        worlds = [_texts(world) for world in self.blow.worlds]
        if found not in worlds:
            words = "a kill leaves a part of an operation"
            self.trial.fail(worlds[-1], found, path="refs", words=words, rule=self.blow.rule)
        if found not in worlds[made:]:
            self.trial.fail(worlds[made], found, path="refs", words="an answered operation is lost", rule=_ACK)
        data = export(self.trial, self.store.handle, self.victim, rule=_BOUNDARY)
        check_export(self.trial, data, at_rest=False, known=StoreFacts(is_whole=False))

    def _go_on(self, found: dict[str, str]) -> None:
        """Start a runtime, repeat the requests that were not made, and compare with the world after them."""
        self.store.start()
        self.store.flush()
        self._compare(self._references(), found, "a start changes references", _SILENT)
        made = [_texts(world) for world in self.blow.worlds].index(found)
        orders = [each for each in self.blow.orders if self.blow.is_repeatable or each.made > made]
        if orders:
            self._ask(orders)
            words = "the requests cannot be repeated after a kill"
            self._compare(self._references(), self.blow.worlds[-1], words, self.blow.rule)
        self.store.close()

    def _compare(self, found: dict[str, str], wanted: dict[str, bytes] | dict[str, str], words: str, rule: str) -> None:
        if found != (expected := _texts(wanted)):
            self.trial.fail(expected, found, path="refs", words=words, rule=rule)

    def _references(self) -> dict[str, str]:
        args: dict[str, Json] = {"store": self.store.handle, "prefix": "", "after": None, "limit": 4096}
        expect = ok(refs=_ANY, more=False)
        return dict(self.trial.expect("grit.refs", args, expect, on=self.victim, rule=self.blow.rule)["refs"])


def _texts(references: dict[str, bytes] | dict[str, str]) -> dict[str, str]:
    return {name: target if isinstance(target, str) else target.hex() for name, target in references.items()}


class _Scene(Imaged):
    """An image of the model whose requests become blows."""

    def blow(
        self,
        op: str,
        args: dict[str, Json],
        work: Callable[[], dict[str, Json]],
        rule: str = _ATOMIC,
        *,
        is_repeatable: bool = False,
    ) -> Blow:
        """Return one request as a blow; see ``blows``."""
        return self.blows((op, args, work), rule=rule, is_repeatable=is_repeatable)

    def blows(self, *requests: Planned, rule: str = _ATOMIC, is_repeatable: bool = False) -> Blow:
        """Carry requests out on the model; return them with the store before them and all worlds from there on."""
        self.keep()
        store = self.pair.model
        before, worlds = store.export(), [dict(store.references)]
        self.image.on_commit = lambda publish: _published(publish, store.references, worlds)
        orders = []
        for op, args, work in requests:
            try:
                answer = work()
            except Refusal as refusal:
                answer = refusal.expectation()
            orders.append(Order(op, args, answer, len(worlds) - 1))
        self.image.on_commit = lambda publish: publish()
        return Blow(before, tuple(orders), tuple(worlds), rule, is_repeatable)

    def keep(self) -> None:
        """Refer to every object of the stage, so that the export has it."""
        self.fill()
        for identity in list(self.stage.graph.encodings):
            name = f"kept/{identity.hex()}"
            if name not in self.pair.model.references:
                self.request(self.pair.cas(Change(name, None, identity)))
        self.flush()

    def ask_for(self, *letters: Letter, key: str | None = None, rule: str = _ATOMIC) -> Blow:
        """Return a request of the outside as a blow."""
        return self.blows(self.planned(*letters, key=key), rule=rule, is_repeatable=key is not None)

    def planned(self, *letters: Letter, key: str | None = None) -> Planned:
        """Return a request of the outside that a blow will make."""
        args: dict[str, Json] = {"messages": [each.to_json() for each in letters]} | (
            {} if key is None else {"key": key}
        )
        messages = [(each.to, each.headers, each.content) for each in letters]

        def work() -> dict[str, Json]:
            seq, failed = self.image.request(messages, key)
            outcome: dict[str, Json] = {"committed": {}}
            if failed is not None:
                outcome = {"failed": {"class": failed.kind, "code": failed.code}}
            return ok(seq=seq, outcome=outcome)

        return "image.request", args, work


def _published(publish: Callable[[], None], references: dict[str, bytes], worlds: list[dict[str, bytes]]) -> None:
    publish()
    worlds.append(dict(references))


def _kill(trial: Trial, fmt: Format, scene: Imaged, blows: list[Blow]) -> None:
    trial.expect("grit.close", {"store": scene.pair.handle}, ok())
    kill_at_each_write(trial, fmt, blows)


def started(trial: Trial, fmt: Format) -> None:
    """A start makes both actors, or neither."""
    scene = _Scene(trial, fmt, begins=False)
    blow = scene.blow("image.start", {}, lambda: ok(kernel=scene.image.start().hex()), _MADE)
    _kill(trial, fmt, scene, [blow])


def requested(trial: Trial, fmt: Format) -> None:
    """A request over many actors is made as a whole or not at all; one with a key is repeated safely."""
    scene = _Scene(trial, fmt)
    actors = scene.cast("A", "B", "C")
    one, two, three = actors.values()
    stage, empty = scene.stage, scene.stage.empty()
    child, short = (stage.actor(name, owner=one, granter=one, entry={"run": "*"}) for name in ("child", "short"))
    scene.order(one, stage.draft().join(short, "genesis", short))
    whole = (
        stage.draft()
        .write("x", "1")
        .join(child, "genesis", child)
        .join(child, "run", stage.draft().write("y", "1").seal())
        .join(two, "image.grant", stage.text(f"send.{child.hex()}.run"))
        .join(ACTOR, "image.timer", stage.text("5 tick"))
        .join(short, "image.destroy", empty)
        .save(three, "run", stage.draft().fail().seal())
        .post(two, "tick", empty)
        .post(scene.agent, "note", empty)
    )
    plain, fails = (
        letter(three, "run", stage.draft().add("n", 1).seal()),
        letter(two, "run", stage.draft().fail().seal()),
    )
    first = scene.ask_for(letter(one, "run", whole.seal()), plain, key="whole", rule=_ATOMIC)
    second = scene.ask_for(plain, fails, key="failed", rule=_BOUNDARY)
    third = scene.ask_for(plain, key="k", rule=_ONCE)
    _kill(trial, fmt, scene, [first, second, third])


def installed(trial: Trial, fmt: Format) -> None:
    """An operation that installs code in several actors installs it in all of them, or in none."""
    scene = _Scene(trial, fmt)
    actors = scene.cast("A", "B", "C")
    stage = scene.stage
    content = stage.install(tick=stage.draft().write("new", "1").seal())
    letters = [letter(actor, "image.install", content) for actor in actors.values()]
    _kill(trial, fmt, scene, [scene.ask_for(*letters, rule=_GROUP)])


def run(trial: Trial, fmt: Format) -> None:
    """Each post and each timer is run once, whenever the process dies during a run."""
    scene = _Scene(trial, fmt)
    actors = scene.cast("A", "B", "C")
    one, two, three = actors.values()
    stage, empty = scene.stage, scene.stage.empty()
    posts = stage.draft().post(two, "tick", empty).post(three, "run", stage.draft().fail().seal())
    timer = posts.join(ACTOR, "image.timer", stage.text("5 tick"))
    scene.order(one, timer.post(scene.agent, "note", empty))
    scene.inject(two, stage.draft().post(one, "tick", empty).seal(), "run")
    scene.clock(10)

    def work() -> dict[str, Json]:
        cause, _ = scene.image.run(MOST_STEPS)
        return ok(cause=cause, steps=_ANY, parked=[])

    _kill(trial, fmt, scene, [scene.blow("runtime.run", {"max_steps": MOST_STEPS}, work, _IFF)])


def alone(trial: Trial, fmt: Format) -> None:
    """The clock, a post of the outside, an acknowledgement and a rollback are made as a whole or not at all."""
    scene = _Scene(trial, fmt)
    actors = scene.cast("A", "B")
    one, two = actors.values()
    stage = scene.stage
    early = scene.seq
    scene.order(one, stage.draft().write("x", "1").post(scene.agent, "note", stage.empty()))
    scene.create(stage.actor("late"))
    (note,) = scene.mail()
    adds = stage.draft().add("x", 1).seal()
    blows = [
        scene.blow("image.clock", {"now_ms": "50"}, lambda: ok(seq=scene.image.clock(50)), _BOUNDARY),
        scene.blow(
            "runtime.ack",
            {"sender": note[0].hex(), "message": note[1].hex()},
            lambda: _acknowledged(scene, note),
            _BOUNDARY,
        ),
        scene.blow("image.rollback", {"to": early}, lambda: _rolled(scene, early), _ATOMIC),
        scene.blow(
            "runtime.inject",
            {"to": two.hex(), "headers": [["mt", "run"]], "content": adds.hex(), "mode": "queue"},
            lambda: ok(message=scene.image.inject(two, (("mt", "run"),), adds, "queue").hex()),
            _BOUNDARY,
        ),
    ]
    _kill(trial, fmt, scene, blows)


def waiting(trial: Trial, fmt: Format) -> None:
    """Requests that wait together are made in order: a kill leaves the first of them, and each that was answered."""
    scene = _Scene(trial, fmt)
    one, two = scene.cast("A", "B").values()
    stage, image = scene.stage, scene.image
    child = stage.actor("child", owner=one, granter=one)
    adds = stage.draft().add("x", 1).seal()
    spawn = stage.draft().join(child, "genesis", child).post(two, "tick", stage.empty()).seal()
    fails = stage.draft().write("x", "9").join(two, "run", stage.draft().fail().seal()).seal()

    def run() -> dict[str, Json]:
        cause, _ = image.run(MOST_STEPS)
        return ok(cause=cause, steps=_ANY, parked=[])

    mixed = (
        scene.planned(letter(one, "run", spawn)),
        scene.planned(letter(stage.actor("nobody"), "run", adds)),
        scene.planned(letter(one, "run", fails)),
        ("runtime.run", {"max_steps": MOST_STEPS}, run),
    )
    keyed = [scene.planned(letter(one, "run", adds), key=f"k{number}") for number in range(2)]
    blows = [scene.blows(*mixed, rule=_BOUNDARY), scene.blows(*keyed, rule=_ONCE, is_repeatable=True)]
    _kill(trial, fmt, scene, blows)


def effect(trial: Trial, fmt: Format) -> None:
    """An answer to an effect is made as a whole or not at all: the post, the acknowledgement and the record."""
    scene = _Scene(trial, fmt)
    stage, agent = scene.stage, scene.agent
    code = {f"effect.{word}": stage.draft().add(word, 1).seal() for word in ("ok", "failed")}
    actor = stage.actor("a", caps=(f"send.{agent.hex()}.effect.*",), code=code)
    scene.create(actor)
    go = stage.text("go")
    scene.order(actor, stage.draft().post(agent, "effect.http", go).post(agent, "effect.http", go))
    first, second = scene.effects()

    def answer(name: str, outcome: str, data: bytes) -> Planned:
        def work() -> dict[str, Json]:
            scene.image.agent.resolve(name, outcome, data)
            return ok()

        value = to_base64(data) if outcome == "ok" else data.decode()
        return "runtime.resolve", {"effect": name, "outcome": {outcome: value}}, work

    blows = [
        scene.blows(answer(first, "ok", b"done"), rule=_BOUNDARY),
        scene.blows(answer(second, "failed", b"no"), rule=_BOUNDARY),
    ]
    _kill(trial, fmt, scene, blows)


def _acknowledged(scene: _Scene, note: tuple[bytes, bytes]) -> dict[str, Json]:
    scene.image.agent.acknowledge(*note)
    return ok()


def _rolled(scene: _Scene, to: int) -> dict[str, Json]:
    seq, failed = scene.image.rollback(to)
    assert failed is None, "nothing is busy"
    return ok(seq=seq, outcome={"committed": {}})


def answered(trial: Trial, fmt: Format) -> None:
    """What was answered is there after a kill between two requests, and the image goes on as without it."""
    imaged = Imaged(trial, fmt, durable=True)
    stage = imaged.stage
    actors = imaged.cast("A", "B")
    one, two = actors.values()
    child = stage.actor("child", owner=one, granter=one, entry={"run": "*"})
    works: tuple[Callable[[], object], ...] = (
        lambda: imaged.play(actors, "A{x=1 join B{y=1}}", rule=_ACK),
        lambda: imaged.order(one, stage.draft().join(child, "genesis", child), rule=_ACK),
        lambda: imaged.play(actors, "A{x=2 join B{!}}", "rejected/failed", rule=_ACK),
        lambda: imaged.order(one, stage.draft().join(ACTOR, "image.timer", stage.text("5 tick")), rule=_ACK),
        lambda: imaged.order(two, stage.draft().join(one, "image.subscribe.e", stage.empty()), rule=_ACK),
        lambda: imaged.clock(10, rule=_ACK),
        lambda: imaged.play(actors, "B{post A{x=5} post A{!}}", rule=_ACK),
        lambda: imaged.inject(one, stage.draft().add("x", 1).seal(), "run", rule=_ACK),
        lambda: imaged.run(rule=_RESUME),
        lambda: imaged.operate(letter(one, "run", stage.draft().add("p", 1).seal()), key="k", rule=_ONCE),
        lambda: imaged.operate(letter(one, "run", stage.draft().add("p", 1).seal()), key="k", rule=_ONCE),
        lambda: imaged.order(one, stage.draft().post(imaged.agent, "note", stage.empty()), rule=_ACK),
        lambda: imaged.ack_all(rule=_ACK),
        lambda: imaged.rollback(3, rule=_ACK),
    )
    for number, work in enumerate(works):
        work()
        imaged.flush()
        if number % 3 != 1 and number + 1 != len(works):
            continue
        trial.subject.kill()
        imaged.revive(rule=_ACK)
        imaged.refs(rule=_ACK)
        imaged.world(rule=_ACK)
        imaged.mail(rule="image.effect.deferred")
    imaged.list_actors(rule="image.tool.lasting")
    imaged.judge(rule=_BOUNDARY)


def _each(
    name: str, body: Callable[[Trial, Format], None], *rules: str, more: tuple[str, ...] = ()
) -> tuple[Property, ...]:
    return of_images(name, body, *rules, features=(*_FEATURES, *more), once=True, kind="crash", cost=600)


PROPERTIES: Final = (
    *_each("kill/start", started, _MADE, _BOUNDARY, _ACK, _SILENT),
    *_each("kill/request", requested, _ATOMIC, _BOUNDARY, _ACK, _ONCE, _SILENT),
    *_each("kill/install", installed, _GROUP, _ATOMIC, _ACK),
    *_each("kill/run", run, _IFF, _BOUNDARY, _ACK, _RESUME),
    *_each("kill/alone", alone, _BOUNDARY, _ATOMIC, _ACK),
    *_each("kill/waiting", waiting, _BOUNDARY, _ACK, _ONCE, _ATOMIC),
    *_each("kill/effect", effect, _BOUNDARY, _ACK, more=("effects",)),
    *of_images(
        "kill/answered",
        answered,
        _ACK,
        _BOUNDARY,
        _RESUME,
        _ONCE,
        "image.effect.deferred",
        "image.tool.lasting",
        features=("durable",),
        once=True,
        kind="crash",
        cost=200,
    ),
)
