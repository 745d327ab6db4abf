"""What an image looks like to people: actors, operations and worlds, and actors by name.

The name of an actor is ``name`` in its first core, which never changes. ``alice`` is a principal, and
``alice/tool`` an actor that it owns. Only the outside makes principals, so an actor cannot take the name of another
owner.

Spec: :ref:`image-list`, :ref:`image-log`, :ref:`image-past`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gritstone.errors import GritstoneError, Missing
from gritstone.grit.objects import Blob, ObjectId, Tree
from gritstone.image.actors import Actor
from gritstone.image.cores import read_timer
from gritstone.image.engine import Outcome as Made
from gritstone.image.refusals import Failure, refusal
from gritstone.image.requests import Shown
from gritstone.wit.objects import Objects

__all__ = ["Mail", "OperationFailed", "Outcome", "View", "WorldView", "find_actor", "is_name", "name_of", "view_of"]

_DIGITS = frozenset("0123456789abcdef")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class OperationFailed(GritstoneError):  # noqa: N818 - the word of the spec
    """An operation that had to commit has failed; nothing of it remains but its record.

    Attributes:
        seq: its number.
        failure: why it failed.
    """

    def __init__(self, seq: int, failure: Failure) -> None:
        super().__init__(f"operation {seq} failed: {failure}")
        self.seq = seq
        self.failure = failure


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of an operation.

    Attributes:
        seq: its number.
        failure: why it failed; None if it committed.
    """

    seq: int
    failure: Failure | None

    @property
    def failed(self) -> str | None:
        """Return class and code of the failure, as in ``rejected/capability``; None if the operation committed."""
        return None if self.failure is None else str(self.failure)

    def require(self) -> Outcome:
        """Return this outcome if the operation committed.

        Raises:
            OperationFailed: it failed.
        """
        if self.failure is not None:
            raise OperationFailed(self.seq, self.failure)
        return self

    @classmethod
    def of(cls, made: Made) -> Outcome:
        """Return the outcome that the engine reports."""
        return cls(made.seq, made.failure)


@dataclass(frozen=True, slots=True)
class View:
    """An actor, as ``image.list`` shows it.

    Attributes:
        actor: the actor.
        name: its name; the id if it has none, or if the viewer does not see more than the id.
        owner: its owner; None in the second case.
        core: the id of its core; None in the same case.
        caps: the granter of each capability.
        entry: the text of the entry table by type.
        code: the types that it handles.
        timers: due time in milliseconds, seq, index and type of each timer by its handle.
        subs: pairs of event and subscriber.
    """

    actor: Actor
    name: str
    owner: ObjectId | None = None
    core: ObjectId | None = None
    caps: Mapping[str, str] = field(default_factory=dict)
    entry: Mapping[str, str] = field(default_factory=dict)
    code: Sequence[str] = ()
    timers: Mapping[str, tuple[int, int, int, str]] = field(default_factory=dict)
    subs: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class WorldView:
    """A world.

    Attributes:
        seq: its number.
        root: the id of its list of references.
        references: the references, ascending by name.
    """

    seq: int
    root: ObjectId
    references: Sequence[tuple[str, ObjectId]]


@dataclass(frozen=True, slots=True)
class Mail:
    """A message of an actor to the outside.

    Attributes:
        sender: the actor.
        id: the id of the message.
        headers: its headers.
        content: the id of its content.
    """

    sender: Actor
    id: ObjectId
    headers: Mapping[str, str]
    content: ObjectId

    @property
    def mt(self) -> str:
        """Return the type of the message."""
        return self.headers.get("mt", "")


def view_of(objects: Objects, shown: Shown) -> View:
    """Return the view of an actor that the service lists."""
    actor = Actor(shown.actor)
    if shown.position is None or shown.facts is None:
        return View(actor, actor.id.hex())
    name = name_of(objects, shown.actor)
    facts = shown.facts
    timers = {name: read_timer(facts.data(target)) for name, target in sorted(facts.part("timers").items())}
    return View(
        actor,
        name,
        facts.owner or shown.actor,
        shown.position.step.core,
        {name: facts.data(target).decode() for name, target in sorted(facts.part("caps").items())},
        {name: facts.data(target).decode() for name, target in sorted(facts.part("entry").items())},
        sorted(shown.code),
        {name: timer for name, timer in timers.items() if timer is not None},
        [(one.partition(".")[0], one.partition(".")[2]) for one in sorted(facts.part("subs"))],
    )


def is_name(text: str) -> bool:
    """Return whether a text can be the name of an actor: up to 64 letters, digits and ``_.-``."""
    return _NAME.fullmatch(text) is not None


def name_of(objects: Objects, actor: ObjectId) -> str:
    """Return the name of an actor, with that of its owner before it; the id if the actor has none.

    Raises:
        Missing: the first core is damaged.
    """
    core = _tree(objects, actor)
    name = _text(objects, core.get("name"))
    owner = _text(objects, _tree(objects, core.get("image")).get("owner"))
    if name is None or owner is None or not is_name(name):
        return actor.hex()
    if owner == "self":
        return name
    above = _text(objects, _tree(objects, bytes.fromhex(owner)).get("name"))
    return actor.hex() if above is None or not is_name(above) else f"{above}/{name}"


def _tree(objects: Objects, target: ObjectId | None) -> Mapping[str, ObjectId]:
    value = None if target is None else objects.look(target)
    return value.entries if isinstance(value, Tree) else {}


def _text(objects: Objects, target: ObjectId | None) -> str | None:
    value = None if target is None else objects.look(target)
    return value.data.decode("utf-8", "replace") if isinstance(value, Blob) else None


def find_actor(objects: Objects, actors: Iterable[ObjectId], text: str) -> Actor:
    """Return the actor with a name, or else the one whose id begins with a text.

    Args:
        objects: supplies objects.
        actors: the actors.
        text: a name, or hexadecimal digits.

    Raises:
        Missing: there is none, or more than one (code ``actor``).
    """
    listed = list(actors)
    found = [one for one in listed if name_of(objects, one) == text]
    if not found and text and set(text) <= _DIGITS:
        found = [one for one in listed if one.hex().startswith(text)]
    if len(found) != 1:
        what = "no actor has this name or id" if not found else f"{len(found)} actors have this name or id"
        error = refusal("missing/actor", what, "request.reply", got=ascii(text[:80]))
        assert isinstance(error, Missing), "the class is missing"
        raise error
    return Actor(found[0])
