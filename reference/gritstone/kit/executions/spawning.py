"""Spawning: the creation of an execution from code and an environment.

The grants of the code are written into its first core, and folders are copied into it. After that, the execution reads
nothing else of this machine.

Spec: :rule:`wasm.manifest.deny`, :rule:`wasm.grant.nothing-else`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from gritstone.errors import Refusal
from gritstone.grit.objects import NO_HEADERS, Blob, ObjectId, Tree
from gritstone.kit.executions.environment import Environment, mount_name
from gritstone.kit.executions.execution import Execution
from gritstone.kit.executions.folders import read_folder
from gritstone.kit.executions.outcomes import failed
from gritstone.kit.executions.sandbox import Sandbox
from gritstone.wasm.documents import manifest_blob
from gritstone.wit.workspace import Workspace

__all__ = ["spawn"]

Bytes: TypeAlias = bytes | bytearray | memoryview
"""Any bytes-like object: ``bytes``, ``bytearray``, or a ``memoryview`` of one of them or of an ``array``."""

_MODULE = "code/main.wasm"
_MODULE_HEADERS = {"ct": "application/wasm"}
_TEXT = "code"  # the mount with the source text that an evaluator runs


def spawn(
    code: Bytes | str, env: Environment | None = None, *, evaluator: Bytes | None = None, sandbox: Sandbox | None = None
) -> Execution:
    """Create an execution of untrusted code and run its first step.

    Args:
        code: a module, as a bytes-like object; or a source text, for an evaluator.
        env: the grants of the code; None for the defaults.
        evaluator: a module that runs a source text, which it reads from the read-only file ``/code``.
        sandbox: the sandbox to run in; None for a new one in memory.

    Returns:
        The execution, which has made its first step; or, under ``checkpoint``, has run out of fuel before it.

    Raises:
        SecurityViolation: the code requires something that no host grants, or that it was not granted.
        OutOfFuel: the fuel is insufficient for the first step.
        Trapped: the code trapped, or reported that it failed.
        Failed: the code is not a module that may run, or failed for another reason.
        Rejected: a folder contains something that cannot be mounted.
        Invalid: a name in a folder cannot be written in the format.
        Exhausted: a folder is too large.

    Spec: :rule:`wasm.manifest.deny`, :rule:`wasm.module.first`.
    """
    env = env or Environment()
    sandbox = sandbox or Sandbox()
    if isinstance(code, str) != (evaluator is not None):
        raise ValueError("a text needs an evaluator, and a module takes none")
    text = code if isinstance(code, str) else None
    given = code if evaluator is None else evaluator
    assert not isinstance(given, str), "a text has an evaluator"
    module = bytes(memoryview(given))
    workspace = sandbox.workspace()
    try:
        module_id = workspace.put(Blob(_MODULE_HEADERS, module))
        sandbox.admit(module_id, module, env.manifest().pages)
    except Refusal as refusal:
        raise failed(refusal, None) from refusal
    core = _make_core(workspace, module, env, text=text, egress=sandbox.agent)
    actor = _unused(sandbox, workspace, core)
    workspace.keep(sandbox.store)
    execution = Execution(sandbox, actor, env.on_timeout)
    execution.begin()
    return execution


def _make_core(
    workspace: Workspace, module: bytes, env: Environment, *, text: str | None = None, egress: ObjectId
) -> dict[str, ObjectId]:
    """Return the entries of the first core of an execution.

    Args:
        workspace: where the objects are made.
        module: the code.
        env: the grants of the code.
        text: the source text for an evaluator.
        egress: the actor that it may send to, if any.
    """
    folders = {
        mount_name(mount): None if folder is None else read_folder(workspace, Path(folder))
        for mount, folder in env.mounts.items()
    }
    if text is not None:
        if _TEXT in folders:
            raise ValueError(f"the mount {_TEXT} holds the text to evaluate")
        folders[_TEXT] = workspace.put(Blob({"ct": "s"}, text.encode()))
    manifest = env.manifest(reads=() if text is None else (_TEXT,))
    nodes = {"manifest": workspace.put(manifest_blob(manifest))}
    if env.network_egress:
        nodes["peers"] = workspace.put(Tree({"egress": egress}))
    code = workspace.put(Tree({"main.wasm": workspace.put(Blob(_MODULE_HEADERS, module))}))
    core = {"code": code, "wit": workspace.put(Blob(NO_HEADERS, f"wasm:{_MODULE}".encode()))}
    mounted = {name: target for name, target in folders.items() if target is not None}
    if mounted:
        core["fs"] = workspace.put(Tree(mounted))
    return {**core, "wasm": workspace.put(Tree(nodes))}


def _unused(sandbox: Sandbox, workspace: Workspace, core: Mapping[str, ObjectId]) -> ObjectId:
    """Return the id of a core that is not the first core of an actor in the store."""

    def number_core(target: Workspace, number: int) -> ObjectId:
        if number == 0:
            return target.put(Tree(core))
        return target.put(Tree({**core, "nonce": target.put(Blob({"ct": "s"}, str(number).encode()))}))

    def is_taken(number: int) -> bool:
        return sandbox.is_known(number_core(sandbox.workspace(), number))

    origin = number_core(sandbox.workspace(), 0)
    return number_core(workspace, sandbox.numbers.take(origin, is_taken))
