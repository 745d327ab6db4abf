"""A pair: one handle of the subject, and the model store that it must be like.

Each method carries an operation out on the model and returns the request with the model's answer as its expectation;
:meth:`Pair.expect` then sends such requests pipelined. Requests must be sent in the order in which they were made.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gritstone_conformance.cases import CaseStep
from gritstone_conformance.judge import answer_of
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.limits import Limits
from gritstone_conformance.model.refusals import Refusal, ok, refused
from gritstone_conformance.model.store import Change, Store
from gritstone_conformance.model.values import from_base64, to_base64
from gritstone_conformance.replies import Json, Ok, Refused
from gritstone_conformance.trial import Asked, SubjectLike, Trial

__all__ = ["PIECE_BYTES", "Pair", "open_durable", "open_memory"]

PIECE_BYTES = 1 << 20
"""The most bytes of a bundle that one request or reply may carry."""

_EMPTY_PIECES = 64  # an export that gives more of them will never end


class Pair:
    """One handle and its model.

    Attributes:
        trial: where requests are sent and compared.
        model: what the store must be like; shared by all pairs of one durable store.
        handle: the handle's name.
        directory: where a durable store lives, or None.
        process: which process has the handle, or None for the trial's own.
        last_piece: bytes of the bundle in the last reply to an export.
    """

    def __init__(
        self,
        trial: Trial,
        model: Store,
        *,
        handle: str = "s",
        directory: str | None = None,
        process: SubjectLike | None = None,
    ) -> None:
        self.trial = trial
        self.model = model
        self.handle = handle
        self.directory = directory
        self.process = process
        self.last_piece = 0

    def expect(self, *requests: Asked, rule: str | None = None) -> list[dict[str, Json]]:
        """Send requests pipelined and compare each reply with its expected value."""
        return self.trial.expect_many(requests, rule=rule, on=self.process)

    def beside(self, handle: str, process: SubjectLike | None = None) -> Pair:
        """Open another handle on the same durable store, perhaps in another process."""
        other = Pair(self.trial, self.model, handle=handle, directory=self.directory, process=process)
        other.expect(other.open(create=False))
        return other

    def open(self, *, create: bool, expect: dict[str, Json] | None = None) -> Asked:
        """Return the request that opens the handle."""
        backend: dict[str, Json] = {"backend": "memory"}
        if self.directory is not None:
            backend = {"backend": "durable", "dir": self.directory}
        args = {"store": self.handle, "format": self.model.format.name, **backend, "create": create}
        return "grit.open", args, ok() if expect is None else expect

    def close(self) -> Asked:
        """Return the request that closes the handle."""
        return "grit.close", {"store": self.handle}, ok()

    def put(self, data: bytes, identity: bytes | None = None, *, rule: str | None = None) -> Asked:
        """Return ``grit.put`` of bytes, with an id if one is given."""
        extra = {} if identity is None else {"id": identity.hex()}
        args = {"store": self.handle, "bytes": to_base64(data), **extra}
        return "grit.put", args, self.model.put(data, identity), rule

    def get(self, identity: bytes, *, rule: str | None = None) -> Asked:
        """Return ``grit.get`` of an id."""
        return "grit.get", self._at(identity), self.model.get(identity), rule

    def has(self, identities: Sequence[bytes], *, rule: str | None = None) -> Asked:
        """Return ``grit.has`` of ids."""
        args = {"store": self.handle, "ids": [identity.hex() for identity in identities]}
        return "grit.has", args, self.model.has(identities), rule

    def erase(self, identity: bytes, *, rule: str | None = None) -> Asked:
        """Return ``grit.erase`` of an id."""
        return "grit.erase", self._at(identity), self.model.erase(identity), rule

    def damage(self, identity: bytes, offset: int, xor: int) -> Asked:
        """Return ``grit.damage`` of an id; the offset lies within the encoding."""
        args = {**self._at(identity), "offset": offset, "xor": xor}
        return "grit.damage", args, self.model.damage(identity, offset, xor)

    def prune(self, pins: Iterable[bytes] = (), *, rule: str | None = None) -> Asked:
        """Return ``grit.prune`` with pins."""
        pinned = list(pins)
        args = {"store": self.handle, "pins": [identity.hex() for identity in pinned]}
        return "grit.prune", args, self.model.prune(pinned), rule

    def refs(self, prefix: str = "", after: str | None = None, limit: int = 4096, *, rule: str | None = None) -> Asked:
        """Return ``grit.refs``."""
        args = {"store": self.handle, "prefix": prefix, "after": after, "limit": limit}
        return "grit.refs", args, self.model.refs(prefix, after, limit), rule

    def cas(self, *changes: Change, rule: str | None = None) -> Asked:
        """Return ``grit.cas`` of changes."""
        args = {"store": self.handle, "changes": [change.to_json() for change in changes]}
        return "grit.cas", args, self.model.cas(changes), rule

    def point(self, name: str, target: bytes | None, *, rule: str | None = None) -> Asked:
        """Return ``grit.cas`` of one reference from what it is in the model."""
        return self.cas(Change(name, self.model.references.get(name), target), rule=rule)

    def take(self, data: bytes, *, rule: str | None = None) -> list[Asked]:
        """Return ``grit.import`` of a bundle, in as few pieces as are allowed."""
        cuts = range(0, max(len(data), 1), PIECE_BYTES)
        parts = [data[at : at + PIECE_BYTES] for at in cuts]
        counted = ok(objects=0, refs=0)
        early: list[Asked] = [self.piece(part, more=True, expect=counted, rule=rule) for part in parts[:-1]]
        return [*early, self.piece(parts[-1], more=False, expect=self.model.import_(data), rule=rule)]

    def take_file(self, path: str, data: bytes, *, rule: str | None = None) -> Asked:
        """Return ``grit.import`` of the bundle that lies at a path."""
        return "grit.import", {"store": self.handle, "from": path}, self.model.import_(data), rule

    def export_file(self, path: str, names: Sequence[str] | None = None, *, rule: str | None = None) -> Asked:
        """Return ``grit.export`` to a path."""
        args: dict[str, Json] = {"store": self.handle, "to": path, **_named(names)}
        try:
            data = self.model.export(names)
        except Refusal as refusal:
            return "grit.export", args, refusal.expectation(), rule
        return "grit.export", args, ok(size=len(data), digest=data[-32:].hex()), rule

    def export(self, names: Sequence[str] | None = None, *, rule: str | None = None) -> bytes | None:
        """Export in pieces, at once, and hold every piece against the model's bundle.

        Returns:
            The bundle, or None where the model says that there is none.
        """
        args: dict[str, Json] = {"store": self.handle, "cursor": None, **_named(names)}
        try:
            data = self.model.export(names)
        except Refusal as refusal:
            self.expect(("grit.export", args, refusal.expectation(), rule))
            return None
        self.export_rest(self.export_piece(args, data, 0, rule=rule), data, self.last_piece, rule=rule)
        return data

    def export_rest(self, cursor: str | None, data: bytes, at: int, *, rule: str | None = None) -> None:
        """Ask for all further pieces of an export and hold them against the bundle from an offset on."""
        empty = 0
        while cursor is not None:
            args: dict[str, Json] = {"store": self.handle, "cursor": cursor}
            cursor = self.export_piece(args, data, at, rule=rule)
            at += self.last_piece
            empty += self.last_piece == 0
            if empty > _EMPTY_PIECES:
                self.trial.fail("a piece with bytes", "empty pieces without end", words="empty pieces", rule=rule)

    def export_piece(self, args: dict[str, Json], data: bytes, at: int, *, rule: str | None = None) -> str | None:
        """Send one request of an export and compare its piece with the bundle from an offset on.

        The length of a piece is free, so the expectation that stands in the trace is made after the reply: the same
        bytes of the bundle, and a bound name for the cursor.

        Returns:
            The cursor for the next piece; None after the last.
        """
        reply = self.trial.observe("grit.export", args, on=self.process)
        value = reply.value if isinstance(reply, Ok) else {}
        cursor, piece = value.get("cursor"), from_base64(value.get("bytes", ""))
        wanted = data[at : at + len(piece)] if cursor is not None else data[at:]
        self.last_piece = len(piece)
        label = f"cursor-{len(self.trial.steps)}"
        expect = ok(bytes=to_base64(wanted), cursor=None if cursor is None else {"$": label})
        self.trial.steps[-1] = CaseStep("grit.export", self._relabel(args), expect, rule)
        if not isinstance(reply, Ok):
            word = f"refused:{reply.kind}" if hasattr(reply, "kind") else "unsupported or error"
            self.trial.fail({"ok": {"bytes": "…"}}, word, words=f"expected ok got {word}", rule=rule)
        if piece != wanted or len(piece) > PIECE_BYTES:
            self.trial.fail(
                *(to_base64(wanted), value.get("bytes")),
                path="/bytes",
                words="expected value got value at /bytes",
                rule=rule,
            )
        if cursor is not None:
            self.trial.bindings[label] = cursor
        return cursor

    def old_cursor(self, cursor: str) -> None:
        """Ask for a piece with a cursor that must not be accepted."""
        args: dict[str, Json] = {"store": self.handle, "cursor": cursor}
        reply = self.trial.observe("grit.export", args, on=self.process)
        self.trial.steps[-1] = CaseStep("grit.export", self._relabel(args), refused("rejected"), "grit.bundle.cursor")
        if not isinstance(reply, Refused) or reply.kind != "rejected":
            words = "an old cursor is not rejected"
            self.trial.fail(refused("rejected"), answer_of(reply), words=words, rule="grit.bundle.cursor")

    def _relabel(self, args: dict[str, Json]) -> dict[str, Json]:
        """Replace a cursor that was given by the name under which it is bound."""
        names = {value: name for name, value in self.trial.bindings.items() if name.startswith("cursor-")}
        cursor = args.get("cursor")
        return args if cursor is None else {**args, "cursor": {"$": names[cursor]}}

    def piece(self, part: bytes, *, more: bool, expect: dict[str, Json], rule: str | None = None) -> Asked:
        """Return ``grit.import`` of one piece, with an expectation that the model has given elsewhere."""
        return "grit.import", {"store": self.handle, "bytes": to_base64(part), "more": more}, expect, rule

    def _at(self, identity: bytes) -> dict[str, Json]:
        return {"store": self.handle, "id": identity.hex()}


def open_memory(trial: Trial, fmt: Format, handle: str = "s", process: SubjectLike | None = None) -> Pair:
    """Open a new memory store next to a new model."""
    model = Store(fmt, Limits.of(trial.claims.limits, trial.claims.features))
    pair = Pair(trial, model, handle=handle, process=process)
    pair.expect(pair.open(create=True))
    return pair


def open_durable(
    trial: Trial,
    fmt: Format,
    handle: str = "s",
    process: SubjectLike | None = None,
) -> Pair:
    """Make a durable store in a fresh directory next to a new model."""
    model = Store(fmt, Limits.of(trial.claims.limits, trial.claims.features))
    pair = Pair(trial, model, handle=handle, directory=trial.directory(), process=process)
    pair.expect(pair.open(create=True))
    return pair


def _named(names: Sequence[str] | None) -> dict[str, Json]:
    return {} if names is None else {"names": list(names)}
