"""Executions: untrusted code that is run one message at a time, and can be stopped, forked, saved and moved.

An execution is an actor. Its position is a step in a store, so a snapshot is the id of a step, and no teardown is
needed: a failed call has no effect, and earlier steps are kept.

Spec: the chapters *Snapshot* and *Fork, resume, migration* of ``wasm``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from os import PathLike
from pathlib import Path

from gritstone.errors import Refusal, Rejected
from gritstone.grit.objects import NO_HEADERS, Blob, ObjectId, Tree
from gritstone.kit.executions.archive import Unread, load_actor, save_actor
from gritstone.kit.executions.environment import Environment, mount_name
from gritstone.kit.executions.folders import Diff, compare_files, list_files, read_file, read_files, write_folder
from gritstone.kit.executions.outcomes import OutOfFuel, Result, failed
from gritstone.kit.executions.sandbox import Delivery, Sandbox
from gritstone.wasm.cores import manifest_of, state_of, tree_at
from gritstone.wasm.documents import Manifest, manifest_blob
from gritstone.wasm.forks import fork_core
from gritstone.wit.paths import find
from gritstone.wit.position import position_of
from gritstone.wit.workspace import Workspace

__all__ = ["Execution", "fork", "load"]

_RULE = "wasm.call.atomic"


class Execution:
    """An execution of untrusted code; ``spawn``, ``fork`` and ``load`` create one.

    Attributes:
        sandbox: the sandbox that it runs in.
        on_timeout: what happens when the fuel is spent: ``raise`` or ``checkpoint``.
        unread: messages that ran out of fuel, oldest first; ``continue_`` delivers them again.
        result: the result of the last run.
    """

    def __init__(
        self, sandbox: Sandbox, actor: ObjectId, on_timeout: str = "raise", unread: tuple[Unread, ...] = ()
    ) -> None:
        self.sandbox = sandbox
        self.on_timeout = on_timeout
        self.unread = unread
        self.result: Result | None = None
        self._actor = actor

    @property
    def actor(self) -> ObjectId:
        """Return the id of the actor."""
        return self._actor

    @property
    def snapshot_id(self) -> str | None:
        """Return the id of its current step in hex; None before its first step."""
        head = self.sandbox.place(self._actor)
        return None if head is None else head.hex()

    @property
    def manifest(self) -> Manifest:
        """Return the manifest in its core."""
        return manifest_of(self.sandbox.workspace(), self._core())

    # --- running ---------------------------------------------------------------------------------------

    def run(self, content: bytes = b"", headers: Mapping[str, str] = NO_HEADERS) -> Result:
        """Deliver a message to the code, and run the step.

        Args:
            content: the data of the message.
            headers: its headers.

        Raises:
            OutOfFuel: the fuel is insufficient. The message is kept for ``continue_``.
            SecurityViolation: the code tried something that it was not granted.
            Trapped: the code trapped, or reported that it failed.
            Failed: the call failed for another reason.
            Rejected: the execution cannot run here, or the headers have another meaning.

        Spec: :rule:`wasm.call.atomic`.
        """
        self._check_here()
        if headers.get("mt") in ("genesis", "update", "cleanup", "receipt"):
            raise Rejected("a message that is not for the code", rule=_RULE, got=headers["mt"])
        return self._give((content, headers))

    def continue_(self, fuel: int | None = None) -> Result:
        """Continue unfinished work: messages that ran out of fuel, or a suspended call.

        Args:
            fuel: the units for each call from now on; None to keep the current value.

        Returns:
            The result of the last message.

        Raises:
            Rejected: there is nothing to continue; and as ``run``.

        Spec: :rule:`wasm.fuel.resume`.
        """
        if self.snapshot_id is None:
            return self.begin(fuel)
        self._check_here()
        if fuel is not None:
            self._set_fuel(fuel)
        if not self.unread and not self._waits():
            raise Rejected("there is nothing to go on with", rule="wasm.fuel.resume")
        waiting, self.unread = list(self.unread or ((b"", NO_HEADERS),)), ()
        try:
            while True:
                result = self._give(waiting.pop(0))
                if result.error is not None or not waiting:
                    return result
        finally:
            self.unread += tuple(waiting)

    def begin(self, fuel: int | None = None) -> Result:
        """Run the first step of the code, as ``spawn`` does; other fuel makes it another actor."""
        if fuel is not None:
            workspace = self.sandbox.workspace()
            core = tree_at(workspace, self._actor)
            self._actor = workspace.put(Tree({**core, "wasm": _with_fuel(workspace, core, fuel)}))
            workspace.keep(self.sandbox.store)
        return self._deliver(None)

    def _give(self, message: Unread) -> Result:
        try:
            result = self._deliver(message)
        except OutOfFuel:
            self.unread += (message,)
            raise
        if result.error is not None:
            self.unread += (message,)
        return result

    def _deliver(self, message: Unread | None) -> Result:
        """Deliver a message, or the genesis message for None."""
        before = self._used()
        content, headers = self._actor, {"mt": "genesis"}
        if message is not None:
            workspace = self.sandbox.workspace()
            content = workspace.put(Blob(NO_HEADERS, message[0]))
            workspace.keep(self.sandbox.store)
            headers = dict(message[1])
        try:
            delivery = self.sandbox.deliver(self._actor, content, headers)
        except Refusal as refusal:
            if refusal.code is None or refusal.code == "conflict":
                raise
            error = failed(refusal, self.snapshot_id)
            if self.on_timeout == "checkpoint" and isinstance(error, OutOfFuel):
                self.result = Result("exhausted:fuel", error.snapshot_id, self.manifest.fuel, error)
                return self.result
            raise error from refusal
        self.result = self._result(delivery, before)
        return self.result

    def _result(self, delivery: Delivery, before: int | None) -> Result:
        after = self._used()
        spent = None if after is None else after - (before or 0)
        outcome = "declined" if delivery.declined else "suspended" if self._waits() else "step"
        return Result(outcome, self.snapshot_id, spent, sent=delivery.sent)

    def _check_here(self) -> None:
        """Raise a refusal if the execution is not here.

        Raises:
            Rejected: the execution moved away, or has not begun.
        """
        if self.sandbox.head(self._actor) is None:
            raise Rejected("the execution moved away, or has not begun", rule="wasm.handoff.one-owner")

    # --- its core --------------------------------------------------------------------------------------

    def _core(self) -> Mapping[str, ObjectId]:
        """Return the entries of its current core."""
        workspace = self.sandbox.workspace()
        head = self.sandbox.place(self._actor)
        return tree_at(workspace, self._actor) if head is None else position_of(workspace, head).core

    def _used(self) -> int | None:
        """Return the units that were spent so far; None if they are not counted."""
        manifest = self.manifest
        if not manifest.keeps_state or self.snapshot_id is None:
            return None
        return state_of(self.sandbox.workspace(), self._core(), manifest).used

    def _waits(self) -> bool:
        """Return whether a call is suspended."""
        manifest = self.manifest
        return manifest.image and state_of(self.sandbox.workspace(), self._core(), manifest).call is not None

    def _set_fuel(self, fuel: int) -> None:
        """Update the manifest, as the creator of the actor."""
        if self.manifest.fuel == fuel:
            return
        workspace = self.sandbox.workspace()
        content = workspace.put(Tree({"wasm": _with_fuel(workspace, self._core(), fuel)}))
        workspace.keep(self.sandbox.store)
        self.sandbox.deliver(self._actor, content, {"mt": "update"})

    # --- files -----------------------------------------------------------------------------------------

    def read(self, path: str) -> bytes | None:
        """Return the data of a blob in the core; None if there is none at the path.

        Args:
            path: names separated by slashes.

        Raises:
            Missing: the blob was erased.
        """
        workspace = self.sandbox.workspace()
        target = find(workspace, self._core(), path.split("/"))
        return None if target is None or workspace.tree(target) is not None else read_file(workspace, target)

    def files(self, mount: str) -> dict[str, bytes]:
        """Return the files of a mount, as the code left them, by path.

        Raises:
            Exhausted: there are too many files, or they are too large.
            Missing: a file was erased.
        """
        workspace = self.sandbox.workspace()
        return read_files(workspace, find(workspace, self._core(), ("fs", mount_name(mount))))

    def diff(self, mount: str) -> Diff:
        """Return the changes to the files of a mount since the start of the execution."""
        workspace = self.sandbox.workspace()
        path = ("fs", mount_name(mount))
        cores = tree_at(workspace, self._actor), self._core()
        before, after = (list_files(workspace, find(workspace, core, path)) for core in cores)
        return compare_files(before, after)

    def write_files(self, mount: str, folder: str | PathLike[str]) -> None:
        """Write the files of a mount into a folder that is empty or does not exist.

        Raises:
            Rejected: the folder is not empty, or a name has a meaning in the file system; nothing was written.
            OSError: the file system reported an error.
        """
        write_folder(self.files(mount), Path(folder))

    # --- elsewhere -----------------------------------------------------------------------------------

    def fork(self, *, fresh: bool = True) -> Execution:
        """Create an execution that resumes from the current step of this one. The two are independent.

        Args:
            fresh: whether it has its own random stream, or that of its parent.

        Raises:
            Rejected: the execution is not here.

        Spec: :rule:`wasm.fork.apart`.
        """
        self._check_here()
        made = fork(self.snapshot_id or "", sandbox=self.sandbox, fresh=fresh, on_timeout=self.on_timeout)
        made.unread = self.unread
        return made

    def save(self, path: str | PathLike[str], *, move: bool = False, secret: bytes | None = None) -> None:
        """Write the execution to a file, with everything that it needs, to be loaded anywhere.

        Args:
            path: the file; an existing one is replaced.
            move: whether the execution moves away, and can no longer run here. One that has moved can be saved again
                with this, for example after the process was killed during the first time.
            secret: an Ed25519 secret of 32 bytes, to sign the file in ``<path>.sig``.

        Raises:
            Rejected: the execution is not here; or it made a step meanwhile (code ``conflict``).
            OSError: the file system reported an error. The existing file is as it was.

        Spec: :rule:`wasm.image.equal`, :rule:`wasm.handoff.one-owner`.
        """
        if not (move and self.sandbox.has_moved(self._actor)):
            self._check_here()
        save_actor(self.sandbox, self._actor, self.unread, Path(path), move=move, secret=secret)


# --- making executions of others -------------------------------------------------------------------------


def fork(snapshot_id: str, *, sandbox: Sandbox, fresh: bool = True, on_timeout: str = "raise") -> Execution:
    """Create an execution that resumes from a snapshot.

    Args:
        snapshot_id: the id of a step of the store, in hex.
        sandbox: the sandbox of the step.
        fresh: whether it has its own random stream, or that of its parent.
        on_timeout: as for ``Environment``.

    Raises:
        Missing: the step is absent.
        Invalid: the object is not a step of code that runs here.

    Spec: :rule:`wasm.fork.exact`, :rule:`wasm.fork.no-run`.
    """
    step = bytes.fromhex(snapshot_id)

    def is_taken(number: int) -> bool:
        return sandbox.is_known(fork_core(sandbox.workspace(), step, number, fresh=fresh))

    workspace = sandbox.workspace()
    actor = fork_core(workspace, step, sandbox.numbers.take(step, is_taken), fresh=fresh)
    workspace.keep(sandbox.store)
    execution = Execution(sandbox, actor, on_timeout)
    execution.begin()
    return execution


def load(
    path: str | PathLike[str],
    *,
    sandbox: Sandbox | None = None,
    keys: Collection[bytes] | None = None,
    on_timeout: str = "raise",
    limits: Environment | None = None,
) -> Execution:
    """Create an execution from a file that ``save`` wrote. Loading runs none of its code.

    The file contains the code and its grants. The code reaches nothing outside of the sandbox, whatever they are.

    Args:
        path: the file.
        sandbox: the sandbox to load into; None for a new one in memory.
        keys: trusted public keys; None to accept a file without a signature. The signature is in ``<path>.sig``.
        on_timeout: as for ``Environment``.
        limits: the most memory and fuel for one call that the file may grant itself. None for those of
            ``Environment()``, and for no limit if a trusted key has signed the file.

    Raises:
        OSError: a file cannot be read.
        Malformed: the file is not a bundle.
        Invalid: the file is damaged.
        Rejected: the signature is invalid (code ``signature``); or the file has another format, or other contents; or
            the execution is at another step here (code ``conflict``); or it grants itself more memory or fuel than the
            limits (code ``grants``).
        Exhausted: the file is too large.

    Spec: :rule:`wasm.sign.trust`, :rule:`wasm.image.equal`, :rule:`wasm.handoff.one-owner`.
    """
    sandbox = sandbox or Sandbox()
    if limits is None and keys is None:
        limits = Environment()
    actor, unread = load_actor(sandbox, Path(path), keys, None if limits is None else limits.manifest())
    return Execution(sandbox, actor, on_timeout, unread)


def _with_fuel(workspace: Workspace, core: Mapping[str, ObjectId], fuel: int) -> ObjectId:
    """Store the tree ``wasm`` of a core with another budget; return its id."""
    manifest = workspace.put(manifest_blob(replace(manifest_of(workspace, core), fuel=fuel)))
    return workspace.put(Tree({**tree_at(workspace, core.get("wasm")), "manifest": manifest}))
