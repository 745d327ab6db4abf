"""Capabilities: what a step may do under the manifest of the core that it starts from.

::

    1  host     the path ``wasm`` is kept; after ``wit_update``, all of it except manifest and peers
    2  code     the actor stays a Wasm actor; code nodes, ``frozen`` and module paths are kept
    3  mount    paths that are not mounted ``rw`` are kept
    4  send     each receiver of a new message is a recipient
    5  spawn    updates go only to Wasm actors, each new message passes, and the tanks of all births are paid

Only the result is checked, not the run of the guest. So an audit can do the same checks from the history alone.

Spec: :rule:`wasm.grant.host`, :rule:`wasm.grant.code`, :rule:`wasm.grant.mount`, :rule:`wasm.grant.send`,
:rule:`wasm.grant.spawn`, :rule:`wasm.grant.send-update`, :rule:`wasm.grant.spawn-tank`,
:rule:`wasm.grant.update-guests`, :rule:`wasm.grant.stays-guest`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gritstone.errors import Refusal
from gritstone.grit.objects import Message, ObjectId
from gritstone.wasm.cores import NODES, core_of, is_wasm_actor, node_path, tree_at, valid_manifest, wasm_path
from gritstone.wasm.documents import Manifest
from gritstone.wit.code import Run
from gritstone.wit.failures import failure
from gritstone.wit.paths import Path, find
from gritstone.wit.position import NO_IDS, Position
from gritstone.wit.workspace import Workspace

__all__ = ["OPEN", "audit", "keeps_wasm", "stays_guest"]

OPEN = frozenset(("manifest", "peers"))
"""The entries of ``wasm`` that an update may change."""

_SENDS = (None, "reply", "any")
_SPAWNS = (None, "wasm", "any")
_HOST_NODES = ("state", "module", "memory", "fork", "creator")


def audit(run: Run, manifest: Manifest, position: Position, *, is_update: bool) -> int:
    """Check an admitted step.

    Args:
        run: the transition.
        manifest: the manifest of the previous core.
        position: the step.
        is_update: whether ``wit_update`` made it.

    Returns:
        The sum of the tanks of all births, if the manifest has a tank.

    Raises:
        Rejected: the step does something that is not granted (code ``failed:denied:`` and the grant).

    Spec: :rule:`wasm.manifest.deny`.
    """
    workspace, old, new = run.workspace, run.core, position.core
    if not (keeps_wasm(workspace, old, new) if is_update else old.get("wasm") == new.get("wasm")):
        raise _denied("host")
    if not stays_guest(workspace, old, new):
        raise _denied("code", rule="wasm.grant.stays-guest")
    if not manifest.code and not is_update and _changes_code(workspace, old, new):
        raise _denied("code")
    if old.get("fs") != new.get("fs") and _changes_mounts(workspace, old, new, manifest):
        raise _denied("mount")
    if run.last is not None and position.outbox == run.last.outbox:
        return 0
    return _Sending(run, manifest, position).judge()


def stays_guest(workspace: Workspace, old: Mapping[str, ObjectId], new: Mapping[str, ObjectId]) -> bool:
    """Return whether a core is that of a Wasm actor, or the previous core was not.

    Spec: :rule:`wasm.grant.stays-guest`, :rule:`wasm.grant.update-stays`.
    """
    if old.get("wit") == new.get("wit"):
        return True
    return is_wasm_actor(workspace, new) or not is_wasm_actor(workspace, old)


def keeps_wasm(workspace: Workspace, old: Mapping[str, ObjectId], new: Mapping[str, ObjectId]) -> bool:
    """Return whether a core has a tree ``wasm`` or nothing there, and only manifest and peers in it have changed.

    Spec: :rule:`wasm.grant.host`, :rule:`wasm.grant.update`.
    """
    before, after = old.get("wasm"), new.get("wasm")
    if before == after:
        return after is None or workspace.tree(after) is not None
    if after is not None and workspace.tree(after) is None:
        return False
    return _changed(workspace, before, after) <= OPEN


def _changed(workspace: Workspace, before: ObjectId | None, after: ObjectId | None) -> set[str]:
    """Return the names under which two trees have different entries."""
    old, new = tree_at(workspace, before), tree_at(workspace, after)
    return {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}


def _changes_code(workspace: Workspace, old: Mapping[str, ObjectId], new: Mapping[str, ObjectId]) -> bool:
    if old is new:
        return False
    paths: list[Path] = [("wit",), ("wit_query",), ("wit_update",), ("frozen",)]
    paths += [path for path in (node_path(workspace, old, node) for node in NODES) if path is not None]
    return any(find(workspace, old, path) != find(workspace, new, path) for path in paths)


def _changes_mounts(
    workspace: Workspace, old: Mapping[str, ObjectId], new: Mapping[str, ObjectId], manifest: Manifest
) -> bool:
    after = new.get("fs")
    if after is not None and workspace.tree(after) is None:
        return True
    return any(manifest.mounts.get(name) != "rw" for name in _changed(workspace, old.get("fs"), after))


class _Sending:
    """The messages that a step sends, and the grants that they are checked against."""

    def __init__(self, run: Run, manifest: Manifest, position: Position) -> None:
        self._run = run
        self._manifest = manifest
        before = self._before = NO_IDS if run.last is None else run.last.outbox
        changed = [(to, tip) for to, tip in position.outbox.items() if before.get(to) != tip]
        self._new = [(to, list(_new_messages(run.workspace, tip, before.get(to)))) for to, tip in changed]
        self._born = {to for to, messages in self._new if any(one.content == to for one in messages)}
        self._peers: frozenset[ObjectId] | None = None

    def judge(self) -> int:
        """Check the receivers, then the messages; return the sum of the tanks of all births.

        Raises:
            Rejected: a receiver or message is not granted.
        """
        manifest = self._manifest
        if not all(self._is_recipient(to) for to, _ in self._new):
            raise _denied("send")
        if not all(self._may_be_updated(to) for to, many in self._new if any(map(_is_update, many))):
            raise _denied("spawn", rule="wasm.grant.update-guests")
        if manifest.spawn != "any" and not all(self._passes(to, one) for to, many in self._new for one in many):
            raise _denied("spawn")
        if manifest.tank is None:
            return 0
        return sum(self._tank(to) * sum(one.content == to for one in many) for to, many in self._new)

    def _is_recipient(self, actor: ObjectId) -> bool:
        """Return whether the step may send to an actor.

        Spec: :rule:`wasm.grant.send`.
        """
        manifest, run = self._manifest, self._run
        if manifest.send == "any":
            return True
        if manifest.spawn is not None and (actor in self._before or actor in self._born):
            return True
        if manifest.send == "reply" and (
            (run.last is not None and actor in run.last.inbox) or any(actor == one for one, _ in run.proposal.covered)
        ):
            return True
        if self._peers is None:
            entries = tree_at(run.workspace, wasm_path(run.workspace, run.core, "peers"))
            self._peers = frozenset(entries.values())
        return actor in self._peers

    def _may_be_updated(self, actor: ObjectId) -> bool:
        """Return whether guests may update an actor: the id of the actor is that of its first core, which must be Wasm.

        Spec: :rule:`wasm.grant.update-guests`.
        """
        core = core_of(self._run.workspace, actor)
        return core is not None and is_wasm_actor(self._run.workspace, core)

    def _passes(self, to: ObjectId, message: Message) -> bool:
        """Return whether a new message is allowed without ``spawn`` ``any``.

        Spec: :rule:`wasm.grant.spawn`, :rule:`wasm.grant.send-update`.
        """
        workspace = self._run.workspace
        if message.content == to and not (self._manifest.spawn == "wasm" and self._is_narrower(to)):
            return False
        content = workspace.tree(message.content) if _is_update(message) else None
        if content is None:
            return True
        entries = content.entries
        return "wasm" not in entries and "wit_update" not in entries and _has_wasm_nodes(workspace, entries)

    def _is_narrower(self, actor: ObjectId) -> bool:
        """Return whether a core grants only rights that the manifest grants."""
        workspace, ours = self._run.workspace, self._manifest
        core = core_of(workspace, actor)
        if core is None or "wit" not in core or not _has_wasm_nodes(workspace, core):
            return False
        wasm = tree_at(workspace, core.get("wasm"))
        theirs = valid_manifest(workspace, core)
        if theirs is None or any(name in wasm for name in _HOST_NODES):
            return False
        if theirs.fuel > ours.fuel or theirs.pages > ours.pages or (ours.tank is not None and theirs.tank is None):
            return False
        for mine, other in (
            (ours.attempt, theirs.attempt),
            (ours.query, theirs.query),
            (ours.code, theirs.code),
            (ours.raw, theirs.raw),
            (ours.update is not None, theirs.update is not None),
        ):
            if other and not mine:
                return False
        if _SENDS.index(theirs.send) > _SENDS.index(ours.send):
            return False
        if _SPAWNS.index(theirs.spawn) > _SPAWNS.index(ours.spawn):
            return False
        peers = wasm.get("peers")
        if peers is None:
            return True
        tree = workspace.tree(peers)
        return tree is not None and all(map(self._is_recipient, tree.entries.values()))

    def _tank(self, actor: ObjectId) -> int:
        """Return the tank of a core; 0 if it has none."""
        core = core_of(self._run.workspace, actor)
        manifest = None if core is None else valid_manifest(self._run.workspace, core)
        return 0 if manifest is None or manifest.tank is None else manifest.tank


def _new_messages(workspace: Workspace, tip: ObjectId, known: ObjectId | None) -> Iterator[Message]:
    """Yield the messages from a tip down to the known one, which is excluded, or down to the root."""
    at: ObjectId | None = tip
    while at is not None and at != known:
        message = workspace.message(at)
        yield message
        at = message.previous


def _has_wasm_nodes(workspace: Workspace, entries: Mapping[str, ObjectId]) -> bool:
    """Return whether the code nodes that exist are of the form ``wasm:<path>``."""
    return all(node not in entries or node_path(workspace, entries, node) is not None for node in NODES)


def _is_update(message: Message) -> bool:
    return message.headers.get("mt") == "update"


def _denied(grant: str, *, rule: str | None = None) -> Refusal:
    """Return the refusal of a step; the rule defaults to that of the grant."""
    rule = rule or f"wasm.grant.{grant}"
    return failure("failed", f"{grant} is not granted", rule=rule, detail=f"denied:{grant}")
