"""The lockstep model of an image: each request is made of the subject and of the model, and the worlds must be equal.

What an image does follows from its world and its requests, so every reply, and every byte of the store, is compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.image.record import Failed
from gritstone_conformance.model.journal.live import Image
from gritstone_conformance.model.refusals import Refusal, ok
from gritstone_conformance.model.runtime import Runtime
from gritstone_conformance.model.values import Headers, Tree, to_base64
from gritstone_conformance.properties.grit.pair import Pair
from gritstone_conformance.properties.runtime.judging import StoreFacts, check_export
from gritstone_conformance.properties.runtime.lockstep import MOST_STEPS, LockstepModel, StartOptions
from gritstone_conformance.replies import Json
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.image.cores import ImageStage, quota_text
from gritstone_conformance.strategies.image.notation import parse
from gritstone_conformance.strategies.image.ops import Draft
from gritstone_conformance.trial import Trial

__all__ = ["ANY", "COMMITTED", "Imaged", "Letter", "letter"]

COMMITTED: Final = "committed"
ANY: Final = ""
"""An operation may end in any way: the script does not know how."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A message of the outside."""

    to: bytes
    headers: Headers
    content: bytes

    def to_json(self) -> dict[str, Json]:
        """Return it as an item of ``messages``."""
        return {"to": self.to.hex(), "headers": [[*pair] for pair in self.headers], "content": self.content.hex()}


def letter(to: bytes, mt: str, content: bytes, **headers: str) -> Letter:
    """Return a message of a type with further headers."""
    pairs = {"mt": mt, **headers} if mt else headers
    return Letter(to, tuple(sorted(pairs.items())), content)


class Imaged(LockstepModel):
    """One store with a runtime of the subject that is an image, and that of the model.

    Attributes:
        stage: adds objects; its actors are granted their first capabilities by R.
        image: the image of the model.
        is_audited: whether :meth:`judge` also judges the history. The store of the subject equals that of the model,
            byte for byte, so this can only find a fault of the model; the self-tests set it.
    """

    is_audited: ClassVar[bool] = False
    image: Image
    stage: ImageStage

    def __init__(
        self,
        trial: Trial,
        fmt: Format,
        *,
        durable: bool = False,
        pair: Pair | None = None,
        begins: bool = True,
    ) -> None:
        super().__init__(trial, fmt, StartOptions(), durable=durable, pair=pair)
        self.stage = ImageStage(Graph(fmt), self.agent)
        if begins:
            self.begin()

    def start(self, *, rule: str | None = None) -> Runtime:
        """Start the runtime, for the first time or again."""
        runtime = super().start(rule=rule)
        claims = self.trial.claims
        self.image = Image(runtime, has_guests="image.wasm" in claims.features and "wasm" in claims.profiles)
        self._serve()
        return runtime

    def _serve(self) -> None:
        """Make each step of R an operation, once the store is an image."""
        if self.image.is_image:
            self.model.agent = self.image.agent

    # --- requests --------------------------------------------------------------------------------------

    def begin(self, *, rule: str | None = None) -> bool:
        """Make an image of the store; return whether it became one."""
        began = self._both("start", {}, lambda: ok(kernel=self.image.start().hex()), rule)
        self._serve()
        return began

    def operate(self, *letters: Letter, key: str | None = None, ends: str = COMMITTED, rule: str | None = None) -> str:
        """Make a request; return how it ended: ``committed``, ``class/code`` or ``refused class/code``.

        Args:
            letters: its messages.
            key: its key.
            ends: how the script expects it to end; the model must agree. ``ANY`` leaves it to the model.
            rule: the rule that the reply is judged by.
        """
        self.fill()
        args: dict[str, Json] = {"messages": [each.to_json() for each in letters]}
        args |= {} if key is None else {"key": key}
        messages = [(each.to, each.headers, each.content) for each in letters]
        return self._operation("request", args, lambda: self.image.request(messages, key), ends, rule)

    def say(self, to: bytes, mt: str, content: bytes, ends: str = COMMITTED, *, rule: str | None = None) -> str:
        """Make a request of one message."""
        return self.operate(letter(to, mt, content), ends=ends, rule=rule)

    def order(self, to: bytes, draft: Draft, ends: str = COMMITTED, *, rule: str | None = None) -> str:
        """Make a request of one message ``run``."""
        return self.say(to, "run", draft.seal(), ends, rule=rule)

    def play(self, actors: Mapping[str, bytes], text: str, ends: str = COMMITTED, *, rule: str | None = None) -> str:
        """Make a request of messages in the notation, with ``;`` between them."""
        told = [parse(self.stage, actors, each) for each in text.split(";")]
        roots = [letter(actors[each.actor], "run", each.program) for each in told]
        return self.operate(*roots, ends=ends, rule=rule)

    def create(self, *cores: bytes, ends: str = COMMITTED, rule: str | None = None) -> str:
        """Make a request of the genesis of actors."""
        return self.operate(*(letter(core, "genesis", core) for core in cores), ends=ends, rule=rule)

    def cast(self, *names: str, **limits: int) -> dict[str, bytes]:
        """Create principals that may send each other anything, admit ``run``, and count notices in ``f``."""
        code = {"failed": self.stage.draft().add("f", 1).seal(), "tick": self.stage.draft().add("t", 1).seal()}
        caps = ("send.*.*", "send.*.image.*", "read.*", "spawn")
        entry = {"run": "*", "tick": "*"}
        actors = {name: self.stage.actor(name, caps=caps, entry=entry, code=code, limits=limits) for name in names}
        self.create(*actors.values())
        return actors

    def limit(self, actor: bytes, rule: str | None = None, /, **limits: int) -> None:
        """Change the quota of a principal; what is not given has the limit of ``LIMITS``."""
        self.say(actor, "image.quota", self.stage.text(quota_text(**limits)), rule=rule)

    def clock(self, now_ms: int, *, rule: str | None = None) -> bool:
        """Move the clock; return whether it was moved."""
        return self._both("clock", {"now_ms": str(now_ms)}, lambda: ok(seq=self.image.clock(now_ms)), rule)

    def rollback(self, to: int, ends: str = COMMITTED, *, rule: str | None = None) -> str:
        """Return to an earlier world; return how it ended."""
        return self._operation("rollback", {"to": to}, lambda: self.image.rollback(to), ends, rule)

    def close(self) -> None:
        """Close the store, and send what waits."""
        self._waiting.append(self.pair.close())
        self.flush()

    # --- reading ---------------------------------------------------------------------------------------

    def list_actors(
        self, as_: bytes | None = None, after: bytes | None = None, limit: int = 4096, *, rule: str | None = None
    ) -> list[dict[str, Json]]:
        """List actors."""
        found: list[dict[str, Json]] = []

        def work() -> dict[str, Json]:
            actors, more = self.image.list_actors(as_, after, limit)
            found.extend(actors)
            return ok(actors=actors, more=more)

        args: dict[str, Json] = {"after": None if after is None else after.hex(), "limit": limit}
        args |= {} if as_ is None else {"as": as_.hex()}
        self._both("list", args, work, rule)
        return found

    def log(self, from_: int = 0, limit: int = 4096, *, rule: str | None = None) -> list[bytes]:
        """Read records."""
        found: list[bytes] = []

        def work() -> dict[str, Json]:
            records, more = self.image.log(from_, limit)
            found.extend(records)
            return ok(records=[to_base64(each) for each in records], more=more)

        self._both("log", {"from": from_, "limit": limit}, work, rule)
        return found

    def world(
        self, seq: int | None = None, after: str | None = None, limit: int = 4096, *, rule: str | None = None
    ) -> bytes:
        """Read a world; return its root."""
        found: list[bytes] = []

        def work() -> dict[str, Json]:
            number, root, refs, more = self.image.world(seq, after, limit)
            found.append(root)
            listed: list[Json] = [[name, target.hex()] for name, target in refs]
            return ok(seq=number, root=root.hex(), refs=listed, more=more)

        args: dict[str, Json] = {"after": after, "limit": limit} | ({} if seq is None else {"seq": seq})
        self._both("world", args, work, rule)
        return found[0] if found else b""

    # --- what the model has ------------------------------------------------------------------------------

    @property
    def seq(self) -> int:
        """The number of the newest operation."""
        return self.image.state.seq

    def core(self, actor: bytes) -> bytes:
        """Return the core of the head of an actor."""
        return self.model.shelf.step(self.image.state.world.heads[actor]).core

    def at(self, actor: bytes, path: str) -> bytes | None:
        """Return the data of the blob at a path of the core of an actor, or None."""
        at: bytes | None = self.core(actor)
        for name in path.split("/"):
            tree = None if at is None else self.model.shelf.get(at)
            at = dict(tree.entries).get(name) if isinstance(tree, Tree) else None
        return None if at is None else getattr(self.model.shelf.get(at), "data", None)

    def timers(self, actor: bytes) -> list[bytes]:
        """Return the handles of the timers of an actor, ascending."""
        names = self.model.shelf.names(self.core(actor))
        below = self.model.shelf.names(names["image"]).get("timers")
        return [] if below is None else [bytes.fromhex(name) for name in self.model.shelf.names(below)]

    def expects(self, actor: bytes, **values: int | None) -> None:
        """Check that an actor of the model has these numbers at paths of its core; None: nothing."""
        found = {name: self.at(actor, name) for name in values}
        wanted = {name: None if value is None else b"%d" % value for name, value in values.items()}
        assert found == wanted, f"the model has {found}, the script expects {wanted}"

    # --- the operations of ``runtime`` in an image -------------------------------------------------------

    def inject(
        self, to: bytes, content: bytes, headers: str | Headers = (), mode: str = "queue", *, rule: str | None = None
    ) -> bytes | None:
        """Send a post of the outside; return its id, or None if it is refused."""
        self.fill()
        pairs: Headers = headers if not isinstance(headers, str) else (("mt", headers),) if headers else ()
        args = {"to": to.hex(), "headers": [[*pair] for pair in pairs], "content": content.hex(), "mode": mode}
        sent: list[bytes] = []

        def work() -> dict[str, Json]:
            sent.append(self.image.inject(to, pairs, content, mode))
            return ok(message=sent[0].hex())

        self._asked("runtime.inject", args, work, rule)
        return sent[0] if sent else None

    def run(self, most_steps: int = MOST_STEPS, *, rule: str | None = None) -> str:
        """Run posts and due timers; return the cause."""
        cause, _ = self.image.run(most_steps)
        expect = ok(cause=cause, steps={"$": "any"}, parked=[])
        self.ask("runtime.run", {"max_steps": most_steps}, expect, rule)
        return cause

    def run_without_room(self, *stuck: bytes, rule: str) -> None:
        """Run posts and due timers up to one whose operation needs another reference than the store has room for."""
        assert not stuck, "an operation is stuck, and not an actor"
        try:
            self.image.run(MOST_STEPS)
        except Refusal as refusal:
            self.ask("runtime.run", {"max_steps": MOST_STEPS}, refusal.expectation(), rule)
        else:
            raise AssertionError("the model has room")

    def mail(self, *, rule: str | None = None) -> list[tuple[bytes, bytes]]:
        """Ask for the mail to the outside."""
        self.model.mailroom.reload()
        return super().mail(rule=rule)

    def effects(self, *, rule: str | None = None) -> list[str]:
        """Ask for the open effects; return their names."""
        self.model.mailroom.reload()
        return super().effects(rule=rule)

    def query(self, actor: bytes, name: str, args: bytes = b"", *, rule: str | None = None) -> bytes | None:
        """Ask an actor; return the answer, or None where there is none or it is refused."""
        self.model.mailroom.reload()
        return super().query(actor, name, args, rule=rule)

    def ack(self, sender: bytes, message: bytes, *, rule: str | None = None) -> None:
        """Acknowledge mail."""

        def work() -> dict[str, Json]:
            self.image.agent.acknowledge(sender, message)
            return ok()

        self._asked("runtime.ack", {"sender": sender.hex(), "message": message.hex()}, work, rule)

    def ack_all(self, *, rule: str | None = None) -> None:
        """Acknowledge all mail, the newest message of each sender."""
        for sender, message in dict(self.mail(rule=rule)).items():
            self.ack(sender, message, rule=rule)

    def resolve(self, name: str, outcome: str, data: bytes, *, rule: str | None = None) -> None:
        """Answer an effect."""

        def work() -> dict[str, Json]:
            self.image.agent.resolve(name, outcome, data)
            return ok()

        value = to_base64(data) if outcome == "ok" else data.decode()
        self._asked("runtime.resolve", {"effect": name, "outcome": {outcome: value}}, work, rule)

    # --- judging ---------------------------------------------------------------------------------------

    def judge(self, *, rule: str) -> None:
        """Compare the world, the mail and the whole store."""
        self.world(rule=rule)
        self.mail(rule=rule)
        self.refs(rule=rule)
        data = self.export(rule=rule)
        if self.is_audited:
            check_export(self.trial, data, at_rest=False, known=StoreFacts(is_whole=False))

    def _operation(
        self,
        word: str,
        args: dict[str, Json],
        work: Callable[[], tuple[int, Failed | None]],
        ends: str,
        rule: str | None,
    ) -> str:
        found: list[str] = []

        def carry_out() -> dict[str, Json]:
            seq, failed = work()
            found.append(COMMITTED if failed is None else f"{failed.kind}/{failed.code}")
            return ok(seq=seq, outcome=_outcome(failed))

        self._both(word, args, carry_out, rule, found)
        assert ends in (ANY, found[0]), f"the model ends with {found[0]}, the script expects {ends}"
        return found[0]

    def _both(
        self,
        word: str,
        args: dict[str, Json],
        work: Callable[[], dict[str, Json]],
        rule: str | None,
        refused: list[str] | None = None,
    ) -> bool:
        return self._asked(f"image.{word}", args, work, rule, refused)

    def _asked(
        self,
        op: str,
        args: dict[str, Json],
        work: Callable[[], dict[str, Json]],
        rule: str | None,
        refused: list[str] | None = None,
    ) -> bool:
        """Carry a request out on the model, and make it of the subject; return whether it was accepted."""
        try:
            expect, accepted = work(), True
        except Refusal as refusal:
            expect, accepted = refusal.expectation(), False
            if refused is not None:
                refused.append(f"refused {expect['refused']}/{expect.get('code') or ''}".rstrip("/"))
        self.ask(op, args, expect, rule)
        return accepted


def _outcome(failed: Failed | None) -> dict[str, Json]:
    return {"committed": {}} if failed is None else {"failed": {"class": failed.kind, "code": failed.code}}
