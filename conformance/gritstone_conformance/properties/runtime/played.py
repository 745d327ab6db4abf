"""Behaviours of the formal model, run on an implementation: it shows the same as the model after each act.

Each case runs the scenarios of one run of the model. A runtime lists exactly the choices that the model has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.refusals import Refusal
from gritstone_conformance.model.runtime import Config
from gritstone_conformance.model.values import Mailbox, Message, Step, Tree, from_base64, to_base64
from gritstone_conformance.properties.runtime.cast import AGENT, Cast
from gritstone_conformance.properties.runtime.lockstep import GENESIS, StartOptions, start_args
from gritstone_conformance.properties.wit.registry import in_each_format
from gritstone_conformance.replies import Json
from gritstone_conformance.scenarios import ScenarioFile, behaviours, load_scenarios
from gritstone_conformance.strategies import programs
from gritstone_conformance.trial import Asked, Property, Trial

__all__ = ["PROPERTIES", "play"]

_DELAY_MS: Final = 1_000_000
_ANY: Final = {"$": "any"}
_ID: Final = re.compile("[0-9a-f]{64}")
_Kind = TypeVar("_Kind", Step, Tree, Mailbox, Message)
_PARTS: Final = ("heads", "marks", "ready", "mail")
Seen = dict[str, Any]
_Place = tuple[str | None, Json]  # the id of a head, and what is shown of it


def play(trial: Trial, fmt: Format, scenario: Mapping[str, Any]) -> None:
    """Run each path of a scenario on a new store; fail at the first act after which something else is visible."""
    given = scenario
    cast = Cast.of(fmt, given["actors"], given.get("stillborn", ()), given.get("illegal", 3))
    objects: dict[bytes, Any] = {}
    made: set[str] = set()
    for acts in behaviours(scenario):
        prefixes = [str(acts[:end]) for end in range(len(acts) + 1)]
        _Play(trial, fmt, scenario, acts, cast, objects, sum(each in made for each in prefixes)).run()
        made.update(prefixes)


@dataclass(slots=True)
class _Play:
    """One path of a scenario.

    Attributes:
        objects: what was read, by id; all paths of a scenario share it.
        known: how many states from the beginning on an earlier path has compared; they are not compared again.
        before: actors to their heads before the act.
    """

    trial: Trial
    fmt: Format
    scenario: Mapping[str, Any]
    acts: Sequence[Mapping[str, Any]]
    cast: Cast
    objects: dict[bytes, Any]
    known: int
    put: int = 0
    now_ms: int = 0
    due_ms: dict[str, int] = field(default_factory=dict)
    choices: list[dict[str, Json]] = field(default_factory=list)
    before: dict[str, _Place] = field(default_factory=dict)

    def run(self) -> None:
        """Run all acts."""
        self._ask("grit.open", {"store": "s", "format": self.fmt.name, "backend": "memory", "create": True})
        self._start()
        self._create()
        expected: Seen = dict(self.scenario["first"])
        if not self.known:
            self._compare(expected, "the beginning", {})
        for number, act in enumerate(self.acts, 1):
            if number == self.known:
                self.before = self._places()
            self._act(act)
            self.choices = []
            for name, value in act["then"].items():
                expected[name] = value
            if number >= self.known:
                self._compare(expected, f"act {number}, {_words(act)}", act)
            self._note_delays(expected["delayed"])
        self._ask("runtime.stop", {"runtime": "r", "how": "now"})
        self._ask("grit.close", {"store": "s"})

    # --- acts ---------------------------------------------------------------------------------------------------------

    def _act(self, act: Mapping[str, Any]) -> None:
        match act["do"]:
            case "inject":
                self._inject(act["to"], act["label"], act["mode"])
            case "run":
                self._run(act)
            case "delay":
                self.now_ms = self.due_ms.pop(str([act["actor"], act["sender"], act["message"]]))
                self._time()
            case "ack":
                message = self._message(act["sender"], act["message"])
                self._ask("runtime.ack", {"runtime": "r", "sender": self._id(act["sender"]), "message": message})
            case "collect" | "cut":
                self._ask(f"runtime.{act['do']}", {"runtime": "r"}, _ANY)
            case "release":
                self._ask("runtime.release", {"runtime": "r", "actors": [self._id(act["actor"])]}, _ANY)
            case _:
                self._operate(act)

    def _operate(self, act: Mapping[str, Any]) -> None:
        """Do what an operator does."""
        match act["do"]:
            case "name":
                self._flip(f"actors/{act['actor']}", self._id(act["actor"]))
            case "leave" | "return":
                self._restarted(f"archived/{self._id(act['actor'])}", self._id(act["actor"]))
            case "unmark":
                self._restarted(f"failed/{self._id(act['actor'])}", None)
            case "restart":
                self._restarted(None, None)

    def _run(self, act: Mapping[str, Any]) -> None:
        self.now_ms += 1
        self._time()
        if not self.choices:
            self.choices = self._ask("runtime.ready", {"runtime": "r"}, _ANY)["choices"]
        wanted = {"actor": act["actor"], "inbox": act["inbox"]}
        listed = [self._choice(choice) for choice in self.choices]
        if wanted not in listed:
            words = f"{self.scenario['name']}: the same acts gave another list of choices before"
            self.trial.fail(wanted, listed, path="/ready", words=words, rule=self.scenario["rules"][0])
        number = listed.index(wanted)
        self._ask("runtime.choose", {"runtime": "r", "choice": number}, {"step": _ANY})

    def _inject(self, to: str, label: str, mode: str) -> None:
        headers, content = self.cast.message(to, label)
        self._fill()
        pairs: list[Json] = [[*pair] for pair in headers]
        args: dict[str, Json] = {"to": self._id(to), "headers": pairs, "content": content.hex(), "mode": mode}
        self._ask("runtime.inject", {"runtime": "r", **args}, {"message": _ANY})

    def _time(self) -> None:
        self._ask("runtime.time", {"runtime": "r", "now_ms": str(self.now_ms)}, {"due": _ANY})

    def _flip(self, name: str, target: str | None) -> None:
        """Set a reference, or remove it where it is set."""
        refs = self._ask("grit.refs", {"store": "s", "prefix": name, "after": None, "limit": 9}, _ANY)["refs"]
        old = dict(refs).get(name)
        change: dict[str, Json] = {"name": name, "old": old, "new": target if old is None else None}
        self._ask("grit.cas", {"store": "s", "changes": [change]})

    def _restarted(self, name: str | None, target: str | None) -> None:
        """Stop the runtime, change a reference, and start it again."""
        self._ask("runtime.stop", {"runtime": "r", "how": "now"})
        if name is not None:
            self._flip(name, target)
        self._start()
        self.due_ms = {}

    def _start(self) -> None:
        config = Config(_DELAY_MS, _DELAY_MS, self.scenario["max_attempts"])
        terms = StartOptions(schedule="chosen", clock="suite", config=config)
        self._ask("runtime.start", start_args(terms), {"agent": self._id(AGENT)})

    def _create(self) -> None:
        """Create the actors that are there at the beginning by another actor, which then drops them from its outbox."""
        born = [self.cast.ids[name] for name in self.scenario["born"]]
        stage = self.cast.stage
        mother = stage.core(b"mother")
        sends = b"".join(programs.send(n, n, "genesis") for n in range(len(born)))
        drops = b"".join(programs.release(n) for n in range(len(born)))
        contents = (mother, stage.program(sends, *born), stage.program(drops, *born))
        self._fill()
        for content, headers, runs in zip(contents, (GENESIS, (), ()), (1, 1 + len(born), 1), strict=True):
            args: dict[str, Json] = {"to": mother.hex(), "content": content.hex(), "mode": "queue"}
            pairs: list[Json] = [[*pair] for pair in headers]
            self._ask("runtime.inject", {"runtime": "r", **args, "headers": pairs}, {"message": _ANY})
            for _ in range(runs):
                self._ask("runtime.choose", {"runtime": "r", "choice": 0}, {"step": _ANY})

    def _note_delays(self, delayed: Mapping[str, Any]) -> None:
        listed = [str([actor, *each]) for actor, found in delayed.items() for each in found]
        self.due_ms = {key: due for key, due in self.due_ms.items() if key in listed}
        self.due_ms |= {key: self.now_ms + _DELAY_MS for key in listed if key not in self.due_ms}

    # --- what is visible ----------------------------------------------------------------------------------------------

    def _compare(self, expected: Seen, where: str, act: Mapping[str, Any]) -> None:
        places = self._places()
        seen = self._seen(places)
        for part in _PARTS:
            for actor, wanted, got in _differences(expected[part], seen[part]):
                words = f"{self.scenario['name']}: after {where}: {part} of {actor}"
                rules = ", ".join(self.scenario["rules"])
                self.trial.remark = f"{words}: the model has {wanted}, the implementation has {got} ({rules})"
                self.trial.fail(wanted, got, path=f"/{part}/{actor}", words=words, rule=self.scenario["rules"][0])
        for name, place in places.items() if self.before and act["do"] != "cut" else ():  # a cut begins a new chain
            self._count_steps(name, self.before[name], place, where)
        self.before = places

    def _count_steps(self, name: str, before: _Place, after: _Place, where: str) -> None:
        """Fail if an act made a step that changes nothing visible, or two steps at once."""
        (old, was), (new, now) = before, after
        if old == new or new is None:
            return
        words = f"{self.scenario['name']}: after {where}: steps of {name}"
        step = self._object(bytes.fromhex(new), Step)
        previous = None if step.previous is None else step.previous.hex()
        wanted = old if was == now else {"previous": old}
        got = new if was == now else {"previous": previous}
        if wanted != got:
            self.trial.fail(wanted, got, path=f"/heads/{name}", words=words, rule=self.scenario["rules"][0])

    def _places(self) -> dict[str, _Place]:
        """Return the head of each actor, and what is shown of it."""
        asked = {"store": "s", "prefix": "heads/", "after": None, "limit": 4096}
        refs = self._ask("grit.refs", asked, _ANY)["refs"]
        targets = {name.removeprefix("heads/"): target for name, target in refs}
        found = {name: targets.get(each.hex()) for name, each in self.cast.ids.items()}
        return {name: (target, self._head(name, target)) for name, target in found.items()}

    def _seen(self, places: Mapping[str, _Place]) -> Seen:
        asked: list[Asked] = [
            ("runtime.ready", {"runtime": "r"}, {"ok": _ANY}),
            ("runtime.mail", {"runtime": "r"}, {"ok": _ANY}),
            ("grit.refs", {"store": "s", "prefix": "failed/", "after": None, "limit": 4096}, {"ok": _ANY}),
        ]
        ready, mail, failed = self.trial.expect_many(asked)
        self.choices = list(ready["choices"])
        listed: dict[str, list[Any]] = {}
        for choice in map(self._choice, self.choices):
            listed.setdefault(choice["actor"], []).append(choice["inbox"])
        letters: dict[str, list[Any]] = {}
        for sender, message in mail["mail"]:
            letters.setdefault(self._name(sender), []).append(self._chain(bytes.fromhex(message), AGENT))
        marks = {
            self._name(name.removeprefix("failed/")): self._mark(name.removeprefix("failed/"), target)
            for name, target in failed["refs"]
        }
        return {
            "heads": {name: shown for name, (_, shown) in places.items()},
            "marks": marks,
            "ready": {actor: sorted(found, key=str) for actor, found in listed.items()},
            "mail": letters,
        }

    def _head(self, name: str, target: str | None) -> Json:
        if target is None:
            return None
        step = self._object(bytes.fromhex(target), Step)
        inbox = self._mailbox(step.inbox, lambda other: name)
        outbox = self._mailbox(step.outbox, lambda other: other)
        if name == AGENT:
            inbox.pop(AGENT, None)
            return {"inbox": inbox, "outbox": outbox}
        core = self._object(step.core, Tree)
        return {"inbox": inbox, "outbox": outbox, "fixed": "fixed" in dict(core.entries)}

    def _mailbox(self, identity: bytes | None, receiver: Any) -> dict[str, Any]:
        if identity is None:
            return {}
        box = self._object(identity, Mailbox)
        named = {self.cast.name_of(x): message for x, message in box.entries}
        return {name: self._chain(message, receiver(name)) for name, message in sorted(named.items(), key=str) if name}

    def _mark(self, actor: str, target: str) -> Json:
        entries = self._object(bytes.fromhex(target), Mailbox).entries
        return [each for x, m in entries for each in (self._name(x.hex()), self._chain(m, self._name(actor)))]

    def _choice(self, choice: Mapping[str, Any]) -> dict[str, Any]:
        actor = self._name(choice["actor"])
        inbox = {self._name(sender): self._chain(bytes.fromhex(message), actor) for sender, message in choice["inbox"]}
        return {"actor": actor, "inbox": dict(sorted(inbox.items()))}

    def _chain(self, identity: bytes, receiver: str) -> list[str]:
        """Return the labels of a message and those before it, oldest first."""
        found: list[str] = []
        at: bytes | None = identity
        while at is not None:
            message = self._object(at, Message)
            found.append(self._label(message, receiver))
            at = message.previous
        return found[::-1]

    def _label(self, message: Message, receiver: str) -> str:
        headers = dict(message.headers)
        if headers.get("mt") != "receipt":
            return self.cast.label_of(receiver, message)
        failed = headers.get("reply", "")
        if not _ID.fullmatch(failed) or self._found(bytes.fromhex(failed), Message) is None:
            return "receipt for no message"
        # the receiver of a receipt sent the failed message to its neighbour, or to itself
        for actor in (*(name for name in self.cast.ids if name != receiver), receiver):
            chain = self._chain(bytes.fromhex(failed), actor)
            if not any(" with the content " in label for label in chain):
                break
        return "receipt " + " < ".join(chain)

    def _message(self, sender: str, chain: list[str]) -> str:
        """Return the id of a listed message."""
        mail = self._ask("runtime.mail", {"runtime": "r"}, _ANY)["mail"]
        for who, message in mail:
            if self._name(who) == sender and self._chain(bytes.fromhex(message), AGENT) == chain:
                return str(message)
        raise AssertionError("the mail was compared before")

    def _object(self, identity: bytes, kind: type[_Kind]) -> _Kind:
        """Return an object of a kind; fail if the implementation has another object at its place."""
        value = self._found(identity, kind)
        if value is None:
            words = f"{self.scenario['name']}: a {kind.__name__.lower()} is expected at this id"
            self.trial.fail(kind.__name__.lower(), identity.hex(), words=words, rule=self.scenario["rules"][0])
        return value

    def _found(self, identity: bytes, kind: type[_Kind]) -> _Kind | None:
        """Return an object if it is of a kind and of this id, or None."""
        if identity not in self.objects:
            got = self._ask("grit.get", {"store": "s", "id": identity.hex()}, _ANY)
            data = from_base64(got["bytes"])
            try:
                self.objects[identity] = self.fmt.decode(data) if self.fmt.hash(data) == identity else None
            except Refusal:
                self.objects[identity] = None
        value = self.objects[identity]
        return value if isinstance(value, kind) else None

    # --- requests -----------------------------------------------------------------------------------------------------

    def _fill(self) -> None:
        """Put every object that the stage has and the store may lack."""
        encodings = list(self.cast.stage.graph.encodings.values())
        asked: list[Asked] = [
            ("grit.put", {"store": "s", "bytes": to_base64(data)}, {"ok": _ANY}) for data in encodings[self.put :]
        ]
        self.put = len(encodings)
        self.trial.expect_many(asked)

    def _ask(self, op: str, args: dict[str, Json], reply: Any = None) -> dict[str, Any]:
        return self.trial.expect(op, args, {"ok": {} if reply is None else reply}, rule=self.scenario["rules"][0])

    def _id(self, name: str) -> str:
        return self.cast.ids[name].hex()

    def _name(self, identity: str) -> str:
        return self.cast.name_of(bytes.fromhex(identity)) or f"another actor, {identity[:8]}"


def _differences(expected: Mapping[str, Any], got: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for actor in sorted({*expected, *got}):
        if expected.get(actor) != got.get(actor):
            yield actor, expected.get(actor), got.get(actor)


def _words(act: Mapping[str, Any]) -> str:
    names = ("do", "label", "to", "actor", "sender")
    return " ".join(str(act[name]) for name in names if name in act)


def _body(file: ScenarioFile) -> Any:
    def body(trial: Trial, fmt: Format) -> None:
        for scenario in file.scenarios:
            play(trial, fmt, scenario)

    body.__doc__ = f"The behaviours of the run {file.topic} of the formal model."
    return body


def _properties() -> Iterator[Property]:
    for file in load_scenarios():
        rules = dict.fromkeys(rule for scenario in file.scenarios for rule in scenario["rules"])
        features = ("external", "schedule", "clock")
        yield from in_each_format(f"runtime/model/{file.topic}", _body(file), *rules, features=features, once=True)


PROPERTIES: Final = tuple(_properties())
