"""A shelf: objects by id, as code of actors reads them and adds to them.

It stands over a store or a bundle, keeps what it has read, blobs only where none is erased underneath, and holds what
was added apart, so that a transition leaves nothing behind unless its result is kept.

Invariant: reading never changes what is underneath; an id that is absent or of the wrong kind raises Refusal.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Final, NoReturn

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.graph import Look, Tombstone, leads
from gritstone_conformance.model.limits import Limits
from gritstone_conformance.model.refusals import Defect, Refusal, invalid
from gritstone_conformance.model.store import Store
from gritstone_conformance.model.values import Blob, Mailbox, Message, Object, Step, Tree, kind_of

__all__ = ["MOST_HELD", "Shelf"]

MOST_HELD: Final = 20_000  # objects that a shelf which forgets holds
_SHORT_BYTES: Final = 1024  # data of the longest blob that is kept


class Shelf:
    """Objects by id.

    Attributes:
        format: their format.
        limits: what binds objects that are added.
        added: ids and encodings of what was added.
        roots: ids of messages to the first message of their chain, as far as it is known.
        nesting: ids of trees to their nesting; what is in it has a whole closure.
        whole: ids of objects whose whole closure is there, with the right kinds.
        known: trees and messages that are underneath, to their ids, as far as they were noted.
        keeps_blobs: whether short blobs are kept once they were read, since none is erased underneath.
        closed: ids underneath whose whole closure is there; other than ``whole`` it is not changed here.
        forgets: whether what was read is forgotten from time to time, so that a large bundle need not fit into memory.
        erased: blobs of which data or headers were to be read although they were erased, until the set is cleared.
    """

    def __init__(self, fmt: Format, look: Look, limits: Limits | None = None) -> None:
        self.format = fmt
        self.limits = limits if limits is not None else Limits()
        self.added: dict[bytes, bytes] = {}
        self.roots: dict[bytes, bytes] = {}
        self.nesting: dict[bytes, int] = {}
        self.whole: set[bytes] = set()
        self.closed: Container[bytes] = frozenset()
        self.known: dict[Object, bytes] = {}
        self.forgets = False
        self.keeps_blobs = False
        self.erased: set[bytes] = set()
        self._look = look
        self._values: dict[bytes, Object | Tombstone] = {}
        self._mail: dict[bytes, dict[bytes, bytes]] = {}
        self._names: dict[bytes, dict[str, bytes]] = {}

    @classmethod
    def over(cls, store: Store) -> Shelf:
        """Return a shelf over a store."""
        return cls(store.format, store.look, store.limits)

    def hold(self, objects: Mapping[bytes, Object | Tombstone]) -> None:
        """Keep objects that are underneath and were read already; blobs are read again."""
        held = {identity: value for identity, value in objects.items() if type(value) is not Blob}
        self._values = held
        self.known = {value: each for each, value in held.items() if type(value) in (Message, Tree)}  # type: ignore[misc]

    def look(self, identity: bytes) -> Object | Tombstone | Defect:
        """Return the object of an id, its tombstone, or the defect of not having it."""
        value = self._values.get(identity)
        if value is not None:
            return value
        found = self._look(identity)
        if not isinstance(found, Defect) and self._is_kept(found):
            self._values[identity] = found
        return found

    def _is_kept(self, found: Object | Tombstone) -> bool:
        return not isinstance(found, Blob) or (self.keeps_blobs and len(found.data) <= _SHORT_BYTES)

    def get(self, identity: bytes) -> Object | Tombstone:
        """Return the object of an id, or its tombstone; raises Refusal where it is absent."""
        value = self._values.get(identity)
        if value is not None:
            return value
        found = self.look(identity)
        if isinstance(found, Defect):
            raise Refusal([found])
        return found

    def kind(self, identity: bytes) -> str:
        """Return the kind of what an id leads to; a tombstone is a blob."""
        value = self.get(identity)
        return "blob" if isinstance(value, Tombstone) else kind_of(value)

    def is_tree(self, identity: bytes) -> bool:
        """Return whether an id leads to a tree."""
        return identity in self._names or isinstance(self.get(identity), Tree)

    def blob(self, identity: bytes) -> Blob | None:
        """Return a blob, or None for what is no blob or was erased."""
        value = self.get(identity)
        if isinstance(value, Tombstone):
            self.erased.add(identity)
        return value if isinstance(value, Blob) else None

    def is_erased(self, identity: bytes) -> bool:
        """Return whether an id leads to an erased blob, whose data or headers would be read."""
        return self.blob(identity) is None and identity in self.erased

    def message(self, identity: bytes) -> Message:
        """Return a message."""
        value = self._values.get(identity) or self.get(identity)
        return value if isinstance(value, Message) else _wrong(identity, "message")

    def step(self, identity: bytes) -> Step:
        """Return a step."""
        value = self.get(identity)
        return value if isinstance(value, Step) else _wrong(identity, "step")

    def mail(self, identity: bytes | None) -> dict[bytes, bytes]:
        """Return a mailbox as a map, which is not to be changed; none is the empty map."""
        if identity is None:
            return {}
        found = self._mail.get(identity)
        if found is None:
            value = self.get(identity)
            if not isinstance(value, Mailbox):
                _wrong(identity, "mailbox")
            found = self._mail[identity] = dict(value.entries)
        return found

    def names(self, identity: bytes) -> dict[str, bytes]:
        """Return the entries of a tree as a map, which is not to be changed."""
        found = self._names.get(identity)
        if found is None:
            value = self.get(identity)
            if not isinstance(value, Tree):
                _wrong(identity, "tree")
            found = self._names[identity] = dict(value.entries)
        return found

    def put(self, value: Object) -> bytes:
        """Add an object and return its id; raises Refusal where it is longer than ``object_bytes``."""
        known = self.known.get(value)
        if known is not None:
            return known
        data = self.format.encode_within(value, self.limits.object_bytes)
        identity = self.format.hash(data)
        if identity not in self._values:
            found = self._look(identity)
            if isinstance(found, Defect):
                self.added[identity] = data
                self._values[identity] = value
            elif self._is_kept(found):
                self._values[identity] = found
        return identity

    def put_mail(self, entries: dict[bytes, bytes]) -> bytes | None:
        """Add a mailbox and return its id; an empty one is none."""
        return self.put(Mailbox(tuple(entries.items()))) if entries else None

    def forget(self) -> None:
        """Forget what was added and not taken over."""
        for identity in self.added:
            self._values.pop(identity, None)
        self.added = {}

    def trim(self, tips: Iterable[bytes] = ()) -> None:
        """Forget what was read if that is much and this shelf forgets; of roots, all but those of tips."""
        if self.forgets and len(self._values) > MOST_HELD:
            roots = {tip: self.roots[tip] for tip in tips if tip in self.roots}
            self.reread()
            self.roots = roots

    def reread(self) -> None:
        """Forget what was read, because objects underneath were removed. What was added stays."""
        self._values = {identity: self._values[identity] for identity in self.added if identity in self._values}
        for read in (self.nesting, self.roots, self._mail, self._names):
            read.clear()
        self.whole.clear()

    def flush(self, store: Store) -> None:
        """Hand what was added over to a store."""
        self._hand_over(store, self.added)
        self.added = {}

    def flush_reached(self, store: Store, root: bytes | None) -> None:
        """Hand over the added objects that an id reaches, and forget the rest, which need not be stored."""
        self.flush_all_reached(store, [] if root is None else [root])

    def flush_all_reached(self, store: Store, roots: Iterable[bytes]) -> None:
        """Hand over the added objects that ids reach, and forget the rest."""
        reached: dict[bytes, bytes] = {}
        waiting = list(roots)
        while waiting:
            identity = waiting.pop()
            value = self._values.get(identity)
            if identity not in self.added or identity in reached or value is None or isinstance(value, Tombstone):
                continue
            reached[identity] = self.added[identity]
            waiting += [target for target, _ in leads(value)]
        self._hand_over(store, reached)
        self.added = {identity: data for identity, data in self.added.items() if identity not in reached}
        self.forget()

    def _hand_over(self, store: Store, encodings: Mapping[bytes, bytes]) -> None:
        """Move encodings to a store, which from now on reports whether a blob among them was erased."""
        store.keep(encodings)
        for identity in encodings:
            if isinstance(self._values.get(identity), Blob):
                del self._values[identity]


def _wrong(identity: bytes, kind: str) -> NoReturn:
    raise Refusal([invalid("grit.graph.kinds", f"{identity.hex()} is not a {kind}")])
