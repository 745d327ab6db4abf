"""The host functions of one call of a guest, and the objects that it may access.

``GuestCall.call`` handles each host call in the same order: ranges, charge A, grant, then the method of the function.
The method checks its arguments, charges B once, and has its effect; to end early it raises ``EarlyResult``. An id
enters the scope when it is written for the guest, and at no other time.

Spec: :rule:`wasm.abi.function`, :rule:`wasm.abi.order`, :rule:`wasm.abi.range`, :rule:`wasm.abi.scope`,
:rule:`wasm.abi.buffer`, :rule:`wasm.abi.format-blind`, :rule:`wasm.fuel.host-call`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NoReturn

from gritstone.errors import Refusal
from gritstone.grit.objects import ZERO_ID, Blob, Kind, Mailbox, Message, Object, ObjectId, Step, Tree
from gritstone.wasm.arguments import EarlyResult, Inputs, headers_of, path_of
from gritstone.wasm.documents import Manifest
from gritstone.wasm.engine import Instance, trap
from gritstone.wasm.interface import (
    ABSENT,
    ERASED,
    FAILED,
    FUNCTIONS,
    GRANTS,
    INVALID,
    KIND,
    LIMIT,
    RANGES,
    UNKNOWN,
    base_units,
)
from gritstone.wasm.reader import I64
from gritstone.wasm.stream import random_bytes
from gritstone.wasm.views import Views
from gritstone.wasm.waiting import Suspension
from gritstone.wasm.weights import WEIGHT_LIMIT, mailbox_weight, placed_weights, tree_weight, weight
from gritstone.wit.failures import failure
from gritstone.wit.paths import ALPHABETS, Path
from gritstone.wit.workspace import Workspace

__all__ = ["GuestCall"]

_KINDS = {Kind.BLOB: 1, Kind.TREE: 2, Kind.MESSAGE: 3, Kind.MAILBOX: 4, Kind.STEP: 5}
_CONTENT = frozenset((Kind.BLOB, Kind.TREE))
_ID = 32  # bytes
_NAME_BYTES = 65_535  # of the name of a query
_LOG_BYTES, _FAIL_BYTES = 65_536, 1_024
_MOST_U63 = 2**63 - 1


@dataclass(slots=True)
class GuestCall:
    """The host side of one call.

    Attributes:
        workspace: supplies objects, and receives new ones.
        manifest: the grants.
        inputs: the inputs of the call.
        ask: queries another actor; returns an answer or None, or raises a refusal.
        log: receives the log texts.
        waiting: the state of suspending and resuming.
        random: the key and the position of the random stream, if granted.
        clock: the value of the next reading, if granted.
        result: the id that was set last as the result.
        scope: the ids that the guest may use.
        views: what was computed for the guest.
        instance: the instance that makes the current host call.
    """

    workspace: Workspace
    manifest: Manifest
    inputs: Inputs
    ask: Callable[[ObjectId, str, bytes], ObjectId | None]
    log: Callable[[bytes], None]
    waiting: Suspension
    random: tuple[bytes, int] | None = None
    clock: int | None = None
    result: ObjectId | None = None
    scope: set[ObjectId] = field(default_factory=set)
    views: Views = field(default_factory=Views)
    instance: Instance = field(init=False)

    def call(self, instance: Instance, name: str, arguments: Sequence[int]) -> int | None:
        """Run a host function; see ``HostCalls.call``."""
        self.instance = instance
        if self.waiting.is_winding:
            return self.waiting.resume(instance, name)
        method, ranges, units, is_granted, is_long = _PLANS[name]
        size = instance.memory_bytes
        read = 0
        for pointer, length, is_input in ranges:
            span = _ID if length is None else arguments[length]
            if arguments[pointer] + span > size:
                raise trap("memory-bounds")
            if is_input:
                read += span
        instance.charge(units - (-read // 8))
        if not (is_granted or self._grants(name)):
            rule = "wasm.wait.denied" if name == "wait" else "wasm.manifest.deny"
            raise failure("failed", f"{name} is not granted", rule=rule, detail=f"denied:{name}")
        try:
            result = method(self, *arguments)
        except EarlyResult as answer:
            result = answer.result
        if result is not None and result > 0x7FFF_FFFF and not is_long:
            result -= 1 << 32
        return result

    def _grants(self, name: str) -> bool:
        match name:
            case "random":
                return self.random is not None
            case "clock":
                return self.clock is not None
            case "attempt":
                return self.manifest.attempt
            case "query":
                return self.manifest.query and self.inputs.query_name is None
            case _:
                return self.waiting.is_granted

    # --- arguments and outputs -------------------------------------------------------------------------

    def _in_scope(self, *ids: ObjectId, none: tuple[int, ...] = (), free: tuple[int, ...] = ()) -> None:
        """Check that ids are in scope, in order.

        Args:
            ids: the ids.
            none: the positions of ids that may be zero.
            free: the positions of ids that need not be in scope if ``raw`` is granted.
        """
        if len(ids) == 1 and ids[0] in self.scope:
            return
        for place, one in enumerate(ids):
            if one == ZERO_ID:
                if place not in none:
                    raise EarlyResult(UNKNOWN)
            elif one not in self.scope and not (self.manifest.raw and place in free):
                raise EarlyResult(UNKNOWN)

    def _look(self, object_id: ObjectId, *kinds: Kind) -> Object | None:
        """Return an object of one of these kinds; None for a tombstone, even if the guest made the same blob again."""
        found = self.workspace.look(object_id)
        if type(found) is Blob and object_id in self.workspace.made and self.workspace.is_erased(object_id):
            found = None
        if (Kind.BLOB if found is None else found.kind) not in kinds:
            raise EarlyResult(KIND)
        return found

    def _edge(self, object_id: ObjectId, *kinds: Kind) -> None:
        """Check the kind of a new edge, unless it is zero."""
        if object_id != ZERO_ID and not self.manifest.raw:
            self._look(object_id, *kinds)

    def _give(self, out: int, object_id: ObjectId) -> None:
        """Write an id to the memory, and add it to the scope."""
        self.instance.write(out, object_id)
        if object_id != ZERO_ID:
            self.scope.add(object_id)

    def _kind(self, object_id: ObjectId) -> int:
        return _KINDS[self.workspace.kind(object_id)]

    def _path(self, data: bytes) -> Path:
        return path_of(data, self.workspace.objects.format.name)

    def _headers(self, data: bytes) -> Mapping[str, str]:
        return headers_of(data, ALPHABETS[self.workspace.objects.format.name])

    def _charge(self, size: int) -> None:
        """Charge B for the written or weighed size."""
        self.instance.charge(-(-size // 8))

    def _put_text(self, text: bytes, buf: int, cap: int) -> int:
        """Write a text if the buffer is large enough; return its length."""
        if len(text) <= cap:
            self._charge(len(text))
            self.instance.write(buf, text)
        return len(text)

    # --- reading ---------------------------------------------------------------------------------------

    def _input(self, which: int, out: int) -> int:
        if which > 7:
            return INVALID
        found = self.inputs.ids.get(which)
        if found is None:
            return ABSENT
        self._charge(_ID)
        self._give(out, found)
        return self._kind(found)

    def _covered(self, index: int, sender_out: int, message_out: int) -> int:
        if index >= len(self.inputs.covered):
            return ABSENT
        sender, message = self.inputs.covered[index]
        self._charge(2 * _ID + weight(self.workspace.look(message)))
        self._give(sender_out, sender)
        self._give(message_out, message)
        return 0

    def _kind_of(self, at: int) -> int:
        one = self.instance.read(at, _ID)
        self._in_scope(one)
        return self._kind(one)

    def _size(self, at: int) -> int:
        one = self.instance.read(at, _ID)
        self._in_scope(one)
        match self._look(one, Kind.BLOB, Kind.TREE, Kind.MAILBOX):
            case Blob(data=data):
                return len(data)
            case (Tree() | Mailbox()) as value:
                self._charge(self.views.weight(one, value))
                return len(value.entries)
            case _:
                return ERASED

    def _read(self, at: int, offset: int, buf: int, cap: int) -> int:
        one = self.instance.read(at, _ID)
        self._in_scope(one)
        value = self._look(one, Kind.BLOB)
        if not isinstance(value, Blob):
            return ERASED
        data = value.data[offset : offset + cap]
        self._charge(len(data))
        self.instance.write(buf, data)
        return len(data)

    def _header_list(self, at: int, buf: int, cap: int) -> int:
        one = self.instance.read(at, _ID)
        self._in_scope(one)
        value = self._look(one, Kind.BLOB, Kind.MESSAGE)
        if not isinstance(value, Blob | Message):
            return ERASED
        return self._put_text(self.views.headers(one, value), buf, cap)

    def _link(self, at: int, number: int, out: int) -> int:
        one = self.instance.read(at, _ID)
        self._in_scope(one)
        value = self._look(one, Kind.MESSAGE, Kind.STEP)
        edges: tuple[ObjectId | None, ...]
        if isinstance(value, Message):
            edges = value.previous, value.content
        else:
            assert isinstance(value, Step), "it is one of the two"
            edges = value.previous, value.actor, value.inbox, value.outbox, value.core
        if number >= len(edges):
            return INVALID
        target = edges[number]
        self._charge(weight(value) + (0 if target is None else _ID))
        if target is None:
            return ABSENT
        self._give(out, target)
        return self._kind(target)

    def _entry(self, at: int, index: int, buf: int, cap: int, out: int) -> int:
        one = self.instance.read(at, _ID)
        self._in_scope(one)
        value = self._look(one, Kind.TREE, Kind.MAILBOX)
        assert isinstance(value, Tree | Mailbox), "it is one of the two"
        entries = self.views.entries(one, value)
        key, target = entries[index] if index < len(entries) else (b"", ZERO_ID)
        is_written = index < len(entries) and len(key) <= cap
        self._charge(self.views.weight(one, value) + (len(key) + _ID if is_written else 0))
        if index >= len(entries):
            return ABSENT
        if is_written:
            self.instance.write(buf, key)
            if isinstance(value, Mailbox):
                self.scope.add(key)
            self._give(out, target)
        return len(key)

    def _find(self, at: int, key: int, size: int, out: int) -> int:
        one, wanted = self.instance.read(at, _ID), self.instance.read(key, size)
        self._in_scope(one)
        value = self._look(one, Kind.TREE, Kind.MAILBOX)
        if isinstance(value, Mailbox):
            if size != _ID:
                return INVALID
            looked, found = weight(value), value.entries.get(wanted)
        else:
            assert isinstance(value, Tree), "it is one of the two"
            looked, found = self._follow(one, value, self._path(wanted))
        self._charge(looked + (0 if found is None else _ID))
        if found is None:
            return ABSENT
        self._give(out, found)
        return self._kind(found)

    def _follow(self, root: ObjectId, tree: Tree, path: Path) -> tuple[int, ObjectId | None]:
        """Follow a path; return the weight of the visited trees, and the id that was found."""
        looked = 0
        at: Tree | None = tree
        found: ObjectId | None = root
        for name in path:
            if at is None or found is None:
                return looked, None
            looked += self.views.weight(found, at)
            found = at.entries.get(name)
            at = None if found is None else self.workspace.tree(found)
        return looked, found

    # --- making ----------------------------------------------------------------------------------------

    def _make(self, out: int, value: Object) -> int:
        """Store an object that has no entries."""
        made = weight(value)
        self._charge(made + (_ID if made <= WEIGHT_LIMIT else 0))
        if made > WEIGHT_LIMIT:
            return LIMIT
        self._give(out, self.workspace.put(value))
        return 0

    def _place(self, root_at: int, path_at: int, size: int, child_at: int, out: int) -> int:
        root, child = self.instance.read(root_at, _ID), self.instance.read(child_at, _ID)
        path = self._path(self.instance.read(path_at, size))
        self._in_scope(root, child, none=(0, 1), free=(1,))
        tree = None if root == ZERO_ID else self._look(root, Kind.TREE)
        self._edge(child, *_CONTENT)
        assert tree is None or isinstance(tree, Tree), "the kind was checked"
        levels, is_there = self._walk(tree, path)
        read = sum(tree_weight(entries) for entries in levels)
        if child == ZERO_ID and not is_there:
            self._charge(read)
            return ABSENT
        levels += [{} for _ in range(len(path) - len(levels))]
        made = placed_weights(levels, path, is_removed=child == ZERO_ID)
        is_over = max(made, default=0) > WEIGHT_LIMIT
        self._charge(read + sum(made) + (0 if is_over else _ID))
        if is_over:
            return LIMIT
        target = child
        for name, entries in zip(reversed(path), reversed(levels), strict=True):
            below = {one: to for one, to in entries.items() if one != name}
            if target != ZERO_ID:
                below[name] = target
            target = self.workspace.put(Tree(MappingProxyType(below))) if below else ZERO_ID
        self._give(out, target)
        return 0

    def _walk(self, tree: Tree | None, path: Path) -> tuple[list[Mapping[str, ObjectId]], bool]:
        """Return the entries of the existing trees on a path, and whether the path leads to an object."""
        levels: list[Mapping[str, ObjectId]] = []
        found: ObjectId | None = None
        for name in path:
            if tree is None:
                return levels, False
            levels.append(tree.entries)
            found = tree.entries.get(name)
            tree = None if found is None else self.workspace.tree(found)
        return levels, found is not None

    def _mail(self, box_at: int, actor_at: int, message_at: int, out: int) -> int:
        box, actor, message = (self.instance.read(at, _ID) for at in (box_at, actor_at, message_at))
        self._in_scope(box, actor, message, none=(0, 2), free=(1, 2))
        before = None if box == ZERO_ID else self._look(box, Kind.MAILBOX)
        self._edge(actor, Kind.TREE)
        self._edge(message, Kind.MESSAGE)
        entries = dict(before.entries) if isinstance(before, Mailbox) else {}
        read = mailbox_weight(len(entries))
        if message == ZERO_ID and actor not in entries:
            self._charge(read)
            return ABSENT
        if message == ZERO_ID:
            del entries[actor]
        else:
            entries[actor] = message
        made = mailbox_weight(len(entries))
        self._charge(read + made + (_ID if made <= WEIGHT_LIMIT else 0))
        if made > WEIGHT_LIMIT:
            return LIMIT
        self._give(out, self.workspace.put(Mailbox(MappingProxyType(entries))) if entries else ZERO_ID)
        return 0

    def _blob(self, data_at: int, size: int, headers_at: int, length: int, out: int) -> int:
        headers = self._headers(self.instance.read(headers_at, length))
        return self._make(out, Blob(headers, self.instance.read(data_at, size)))

    def _message(self, before_at: int, headers_at: int, length: int, at: int, out: int) -> int:
        previous, content = self.instance.read(before_at, _ID), self.instance.read(at, _ID)
        headers = self._headers(self.instance.read(headers_at, length))
        self._in_scope(previous, content, none=(0,), free=(0, 1))
        self._edge(previous, Kind.MESSAGE)
        self._edge(content, *_CONTENT)
        return self._make(out, Message(_link(previous), headers, content))

    def _step(self, *at: int) -> int:
        *ids_at, out = at
        ids = [self.instance.read(one, _ID) for one in ids_at]
        self._in_scope(*ids, none=(0, 2, 3), free=(0, 1, 2, 3, 4))
        for one, kind in zip(ids, (Kind.STEP, Kind.TREE, Kind.MAILBOX, Kind.MAILBOX, Kind.TREE), strict=True):
            self._edge(one, kind)
        previous, actor, inbox, outbox, core = ids
        return self._make(out, Step(_link(previous), actor, _link(inbox), _link(outbox), core))

    # --- the rest --------------------------------------------------------------------------------------

    def _result(self, at: int) -> int:
        one = self.instance.read(at, _ID)
        self._in_scope(one, none=(0,), free=(0,))
        self.result = _link(one)
        return 0

    def _query_name(self, buf: int, cap: int) -> int:
        if self.inputs.query_name is None:
            return ABSENT
        return self._put_text(self.inputs.query_name.encode(), buf, cap)

    def _query(self, actor_at: int, name_at: int, size: int, args_at: int, out: int) -> int:
        actor, args = self.instance.read(actor_at, _ID), self.instance.read(args_at, _ID)
        try:
            name = self.instance.read(name_at, size).decode("utf-8")
        except UnicodeDecodeError:
            return INVALID
        if size > _NAME_BYTES:
            return INVALID
        self._in_scope(actor, args)
        self._look(actor, Kind.TREE)
        value = self._look(args, Kind.BLOB)
        if not isinstance(value, Blob):
            return ERASED
        try:
            answer = self.ask(actor, name, value.data)
        except Refusal:
            return FAILED
        if answer is None:
            return ABSENT
        self._charge(_ID)
        self._give(out, answer)
        return self._kind(answer)

    def _random(self, buf: int, size: int) -> int:
        assert self.random is not None, "it was granted"
        key, position = self.random
        self.instance.charge(-(-size // 2))
        if position + size > _MOST_U63:
            return LIMIT
        self.instance.write(buf, random_bytes(key, position, size))
        self.random = key, position + size
        return 0

    def _clock(self) -> int:
        assert self.clock is not None, "it was granted"
        assert self.manifest.clock is not None, "it was granted"
        value = self.clock
        self.clock = (value + self.manifest.clock.tick) & _MOST_U63
        return value

    def _attempt(self) -> int:
        return self.inputs.attempt

    def _fuel(self) -> int:
        return self.instance.fuel

    def _log(self, at: int, size: int) -> int:
        self.log(self.instance.read(at, min(size, _LOG_BYTES)))
        return 0

    def _wait(self) -> int:
        return self.waiting.suspend(self.instance)

    def _fail(self, code: int, at: int, size: int) -> NoReturn:
        self.log(self.instance.read(at, min(size, _FAIL_BYTES)))
        raise failure("failed", "the guest failed", rule="wasm.outcome.guest", detail=f"guest:{code}")


_OTHERWISE = {"kind": "_kind_of", "headers": "_header_list"}
_METHODS: Mapping[str, Callable[..., int | None]] = MappingProxyType(
    {name: getattr(GuestCall, _OTHERWISE.get(name, f"_{name}")) for name in FUNCTIONS}
)
"""The method of each function."""

_PLANS: Mapping[str, tuple[Callable[..., int | None], tuple[tuple[int, int | None, bool], ...], int, bool, bool]] = (
    MappingProxyType(
        {
            name: (method, RANGES[name], base_units(name), name not in GRANTS, FUNCTIONS[name].results == (I64,))
            for name, method in _METHODS.items()
        }
    )
)
"""By function: its method, its ranges, its base units, whether it needs no grant, whether its result is an i64."""


def _link(object_id: ObjectId) -> ObjectId | None:
    return None if object_id == ZERO_ID else object_id
