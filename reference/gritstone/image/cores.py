"""Cores of actors: the part ``image``, which holds rights, and the checks of a whole core.

``Facts`` reads a core that is valid. ``check_core`` decides whether a core is valid: when an actor is created, when
code is installed, and when a core is restored.

Spec: :rule:`image.core.closed`, :rule:`image.spawn.valid`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING

from gritstone.errors import InternalError, Refusal
from gritstone.grit.objects import Blob, Object, ObjectId, Tree
from gritstone.image.capabilities import is_capability
from gritstone.image.guest_cores import check_guest, is_guest
from gritstone.image.programs import program_of
from gritstone.image.refusals import refusal
from gritstone.image.texts import is_empty, is_event, is_plain_type, read_id, read_number, text_of
from gritstone.wit.workspace import Workspace

if TYPE_CHECKING:
    from gritstone.wasm.guest_host import GuestHost

__all__ = [
    "CODE",
    "NO_ENTRIES",
    "QUOTA",
    "Facts",
    "Timer",
    "check_core",
    "check_first_core",
    "check_programs",
    "read_entry",
    "read_quota",
    "read_timer",
]

CODE = b"external:image/1"
"""The data of the nodes of an actor."""

QUOTA = ("actors", "bytes", "fuel", "posts", "subs", "timers")
"""The resources, in the order of a quota."""

NO_ENTRIES: Mapping[str, ObjectId] = MappingProxyType({})

Timer = tuple[int, int, int, str]
"""Due time in milliseconds, seq, index and type."""

_PARTS = frozenset({"owner", "caps", "entry", "quota", "timers", "subs"})
_FORBIDDEN = ("frozen", "wit_update")


class Facts:
    """What the part ``image`` of a valid core holds.

    Attributes:
        image_id: the id of the tree ``image``.
        image: its entries.
        owner: the id of the owner; None for a principal.
    """

    __slots__ = ("_workspace", "image", "image_id", "owner")

    def __init__(self, workspace: Workspace, core: Mapping[str, ObjectId]) -> None:
        self._workspace = workspace
        self.image_id = core["image"]
        self.image = _entries(workspace, self.image_id)
        blob = workspace.load(self.image["owner"])
        assert type(blob) is Blob, "the core is valid"
        self.owner = None if blob.data == b"self" else read_id(blob.data)

    def part(self, name: str) -> Mapping[str, ObjectId]:
        """Return the entries of ``caps``, ``entry``, ``timers`` or ``subs``."""
        target = self.image.get(name)
        return NO_ENTRIES if target is None else _entries(self._workspace, target)

    def data(self, target: ObjectId) -> bytes:
        """Return the data of a blob below ``image``; an erased one has none."""
        blob = self._workspace.look(target)
        return blob.data if type(blob) is Blob else b""

    def timer(self, handle: str) -> Timer | None:
        """Return a timer; None if there is none."""
        target = self.part("timers").get(handle)
        return None if target is None else read_timer(self.data(target))

    def quota(self) -> Mapping[str, int]:
        """Return the limits of a principal; none if it is not one."""
        target = self.image.get("quota")
        limits = None if target is None else read_quota(self.data(target))
        return {} if limits is None else limits


def _entries(workspace: Workspace, target: ObjectId) -> Mapping[str, ObjectId]:
    tree = workspace.tree(target)
    if tree is None:
        raise InternalError("a core of an actor of an image is not valid")
    return tree.entries


def read_quota(data: bytes) -> Mapping[str, int] | None:
    """Return the limits that a text of a quota lists; None if it is malformed."""
    lines = data.split(b"\n")
    if len(lines) != len(QUOTA) + 1 or lines.pop():
        return None
    limits: dict[str, int] = {}
    for resource, line in zip(QUOTA, lines, strict=True):
        name, _, limit = line.partition(b" ")
        number = read_number(limit)
        if name != resource.encode() or number is None:
            return None
        limits[resource] = number
    return limits


def read_timer(data: bytes) -> Timer | None:
    """Return the timer that a text describes; None if it is malformed."""
    fields = data.split(b" ")
    if len(fields) != 4:
        return None
    due, seq, index = (read_number(field) for field in fields[:3])
    mt = fields[3].decode("ascii", "replace")
    if due is None or seq is None or index is None or not is_plain_type(mt):
        return None
    return due, seq, index, mt


def read_entry(data: bytes) -> tuple[ObjectId, ...] | None:
    """Return the senders that a text of an entry table lists, none for ``*``; None if it is malformed."""
    if data == b"*":
        return ()
    ids = [read_id(line) for line in data.split(b"\n")]
    found = tuple(one for one in ids if one is not None)
    if len(found) < len(ids) or any(low >= high for low, high in pairwise(found)):
        return None
    return found


def check_core(workspace: Workspace, core: Mapping[str, ObjectId], guests: GuestHost | None) -> None:
    """Check that a core is valid.

    Args:
        workspace: supplies objects.
        core: its entries.
        guests: the host of guests; None if actors cannot be guests.

    Raises:
        Malformed: it is not (codes ``core``, ``capability``, ``program``).
        Rejected: a node names other code, or a module imports it (code ``import``).
        Exhausted: this host does not run the guest (code ``exhausted``).
        Missing: the store lacks an object.

    Spec: :rule:`image.core.closed`, :rule:`image.spawn.valid`, :rule:`image.tool.imports`.
    """
    for name in _FORBIDDEN:
        if name in core:
            raise _malformed(f"a core with an entry {name}")
    nodes = [_look(workspace, core.get(node)) for node in ("wit", "wit_query")]
    blobs = [node for node in nodes if type(node) is Blob]
    if len(blobs) < len(nodes):
        raise _malformed("a node that is not a blob")
    image = _tree(workspace, core.get("image"), "image")
    _check_image(workspace, image)
    has_module = guests is not None and is_guest(workspace, core)
    if not has_module and any(blob.data != CODE for blob in blobs):
        raise refusal("rejected/import", "the core names other code", "tool.imports")
    for name in _tree(workspace, image["caps"], "caps") if "caps" in image else ():
        if not is_capability(name):
            raise refusal("malformed/capability", "invalid capability in a core", "spawn.valid", got=ascii(name))
    if guests is not None and has_module:
        check_guest(guests, workspace, core)
    else:
        check_programs(workspace, core)


def check_first_core(
    workspace: Workspace,
    core: Mapping[str, ObjectId],
    is_principal: Callable[[ObjectId], bool],
    guests: GuestHost | None,
) -> None:
    """Check that a core is valid as the first one of an actor.

    Args:
        workspace: supplies objects.
        core: its entries.
        is_principal: returns whether an actor is a principal with a head.
        guests: the host of guests; None if actors cannot be guests.

    Raises:
        Malformed: as ``check_core``.
        Missing: the owner is not such a principal (code ``actor``).
    """
    check_core(workspace, core, guests)
    facts = Facts(workspace, core)
    if "timers" in facts.image or "subs" in facts.image:
        raise _malformed("a first core with timers or subscriptions")
    if facts.owner is not None and not is_principal(facts.owner):
        raise refusal("missing/actor", "the owner is not a principal", "spawn.valid", got=facts.owner.hex())


def check_programs(workspace: Workspace, core: Mapping[str, ObjectId]) -> None:
    """Check that every program of a core parses.

    Raises:
        Malformed: one does not (code ``program``).
    """
    target = core.get("code")
    if target is None:
        return
    tree = workspace.look(target)
    if type(tree) is not Tree:
        raise refusal("malformed/program", "the entry code is not a tree", "spawn.valid")
    for root in tree.entries.values():
        program_of(workspace, root)


def _check_image(workspace: Workspace, image: Mapping[str, ObjectId]) -> None:
    """Check the part ``image`` of a core, without the names of capabilities."""
    if not image.keys() <= _PARTS:
        raise _malformed("unknown entries of image", got=sorted(image.keys() - _PARTS))
    owner = _text(workspace, image.get("owner")) or b""
    if owner != b"self" and read_id(owner) is None:
        raise _malformed("invalid owner")
    if ("quota" in image) is not (owner == b"self"):
        raise _malformed("a quota is that of a principal")
    if "quota" in image and read_quota(_text(workspace, image["quota"]) or b"") is None:
        raise _malformed("invalid quota")
    for part, is_valid in _ENTRY_CHECKS.items():
        for name, target in _tree(workspace, image[part], part).items() if part in image else ():
            if not is_valid(workspace, name, target):
                raise _malformed(f"invalid entry of {part}", got=ascii(name))


def _is_granted(workspace: Workspace, name: str, target: ObjectId) -> bool:
    return read_id(_text(workspace, target) or b"") is not None


def _is_entry(workspace: Workspace, name: str, target: ObjectId) -> bool:
    return is_plain_type(name) and read_entry(_text(workspace, target) or b"") is not None


def _is_timer(workspace: Workspace, name: str, target: ObjectId) -> bool:
    handle = read_id(name.encode("ascii", "replace"))
    return handle is not None and read_timer(_text(workspace, target) or b"") is not None


def _is_subscription(workspace: Workspace, name: str, target: ObjectId) -> bool:
    event, _, subscriber = name.partition(".")
    named = is_event(event) and read_id(subscriber.encode("ascii", "replace")) is not None
    return named and is_empty(_look(workspace, target))


_ENTRY_CHECKS: Mapping[str, Callable[[Workspace, str, ObjectId], bool]] = MappingProxyType(
    {"caps": _is_granted, "entry": _is_entry, "timers": _is_timer, "subs": _is_subscription}
)


def _look(workspace: Workspace, target: ObjectId | None) -> Object | None:
    return None if target is None else workspace.look(target)


def _text(workspace: Workspace, target: ObjectId | None) -> bytes | None:
    return text_of(_look(workspace, target))


def _tree(workspace: Workspace, target: ObjectId | None, name: str) -> Mapping[str, ObjectId]:
    tree = _look(workspace, target)
    if type(tree) is not Tree:
        raise _malformed(f"{name} is not a tree")
    return tree.entries


def _malformed(message: str, *, got: object = None) -> Refusal:
    return refusal("malformed/core", message, "core.closed", got=got)
