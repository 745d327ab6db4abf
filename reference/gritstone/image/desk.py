"""A desk: an image as one principal sees it, for a program that does not have the rights of the outside.

What the principal does is a program that it runs, so its capabilities, its quota and its fuel decide. It reads its own
actors, and those that it has the right to read. It names its own actors, and those that its capabilities name. Another
id in a program is rejected, because an id as a content would make an object of another owner readable.

Spec: :ref:`image-capabilities`, :rule:`image.list.redacted`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gritstone.errors import Refusal
from gritstone.grit.objects import ObjectId
from gritstone.image.actors import Actor
from gritstone.image.builder import Program
from gritstone.image.capabilities import covered
from gritstone.image.image import Image
from gritstone.image.program_text import parse_ops
from gritstone.image.reading import OUTSIDE
from gritstone.image.record import Record
from gritstone.image.refusals import refusal
from gritstone.image.spelling import Op
from gritstone.image.views import Outcome, View, find_actor

__all__ = ["Desk"]

_MOST_TEXT = 65_536
_MOST_RECORDS = 256
_ID_DIGITS = 64


class Desk:
    """The calls of one principal.

    Attributes:
        image: the image.
        principal: the principal.
    """

    def __init__(self, image: Image, principal: Actor) -> None:
        """Sit down.

        Raises:
            Missing: the actor has no head (code ``actor``).
            Rejected: the actor is not a principal (code ``capability``).
        """
        self.image = image
        self.principal = principal
        if self._own()[principal.id].owner != principal.id:
            raise refusal("rejected/capability", "the actor is not a principal", "list.redacted", got=str(principal))

    def _own(self) -> Mapping[ObjectId, View]:
        """Return the actors of the principal."""
        views = self.image.list(self.principal)
        return {view.actor.id: view for view in views if view.owner is not None}

    # --- reading -----------------------------------------------------------------------------------------

    def list(self) -> Sequence[Mapping[str, Any]]:
        """List the actors of the principal, with rights, handled types and timers."""
        return [
            {
                "name": view.name,
                "actor": str(view.actor),
                "may": list(view.caps),
                "admits": {mt: senders.split("\n") for mt, senders in view.entry.items()},
                "handles": list(view.code),
                "timers": [{"due_ms": due, "type": mt} for due, _, _, mt in sorted(view.timers.values())],
            }
            for view in self._own().values()
        ]

    def read(self, path: str, actor: str | None = None) -> str | None:
        """Return the text at a path of the state of an actor; None if there is none.

        Raises:
            Missing: there is no such actor (code ``actor``).
            Rejected: the principal has no right to read it (code ``capability``).
            Exhausted: the text is longer than 65,536 bytes.
        """
        own = self._own()
        found = self._find(own, actor)
        if found.id not in own and not covered(own[self.principal.id].caps, found.may_read()):
            raise refusal("rejected/capability", "there is no right to read the actor", "program.read", got=actor)
        data = self.image.data(found, path)
        if data is not None and len(data) > _MOST_TEXT:
            raise refusal("exhausted/exhausted", "the text is too long", "program.exact", got=f"{len(data)} bytes")
        return None if data is None else data.decode("utf-8", "replace")

    def log(self, after: int = -1) -> Mapping[str, Any]:
        """Return the operations after a number in which actors of the principal took part, and where to continue."""
        own, records, seq = self._own(), list[Mapping[str, Any]](), after
        for record in self.image.log(after):
            seq = record.seq
            if not own.keys().isdisjoint(_actors_of(record)):
                records.append(_shown(record))
            if len(records) == _MOST_RECORDS:
                break
        return {"operations": records, "seq": seq}

    # --- operations --------------------------------------------------------------------------------------

    def run(self, program: str, key: str | None = None) -> Outcome:
        """Run a program, in its text form, as the principal.

        Args:
            program: the text; ``@name`` is an actor.
            key: makes it safe to repeat the request.

        Raises:
            LineDefect: a line is not an operation, or names what the principal does not know.
        """
        return self._run(self._parse(program), key)

    def install(self, mt: str, program: str, actor: str | None = None) -> Outcome:
        """Install a program in an actor of the principal, by the type of the message that it handles.

        For the principal itself, it needs the right to send itself ``image.install``.
        """
        target = self._find(self._own(), actor)
        return self._run(Program().send(target, "image.install", {"code": {mt: self._parse(program)}}), None)

    def spawn(
        self,
        name: str,
        code: Mapping[str, str],
        may: Sequence[str] = (),
        admit: Mapping[str, Sequence[str]] | None = None,
    ) -> Outcome:
        """Create an actor that the principal owns.

        Args:
            name: its name.
            code: the texts of its programs, by type.
            may: its capabilities, each a part of those of the principal.
            admit: the names of the actors that may send it messages, by type.
        """
        own = self._own()
        core = self.image.core_of(
            self.principal,
            name,
            caps=may,
            entry={mt: [self._find(own, one) for one in names] for mt, names in (admit or {}).items()},
            code={mt: self._parse(text) for mt, text in code.items()},
        )
        return self._run(Program().spawn(core), None)

    def _run(self, program: Program, key: str | None) -> Outcome:
        once = None if key is None else hashlib.sha256(self.principal.id + key.encode()).hexdigest()
        return self.image.request(self.principal.run(program), key=once)

    # --- names -------------------------------------------------------------------------------------------

    def _find(self, own: Mapping[ObjectId, View], text: str | None) -> Actor:
        """Return an actor of the principal, or one that its capabilities name; None is the principal.

        Raises:
            Missing: there is none (code ``actor``).
        """
        if text is None:
            return self.principal
        known = {*own, *_named(own[self.principal.id])}
        return find_actor(self.image.objects, (one for one in known if one != self.image.agent), text)

    def _parse(self, text: str) -> Program:
        own = self._own()

        def named(name: str) -> ObjectId:
            return self.image.agent if name == OUTSIDE else self._find(own, name).id

        if len(text) > _MOST_TEXT:
            raise refusal("exhausted/exhausted", "the program is too long", "language.closed", got=len(text))
        program = Program(parse_ops(text, named))
        receivers = {*own, *_named(own[self.principal.id]), self.image.agent}
        for op in program.ops:
            _check_ids(op, receivers, own.keys())
        return program


def _named(view: View) -> Iterator[ObjectId]:
    """Yield the actors that the capabilities of an actor name."""
    for capability in view.caps:
        actor = capability.split(".")[1] if "." in capability else ""
        if len(actor) == _ID_DIGITS:
            yield bytes.fromhex(actor)


def _check_ids(op: Op, receivers: Any, contents: Any) -> None:
    """Check that an operation has no id that the principal does not know.

    Raises:
        Refusal: it has one (``missing/actor``).
    """
    for at, value in enumerate(op.operands):
        is_receiver = at == 0 and op.name in ("send", "read")
        is_id = isinstance(value, bytes) and op.name not in ("write", "append", "expect")
        if is_id and value not in (receivers if is_receiver else contents):
            raise _unknown(value)


def _unknown(value: bytes) -> Refusal:
    return refusal("missing/actor", "the id is none of an actor that the principal knows", "cap.order", got=value.hex())


def _actors_of(record: Record) -> Iterator[ObjectId]:
    yield from (root.target for root in record.roots)
    yield from (move.actor for move in record.heads)


def _shown(record: Record) -> Mapping[str, Any]:
    shown: dict[str, Any] = {"seq": record.seq, "clock_ms": record.clock, "fuel": record.fuel}
    shown["failed"] = None if record.failure is None else str(record.failure)
    if record.savepoints:
        shown["undone"] = [str(one.failure) for one in record.savepoints]
    return shown
