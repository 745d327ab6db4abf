"""Operations of images, killed before and after each durable write: the image is a world between two operations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.refusals import ok
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
class Blow:
    """One request during which the process dies.

    Attributes:
        before: the store before it.
        op: the operation.
        args: its arguments, without the handle.
        answer: the reply to it.
        worlds: the references that a death may leave, the first before it and the last after it.
        rule: the rule that another result violates.
        is_repeatable: whether the request can be repeated after its operation was made, and changes nothing then.
    """

    before: bytes
    op: str
    args: dict[str, Json]
    answer: dict[str, Json]
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
    """One process, one store, one request."""

    def __init__(self, trial: Trial, fmt: Format, victim: SubjectLike, blow: Blow) -> None:
        self.trial, self.fmt, self.victim, self.blow = trial, fmt, victim, blow
        self.directory = trial.directory()
        self.store = FreeScheduleFixture(trial, fmt, opening=StoreOptions(self.directory, victim))
        data: dict[str, Json] = {"bytes": to_base64(blow.before), "more": False}
        self.store.ask("grit.import", {"store": "s", **data}, ok(objects=_ANY, refs=_ANY))
        self.store.start()
        self.store.flush()

    def dies(self, number: int, when: str) -> bool:
        """Make the request and die at a durable write; return whether there was such a write."""
        trial, blow = self.trial, self.blow
        trial.expect("fault.arm", {"writes": number, "when": when}, ok(), on=self.victim)
        try:
            self._ask()
            trial.expect("fault.arm", {"writes": NEVER, "when": "before"}, ok(), on=self.victim)
        except SubjectFault as fault:
            if not fault.is_sigkill:
                raise
            is_dead = True
        else:
            is_dead = False
        self.victim.kill()  # also after a reply: what was answered is durable
        self._reopen()
        found = self._references()
        if is_dead:
            self._judge_found(found)
        else:
            self._compare(found, blow.worlds[-1], "an answered operation is lost", _ACK)
        self._go_on(found)
        return is_dead

    def _ask(self, answer: dict[str, Json] | None = None) -> None:
        args = {"runtime": self.store.runtime, **self.blow.args}
        self.trial.expect(self.blow.op, args, answer or self.blow.answer, on=self.victim, rule=self.blow.rule)

    def _reopen(self) -> None:
        options = StoreOptions(self.directory, self.victim, create=False)
        self.store = FreeScheduleFixture(self.trial, self.fmt, opening=options, rule=self.blow.rule)
        self.store.flush()

    def _judge_found(self, found: dict[str, str]) -> None:
        """Judge what a death left: a world, complete, and a legal history; a start changes nothing."""
        if found not in [_texts(world) for world in self.blow.worlds]:
            words = "a kill leaves a part of an operation"
            self.trial.fail(_texts(self.blow.worlds[-1]), found, path="refs", words=words, rule=self.blow.rule)
        data = export(self.trial, self.store.handle, self.victim, rule=_BOUNDARY)
        check_export(self.trial, data, at_rest=False, known=StoreFacts(is_whole=False))

    def _go_on(self, found: dict[str, str]) -> None:
        """Start a runtime, repeat the request if it was not made, and compare with the world after it."""
        self.store.start()
        self.store.flush()
        self._compare(self._references(), found, "a start changes references", _SILENT)
        is_made = found == _texts(self.blow.worlds[-1])
        if not is_made or self.blow.is_repeatable:
            self._ask()
            words = "the request cannot be repeated after a kill"
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
        """Carry a request out on the model; return it with the store before it and all worlds from there on."""
        self.keep()
        store = self.pair.model
        before, worlds = store.export(), [dict(store.references)]
        self.image.on_commit = lambda publish: _published(publish, store.references, worlds)
        answer = work()
        self.image.on_commit = lambda publish: publish()
        return Blow(before, op, args, answer, tuple(worlds), rule, is_repeatable)

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

        return self.blow("image.request", args, work, rule, is_repeatable=key is not None)


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


def _each(name: str, body: Callable[[Trial, Format], None], *rules: str) -> tuple[Property, ...]:
    return of_images(name, body, *rules, features=_FEATURES, once=True, kind="crash", cost=600)


PROPERTIES: Final = (
    *_each("kill/start", started, _MADE, _BOUNDARY, _ACK, _SILENT),
    *_each("kill/request", requested, _ATOMIC, _BOUNDARY, _ACK, _ONCE, _SILENT),
    *_each("kill/install", installed, _GROUP, _ATOMIC, _ACK),
    *_each("kill/run", run, _IFF, _BOUNDARY, _ACK, _RESUME),
    *_each("kill/alone", alone, _BOUNDARY, _ATOMIC, _ACK),
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
