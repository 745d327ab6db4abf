"""The model store: what a store must answer to each request, in the language of expectations.

One instance is one store, whatever its backend, however many handles and processes have it open. Every method carries
the request out and returns the expectation on the reply; where the text leaves freedom, the expectation has it too.

Invariant: a method whose expectation is a refusal leaves the store as it was, but for the objects that a refused
import may leave behind: they are *loose*, and nothing may be asked of the store that depends on them until a prune.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gritstone_conformance.model.bundle import Bundle, scan, write
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.grammar import check_reference, text_bytes
from gritstone_conformance.model.graph import TOMBSTONE, Closure, Tombstone, check_target, close
from gritstone_conformance.model.limits import Limits
from gritstone_conformance.model.refusals import Defect, Refusal, exhausted, invalid, missing, ok, refused, rejected
from gritstone_conformance.model.values import Object, kind_of, to_base64
from gritstone_conformance.replies import Json

__all__ = ["Change", "Store"]

Expectation = dict[str, Json]


@dataclass(frozen=True, slots=True)
class Change:
    """One change of an update; None stands for no such reference."""

    name: str
    old: bytes | None
    new: bytes | None

    def to_json(self) -> dict[str, Json]:
        """Return the change as ``grit.cas`` takes it."""
        old, new = (None if identity is None else identity.hex() for identity in (self.old, self.new))
        return {"name": self.name, "old": old, "new": new}


@dataclass(slots=True)
class Store:
    """One store.

    Attributes:
        format: its object format, for life.
        limits: what the implementation declared.
        objects: ids to the bytes stored under them; of corrupt ones the altered bytes.
        corrupt: ids whose bytes do not hash to them.
        tombstones: ids of erased blobs.
        references: names to targets.
        loose: ids under which a refused import may or may not have left the right bytes.
        prunes: how many prunes removed at least one object.
    """

    format: Format
    limits: Limits = field(default_factory=Limits)
    objects: dict[bytes, bytes] = field(default_factory=dict)
    corrupt: set[bytes] = field(default_factory=set)
    tombstones: set[bytes] = field(default_factory=set)
    references: dict[str, bytes] = field(default_factory=dict)
    loose: dict[bytes, bytes] = field(default_factory=dict)
    decoded: dict[bytes, Object] = field(default_factory=dict)
    prunes: int = 0

    def put(self, data: bytes, identity: bytes | None = None) -> Expectation:
        """Store an object.

        Spec: :rule:`grit.store.put-strict`, :rule:`grit.store.put-idempotent`.
        """
        found = self.format.hash(data)
        defects: list[Defect] = []
        try:
            value = self.format.decode_within(data, self.limits.object_bytes)
        except Refusal as refusal:
            defects += refusal.defects
        if identity is not None and identity != found and not any(defect.kind == "exhausted" for defect in defects):
            defects.append(invalid("grit.store.put-strict", "the bytes have a different id", "digest"))
        if found in self.tombstones:
            defects.append(rejected("grit.erase.no-return", "the object was erased", "erased"))
        if defects:
            return Refusal(defects).expectation()
        self._keep(found, data)
        self.decoded[found] = value
        return ok(id=found.hex())

    def get(self, identity: bytes) -> Expectation:
        """Return the bytes of an object."""
        if identity in self.loose:
            return {"any": [refused("missing"), ok(bytes=to_base64(self.loose[identity]))]}
        defect = self._lacking(identity)
        return ok(bytes=to_base64(self.objects[identity])) if defect is None else Refusal([defect]).expectation()

    def has(self, identities: Iterable[bytes]) -> Expectation:
        """Return for each id whether bytes are stored under it."""
        return ok(has=[{"$": "any"} if wanted in self.loose else wanted in self.objects for wanted in identities])

    def damage(self, identity: bytes, offset: int, xor: int) -> Expectation:
        """Change one byte of the stored encoding behind the store's back."""
        defect = self._lacking(identity)
        if defect is not None and identity not in self.corrupt:
            return Refusal([defect]).expectation()
        stored = bytearray(self.objects[identity])
        if offset >= len(stored):
            return Refusal([rejected("grit.store.verify", f"there is no byte at {offset}")]).expectation()
        stored[offset] ^= xor
        self.objects[identity] = bytes(stored)
        if self.format.hash(bytes(stored)) == identity:
            self.corrupt.discard(identity)
        else:
            self.corrupt.add(identity)
        return ok()

    def erase(self, identity: bytes) -> Expectation:
        """Remove the bytes of a blob and leave a tombstone."""
        if identity in self.tombstones:
            return ok()
        defect = self._lacking(identity)
        if defect is None and kind_of(self._value(identity)) != "blob":
            defect = rejected("grit.erase.blob-only", f"{identity.hex()} is not a blob")
        if defect is not None:
            return Refusal([defect]).expectation()
        del self.objects[identity]
        self.tombstones.add(identity)
        return ok()

    def prune(self, pins: Iterable[bytes] = ()) -> Expectation:
        """Remove what no reference and no pin reaches.

        Spec: :rule:`grit.prune.exact`.
        """
        closure = self.closure([*self.references.values(), *pins])
        if closure.defects:
            return Refusal(closure.defects).expectation()
        removed = [identity for identity in self.objects if identity not in closure.found]
        for identity in removed:
            del self.objects[identity]
        self.corrupt.difference_update(removed)
        self.prunes += bool(removed)
        loose, self.loose = self.loose, {}
        return ok(removed={"$": "any"} if loose else len(removed))

    def refs(self, prefix: str = "", after: str | None = None, limit: int = 4096) -> Expectation:
        """List references in ascending order.

        Spec: :rule:`grit.ref.list`.
        """
        names = sorted(name for name in self.references if name.startswith(prefix))
        if after is not None:
            names = [name for name in names if name.encode() > text_bytes(after)]
        pairs = [[name, self.references[name].hex()] for name in names[:limit]]
        return ok(refs=pairs, more=len(names) > limit)

    def cas(self, changes: Sequence[Change]) -> Expectation:
        """Update references by compare-and-swap, all or none.

        Spec: :rule:`grit.ref.cas`, :rule:`grit.ref.target`, :rule:`grit.ref.limit`.
        """
        defects = [*self._wrong_names(changes), *self._wrong_targets(changes)]
        if len(changes) > self.limits.cas_names:
            defects.append(exhausted("grit.ref.limit", f"{len(changes)} changes"))
        after = dict(self.references)
        for change in changes:
            if self.references.get(change.name) != change.old:
                defects.append(rejected("grit.ref.cas", f"{change.name} has a different target", "conflict"))
            if change.new == change.old:
                continue
            after.pop(change.name, None)
            if change.new is not None:
                after[change.name] = change.new
        if len(after) > self.limits.refs:
            defects.append(exhausted("grit.ref.limit", f"{len(after)} references"))
        if defects:
            return Refusal(defects).expectation()
        self.references = after
        return ok()

    def export(self, names: Iterable[str] | None = None) -> bytes:
        """Return the bundle of references and their closure.

        Raises:
            Refusal: there is none.

        Spec: :rule:`grit.bundle.deterministic`.
        """
        chosen = dict(self.references)
        if names is not None:
            lacking = [name for name in names if name not in chosen]
            if lacking:
                raise Refusal([missing("grit.bundle.exact", f"there is no reference {lacking[0]!r}")])
            chosen = {name: chosen[name] for name in names}
        closure = self.closure(chosen.values())
        if closure.defects:
            raise Refusal(closure.defects)
        return write(self.format, chosen, {identity: self.objects.get(identity) for identity in closure.found})

    def import_(self, data: bytes) -> Expectation:
        """Take a bundle over.

        Spec: :rule:`grit.bundle.import-atomic`, :rule:`grit.erase.no-return`.
        """
        limits = self.limits
        bundle = scan(data, self.format, object_bytes=limits.object_bytes, tree_depth=limits.tree_depth)
        defects = [*bundle.defects, *self._conflicts(bundle.references)]
        if len(after := self.references | bundle.references) > limits.refs:
            defects.append(exhausted("grit.ref.limit", f"{len(after)} references"))
        if defects:
            self._loosen(bundle)
            return Refusal(defects).expectation()
        for identity, encoding in bundle.frames().items():
            if encoding is None and identity not in self.objects:
                self.tombstones.add(identity)
            elif encoding is not None and identity not in self.tombstones:
                self._keep(identity, encoding)
        self.references |= bundle.references
        return ok(objects=bundle.objects, refs=len(bundle.references))

    def closure(self, roots: Iterable[bytes]) -> Closure:
        """Form a closure in this store."""
        return close(roots, self._look, self.limits.tree_depth)

    def copy(self) -> Store:
        """Return a store that holds the same and goes its own way from here."""
        parts = (dict(self.objects), set(self.corrupt), set(self.tombstones), dict(self.references), dict(self.loose))
        return Store(self.format, self.limits, *parts, self.decoded)

    def look(self, identity: bytes) -> Object | Tombstone | Defect:
        """Return the object of an id, its tombstone, or the reason of a failure."""
        return self._look(identity)

    def keep(self, encodings: Mapping[bytes, bytes]) -> None:
        """Store encodings that code of actors made, under the ids that they have."""
        for identity, data in encodings.items():
            if identity not in self.tombstones:
                self._keep(identity, data)

    def _keep(self, identity: bytes, data: bytes) -> None:
        self.objects[identity] = data
        self.corrupt.discard(identity)
        self.loose.pop(identity, None)

    def _loosen(self, bundle: Bundle) -> None:
        if bundle.format is self.format:
            for identity in bundle.shapes:
                encoding = bundle.encoding(identity)
                if encoding is not None and identity not in self.objects and identity not in self.tombstones:
                    self.loose[identity] = encoding

    def _look(self, identity: bytes) -> Object | Tombstone | Defect:
        if identity in self.tombstones:
            return TOMBSTONE
        assert identity not in self.loose, "the model does not know: a refused import may have left this object"
        if identity in self.objects and identity not in self.corrupt:
            return self._value(identity)
        return self._lacking(identity) or self._value(identity)

    def _lacking(self, identity: bytes) -> Defect | None:
        if identity in self.tombstones:
            return missing("grit.erase.tombstone", f"{identity.hex()} was erased", "erased")
        if identity not in self.objects:
            return missing("grit.store.missing", f"{identity.hex()} is absent")
        if identity in self.corrupt:
            return missing("grit.store.verify", f"{identity.hex()} is corrupt", "corrupt")
        return None

    def _value(self, identity: bytes) -> Object:
        if identity not in self.decoded:
            self.decoded[identity] = self.format.decode(self.objects[identity])
        return self.decoded[identity]

    def _wrong_names(self, changes: Sequence[Change]) -> Iterable[Defect]:
        for change in changes:
            yield from check_reference(change.name)
        if len({change.name for change in changes}) < len(changes):
            yield invalid("grit.ref.duplicate", "a name occurs twice")

    def _wrong_targets(self, changes: Sequence[Change]) -> Iterable[Defect]:
        for change in changes:
            if change.new is None or change.new == change.old:
                continue
            defect = self._lacking(change.new)
            if defect is not None:
                yield defect
            elif problem := check_target(change.name, self._value(change.new)):
                yield rejected("grit.ref.target", problem)

    def _conflicts(self, references: Mapping[str, bytes]) -> Iterable[Defect]:
        for name, target in references.items():
            if self.references.get(name, target) != target:
                yield rejected("grit.bundle.import-atomic", f"{name} has a different target", "conflict")
