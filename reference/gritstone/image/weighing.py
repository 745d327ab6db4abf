"""Weighing: what messages and ops cost in addition to one unit, by the weight of what they read and make.

Nothing here changes anything, and nothing depends on a cache: a charge is made before a message or op has an effect.

Spec: :ref:`image-weights`, :rule:`image.fuel.exact`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from gritstone.grit.objects import Blob, ObjectId
from gritstone.image.mail import Letter
from gritstone.image.private_copy import PrivateCopy
from gritstone.wasm.weights import mailbox_weight, tree_weight, weight
from gritstone.wit.position import Position
from gritstone.wit.puppet.core import WorkingCore
from gritstone.wit.workspace import Workspace

__all__ = ["OpScale", "install_weight", "kernel_weight", "message_weight", "program_weight", "units"]

_BYTES_PER_UNIT = 1_024
_CAPS = ("image", "caps", "spawn")


def units(weighed: int) -> int:
    """Return the units of fuel for a message or op and a weight."""
    return 1 + weighed // _BYTES_PER_UNIT


def _blob_weight(workspace: Workspace, target: ObjectId | None) -> int:
    """Return the weight of a blob; 0 for an erased blob, another object, or None."""
    value = None if target is None else workspace.look(target)
    return weight(value) if type(value) is Blob else 0


def _path_weight(workspace: Workspace, root: ObjectId | None, path: Sequence[str]) -> int:
    """Return the weight of a path in a stored tree."""
    total, at = tree_weight(path), root
    for name in path:
        tree = None if at is None else workspace.tree(at)
        if tree is None:
            break
        total += tree_weight(tree.entries)
        at = tree.entries.get(name)
    return total


# --- messages ------------------------------------------------------------------------------------------


def message_weight(workspace: Workspace, letter: Letter, last: Position) -> int:
    """Return the weight of every message to an actor with a head."""
    image = workspace.tree(last.core["image"])
    entry = None if image is None or "entry" not in image.entries else workspace.tree(image.entries["entry"])
    admitted = None if entry is None else entry.entries.get(letter.mt)
    return mailbox_weight(len(last.inbox) + len(last.outbox)) + _blob_weight(workspace, admitted)


def kernel_weight(workspace: Workspace, letter: Letter, last: Position) -> int:
    """Return what a kernel message adds."""
    content = workspace.look(letter.message.content)
    total = (0 if content is None else weight(content)) + tree_weight(last.core)
    image = workspace.tree(last.core["image"])
    if image is None:
        return total
    trees = (workspace.tree(target) for target in image.entries.values())
    return total + tree_weight(image.entries) + sum(tree_weight(tree.entries) for tree in trees if tree is not None)


def install_weight(workspace: Workspace, core: ObjectId, content: ObjectId) -> int:
    """Return the weight of the pairs of trees that an installation merges, each pair once."""
    total, waiting, known = 0, [(core, content)], {(core, content)}
    while waiting:
        pair = waiting.pop()
        old, new = (workspace.tree(one) for one in pair)
        if old is None or new is None or pair[0] == pair[1]:
            continue
        total += tree_weight(old.entries) + tree_weight(new.entries)
        for name, target in new.entries.items():
            below = None if name not in old.entries else (old.entries[name], target)
            if below is not None and below not in known:
                known.add(below)
                waiting.append(below)
    return total


def program_weight(workspace: Workspace, root: ObjectId | None) -> int:
    """Return the weight of the program in a program tree."""
    tree = None if root is None else workspace.tree(root)
    return 0 if tree is None else _blob_weight(workspace, tree.entries.get("program"))


# --- ops -----------------------------------------------------------------------------------------------


class OpScale:
    """The weights of the ops of one step.

    Args:
        copy: the private copy.
        letter: the message that the step answers.
        core: the working core.
        ref: returns the id that a ref denotes; None if it denotes nothing.
    """

    def __init__(
        self, copy: PrivateCopy, letter: Letter, core: WorkingCore, ref: Callable[[int], ObjectId | None]
    ) -> None:
        self._copy = copy
        self._workspace = copy.workspace
        self._letter = letter
        self._core = core
        self._ref = ref
        self._ops: Mapping[int, Callable[..., int]] = {
            ord("P"): self._changed,
            ord("D"): self._changed,
            ord("W"): lambda path, data: self._path(path)[0] + len(data),
            ord("A"): lambda path, data: self._replaced(path) + len(data),
            ord("x"): self._expected,
            ord("a"): lambda path, _: self._replaced(path),
            ord("c"): lambda path, _: self._replaced(path) + _blob_weight(self._workspace, letter.message.content),
            ord("r"): self._read,
            ord("s"): self._sent,
        }

    def weigh(self, byte: int, operands: Sequence[object]) -> int:
        """Return the weight of an op, before it has an effect."""
        found = self._ops.get(byte)
        return 0 if found is None else found(*operands)

    def _path(self, path: Sequence[str]) -> tuple[int, ObjectId | None]:
        """Return the weight of a path in the working core, and the id of what is not a changed tree there."""
        seen, target = self._core.look_up(path)
        return tree_weight(path) + sum(map(tree_weight, seen)), target

    def _changed(self, path: Sequence[str], _: object = None) -> int:
        return self._path(path)[0]

    def _replaced(self, path: Sequence[str]) -> int:
        looked, target = self._path(path)
        return looked + 2 * _blob_weight(self._workspace, target)

    def _expected(self, path: Sequence[str], data: bytes) -> int:
        looked, target = self._path(path)
        return looked + len(data) + _blob_weight(self._workspace, target)

    def _read(self, ref: int, source: Sequence[str], path: Sequence[str]) -> int:
        copy, actor = self._copy, self._ref(ref)
        position = None if actor is None else copy.position(actor)
        if position is None or actor in (copy.base.agent, copy.base.kernel):
            return self._path(path)[0]
        return self._path(path)[0] + _path_weight(self._workspace, position.step.core, source)

    def _sent(self, _: int, __: object, mt: str, content: int) -> int:
        if mt != "genesis":
            return 0
        return self._path(_CAPS)[0] + _path_weight(self._workspace, self._ref(content), _CAPS)
