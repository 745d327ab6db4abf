"""The operations of the profile ``wasm``; see ``operations`` for what an operation is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from gritstone.harness.arguments import Arguments
from gritstone.harness.operations import Session
from gritstone.harness.wire import Json, write_bytes
from gritstone.wasm.admission import AdmittedModule, admit_module
from gritstone.wasm.metering import meter_module
from gritstone.wit.failures import failure

__all__ = ["WASM_OPERATIONS"]


def _admit(session: Session, args: Arguments) -> AdmittedModule:
    """Judge the module of a request.

    Raises:
        Exhausted: it asks for more memory than there is (code ``exhausted:host``).
        Rejected: it may not run.

    Spec: :rule:`wasm.host.limits`, :rule:`wasm.module.first`.
    """
    most = session.claims.wasm_pages
    if args["pages"] > most:
        raise failure(
            "exhausted",
            "more pages than this host has",
            rule="wasm.host.limits",
            detail="host",
            got=args["pages"],
            expected=f"at most {most}",
        )
    return admit_module(args["module"], args["entry"], args["pages"])


def wasm_admit(session: Session, args: Arguments) -> Json:
    _admit(session, args)
    return {}


def wasm_meter(session: Session, args: Arguments) -> Json:
    return {"module": write_bytes(meter_module(_admit(session, args)))}


WASM_OPERATIONS: Mapping[str, Callable[[Session, Arguments], Json]] = MappingProxyType(
    {
        "wasm.admit": wasm_admit,
        "wasm.meter": wasm_meter,
    }
)
"""The operations of ``wasm`` by name."""
