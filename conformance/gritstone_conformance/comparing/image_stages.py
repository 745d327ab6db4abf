"""Images on runtimes: a runtime makes operations of an image, and another one resumes from its export.

Each stage is a request, or a few, to a runtime that is started for it: operations, the clock, a run, a rollback, an
answer of the outside. So an image is cut there, and each implementation continues with what every other one has made.

Spec: :rule:`suite.resume.matrix`, :rule:`image.world.load`, :rule:`image.restart.resume`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, TypeAlias

from gritstone_conformance.comparing.matrix import Implementation, Stuck
from gritstone_conformance.comparing.stages import Stage, Staged
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.runtime import Config
from gritstone_conformance.model.values import to_base64
from gritstone_conformance.properties.runtime.lockstep import StartOptions, start_args
from gritstone_conformance.replies import Claims, Json
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.image.cores import ImageStage
from gritstone_conformance.strategies.image.notation import TREES, parse
from gritstone_conformance.strategies.image.ops import ACTOR, CONTENT, Draft, count

__all__ = ["IMAGE_STAGES"]

_MOST_STEPS: Final = 200
_TERMS: Final = StartOptions(config=Config(0, 0, 2))
_ALL: Final = ("send.*.*", "send.*.image.*", "read.*", "spawn")
_COMMITTED: Final = "committed"


class _Keeper:
    """A started runtime of an implementation, for one stage.

    Attributes:
        stage: adds objects.
        actors: principals by letter, which may send each other anything.
        tool: an actor that A creates.
    """

    def __init__(self, host: Implementation, handle: str, fmt: Format) -> None:
        self._host, self._handle = host, handle
        self._runtime = f"i{handle}"
        agent = bytes.fromhex(host.ask("runtime.start", **start_args(_TERMS, handle, self._runtime))["agent"])
        self.stage = ImageStage(Graph(fmt), agent)
        adds = {name: self.stage.draft().add(name[0], 1).seal() for name in ("failed", "tick", "on.spent")}
        code = adds | {"pay": self.stage.draft().raw(count("n", b"-")).reply(CONTENT).seal()}
        entry = dict.fromkeys(("run", "tick", "pay"), "*")
        named = {letter: self.stage.actor(letter, caps=_ALL, entry=entry, code=code) for letter in "ABCD"}
        self.actors: dict[str, bytes] = named
        owner = named["A"]
        self.tool = self.stage.actor("tool", owner=owner, granter=owner, entry={"run": "*"})

    @property
    def agent(self) -> bytes:
        """R."""
        return self.stage.agent

    def ask(self, op: str, **args: Json) -> dict[str, Json]:
        """Make a request of the runtime; return the value of ``ok``."""
        return self._host.ask(op, runtime=self._runtime, **args)

    def request(self, *messages: tuple[bytes, str, bytes], key: str | None = None, ends: str = _COMMITTED) -> None:
        """Make an operation; raises Stuck if it ends in another way."""
        for data in self.stage.graph.encodings.values():
            self._host.ask("grit.put", store=self._handle, bytes=to_base64(data))
        letters: list[Json] = [
            {"to": to.hex(), "headers": [["mt", mt]], "content": content.hex()} for to, mt, content in messages
        ]
        keyed: dict[str, Json] = {} if key is None else {"key": key}
        outcome = self.ask("image.request", messages=letters, **keyed)["outcome"]
        failed = outcome.get("failed")
        found = _COMMITTED if failed is None else f"{failed['class']}/{failed['code']}"
        if found != ends:
            raise Stuck(f"image.request: {found}, expected {ends}")

    def order(self, letter: str, draft: Draft, ends: str = _COMMITTED) -> None:
        """Send an actor a program."""
        self.request((self.actors[letter], "run", draft.seal()), ends=ends)

    def run(self) -> None:
        """Run posts and timers until the image is at rest."""
        self.ask("runtime.run", max_steps=_MOST_STEPS)

    def ack(self) -> None:
        """Acknowledge all mail of R."""
        for sender, message in dict(self.ask("runtime.mail")["mail"]).items():
            self.ask("runtime.ack", sender=sender, message=message)

    def inject(self, letter: str, draft: Draft) -> None:
        """Send a post of R."""
        content = draft.seal()
        for data in self.stage.graph.encodings.values():
            self._host.ask("grit.put", store=self._handle, bytes=to_base64(data))
        headers: Json = [["mt", "run"]]
        to, program = self.actors[letter].hex(), content.hex()
        self.ask("runtime.inject", to=to, headers=headers, content=program, mode="queue")

    def stop(self) -> None:
        """Stop the runtime."""
        self.ask("runtime.stop", how="now")


_OnKeeper: TypeAlias = Callable[[_Keeper], object]


def _begin(keeper: _Keeper) -> None:
    keeper.ask("image.start")
    keeper.request(*((actor, "genesis", actor) for actor in keeper.actors.values()))


def _create(keeper: _Keeper) -> None:
    stage, tool = keeper.stage, keeper.tool
    draft = stage.draft().write("n", "1").join(tool, "genesis", tool)
    keeper.order("A", draft.join(tool, "run", stage.draft().add("x", 1).seal()))


def _set_timers(keeper: _Keeper) -> None:
    stage, draft = keeper.stage, keeper.stage.draft()
    for delay in ("50 tick", "20 tick", "20 nothing", "900 tick"):
        draft.join(ACTOR, "image.timer", stage.text(delay))
    keeper.order("A", draft)
    keeper.order("B", stage.draft().join(ACTOR, "image.timer", stage.text("20 tick")))


def _post(keeper: _Keeper) -> None:
    stage = keeper.stage
    again = stage.draft().add("p", 1).post(keeper.actors["A"], "run", stage.draft().add("q", 1).seal()).seal()
    draft = stage.draft()
    for letter in "DCB":
        draft.post(keeper.actors[letter], "run", again)
    keeper.order("A", draft.post(keeper.agent, "note", stage.text("1")))
    keeper.inject("B", stage.draft().add("x", 1))


def _pay(keeper: _Keeper) -> None:
    stage = keeper.stage
    draft = stage.draft().join(keeper.actors["B"], "pay", stage.text("0")).read(keeper.actors["C"], "name", "seen")
    keeper.order("A", draft)
    keeper.request((keeper.actors["A"], "pay", stage.text("1")), key="once")
    keeper.request((keeper.actors["A"], "pay", stage.text("1")), key="once")
    keeper.request((keeper.actors["A"], "pay", stage.text("1")), ends="rejected/range")


def _repeat(keeper: _Keeper) -> None:
    keeper.request((keeper.actors["A"], "pay", keeper.stage.text("1")), key="once")


def _emit(keeper: _Keeper) -> None:
    stage, emitter = keeper.stage, keeper.actors["A"]
    for letter in "BC":
        keeper.order(letter, stage.draft().join(emitter, "image.subscribe.spent", stage.empty()))
    keeper.request((emitter, "image.subscribe.spent", stage.empty()))
    keeper.order("A", stage.draft().join(ACTOR, "image.emit.spent", stage.text("20")))


def _install(keeper: _Keeper) -> None:
    content = keeper.stage.install(tick=keeper.stage.draft().add("late", 1).seal())
    keeper.request((keeper.actors["A"], "image.install", content))


def _cancel(keeper: _Keeper) -> None:
    """Cancel the timer that is due last; its handle is in the list."""
    listed = keeper.ask("image.list", after=None, limit=100)["actors"]
    (mine,) = (each for each in listed if each["actor"] == keeper.actors["A"].hex())
    last = max(mine["timers"], key=lambda timer: int(timer["due"]))
    stage = keeper.stage
    keeper.order("A", stage.draft().join(ACTOR, "image.cancel", stage.text(last["handle"])))


def _destroy(keeper: _Keeper) -> None:
    keeper.request((keeper.actors["D"], "image.destroy", keeper.stage.empty()))


def _return(keeper: _Keeper) -> None:
    outcome = keeper.ask("image.rollback", to=2)["outcome"]
    if outcome != {_COMMITTED: {}}:
        raise Stuck(f"image.rollback: {outcome}")


_LIFE: Final[tuple[_OnKeeper, ...]] = (
    _begin,
    _create,
    _set_timers,
    _post,
    lambda keeper: keeper.ask("runtime.run", max_steps=1),
    _Keeper.run,
    _pay,
    _repeat,
    _emit,
    lambda keeper: keeper.ask("image.clock", now_ms="30"),
    _install,
    _Keeper.run,
    _Keeper.ack,
    _cancel,
    lambda keeper: keeper.ask("image.clock", now_ms="60"),
    _Keeper.run,
    _destroy,
    _return,
    _repeat,
    _Keeper.ack,
)


def _play(text: str, keeper: _Keeper) -> None:
    told = parse(keeper.stage, keeper.actors, text)
    ends = "rejected/failed" if text in _FAILING else _COMMITTED
    keeper.request((keeper.actors[told.actor], "run", told.program), ends=ends)


_FAILING: Final = TREES[1:4]
_FRAMES: Final[tuple[_OnKeeper, ...]] = (_begin, *(partial(_play, text) for text in TREES), _Keeper.run)


def _carry_out(stage: _OnKeeper, fmt: Format, host: Implementation, handle: str) -> None:
    keeper = _Keeper(host, handle, fmt)
    stage(keeper)
    keeper.stop()


def _stages(stages: Sequence[_OnKeeper], fmt: Format) -> Sequence[Stage]:
    return [partial(_carry_out, stage, fmt) for stage in stages]


def _is_claimed_by(claims: Claims) -> bool:
    return "image" in claims.profiles


IMAGE_STAGES: Final = (
    Staged("image-life", partial(_stages, _LIFE), _is_claimed_by),
    Staged("image-frames", partial(_stages, _FRAMES), _is_claimed_by),
)
"""The scenarios of images: one with everything that survives a runtime, and the table of savepoints."""
