"""The operations of the profile ``sandbox``.

See ``operations`` for what an operation is.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from gritstone.harness.arguments import Arguments
from gritstone.harness.operations import Session
from gritstone.harness.sandboxes import Sandboxes
from gritstone.harness.wire import ArgumentError, Json, write_bytes
from gritstone.sandbox import Call, Limits, Tank, World, write_instance
from gritstone.sandbox.instances import MARK_BYTES, NO_MARK
from gritstone.sandbox.world import SEED_BYTES, are_files

__all__ = ["SANDBOX_OPERATIONS"]


def _of(session: Session) -> Sandboxes:
    if session.sandboxes is None:
        session.sandboxes = Sandboxes()
    return session.sandboxes


def _limits(session: Session, args: Arguments) -> Limits:
    """Return the limits of a call. A limit whose feature is not claimed does not apply."""
    claimed, limits = session.claims.features, args["limits"]
    return Limits(
        fuel=limits["fuel"] if "sandbox.fuel" in claimed else None,
        pages=limits["pages"],
        table=limits["table"] if "sandbox.table" in claimed else None,
        ms=limits["ms"] if "sandbox.time" in claimed else None,
        suspend=args.get("suspend", False),
    )


def _report(session: Session, call: Call) -> dict[str, Json]:
    """Return what a call reports: units of fuel and names of traps only if they are claimed."""
    claimed = session.claims.features
    is_named = "sandbox.traps" in claimed or not call.outcome.startswith("failed:trap:")
    report: dict[str, Json] = {
        "outcome": call.outcome if is_named else "failed",
        "output": write_bytes(call.output),
        "used": call.used if "sandbox.fuel" in claimed else None,
    }
    files = None if call.instance is None else call.instance.world.files
    if files is None:
        return report
    return {**report, "files": {path: write_bytes(data) for path, data in files.items()}}


def _world(grants: Arguments) -> World:
    """Return what the grants of a request give.

    Raises:
        ArgumentError: they are no grants, as no seed of 32 bytes.
    """
    if "random" in grants and len(grants["random"]) != SEED_BYTES:
        raise ArgumentError("expected a seed of 32 bytes")
    if not are_files(grants.get("files", {})):
        raise ArgumentError("expected paths inside the folder of the files, none of which leads through another file")
    files = None if "files" not in grants else dict(sorted(grants["files"].items()))
    env = MappingProxyType(grants.get("env", {}))
    return World(tuple(grants.get("args", ())), env, grants.get("random"), 0, grants.get("clock"), files)


def sandbox_run(session: Session, args: Arguments) -> Json:
    sandboxes = _of(session)
    call = sandboxes.sandbox.run(args["module"], _limits(session, args), _world(args["grants"]))
    kept = args["keep"] and call.instance is not None
    handle = sandboxes.add_instance(call.instance) if kept and call.instance is not None else None
    return {**_report(session, call), "instance": handle}


def sandbox_again(session: Session, args: Arguments) -> Json:
    sandboxes, handle = _of(session), args["instance"]
    before = sandboxes.instance(handle)
    limits = _limits(session, args)
    if limits.fuel is None and "sandbox.tank" not in session.claims.features:
        before = replace(before, tank=Tank())
    call = sandboxes.sandbox.again(before, limits)
    if call.instance is not None and not sandboxes.replace(handle, call.instance):
        call.instance.tank.give(call.used)
        call = Call("exhausted:memory", b"", call.used, before)
    return _report(session, call)


def sandbox_snapshot(session: Session, args: Arguments) -> Json:
    sandboxes = _of(session)
    return {"snapshot": sandboxes.add_snapshot(sandboxes.instance(args["instance"]))}


def sandbox_resume(session: Session, args: Arguments) -> Json:
    sandboxes = _of(session)
    return {"instance": sandboxes.add_instance(sandboxes.snapshot(args["snapshot"]))}


def sandbox_export(session: Session, args: Arguments) -> Json:
    found, fuel = _of(session).snapshot(args["snapshot"]), args.get("fuel")
    found.tank.take(fuel or 0)
    return {"bytes": write_bytes(write_instance(found, fuel, secrets.token_bytes(MARK_BYTES) if fuel else NO_MARK))}


def sandbox_import(session: Session, args: Arguments) -> Json:
    return {"snapshot": _of(session).add_import(args["bytes"])}


def sandbox_close(session: Session, args: Arguments) -> Json:
    _of(session).close(args["handle"])
    return {}


SANDBOX_OPERATIONS: Mapping[str, Callable[[Session, Arguments], Json]] = MappingProxyType(
    {
        "sandbox.run": sandbox_run,
        "sandbox.again": sandbox_again,
        "sandbox.snapshot": sandbox_snapshot,
        "sandbox.resume": sandbox_resume,
        "sandbox.export": sandbox_export,
        "sandbox.import": sandbox_import,
        "sandbox.close": sandbox_close,
    }
)
"""The operations of ``sandbox`` by name."""
