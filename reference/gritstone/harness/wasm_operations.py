"""The operations of the profile ``wasm``; see ``operations`` for what an operation is."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from types import MappingProxyType

from gritstone.grit.store import Store
from gritstone.harness.arguments import Arguments
from gritstone.harness.operations import Session
from gritstone.harness.wire import Json, write_bytes
from gritstone.harness.wit_operations import objects_of
from gritstone.image.starting import refuse_image_store
from gritstone.wasm.admission import AdmittedModule, admit_module
from gritstone.wasm.forks import fork_core
from gritstone.wasm.handoff import adopt_actor, release_actor
from gritstone.wasm.metering import meter_module
from gritstone.wasm.signature import sign_bundle, verify_bundle
from gritstone.wit.failures import failure
from gritstone.wit.workspace import Workspace

__all__ = ["WASM_OPERATIONS"]


def _admit(session: Session, args: Arguments) -> AdmittedModule:
    """Check the module of a request.

    Raises:
        Exhausted: the module requests more memory than this host has (code ``exhausted:host``).
        Rejected: the module is not admitted.

    Spec: :rule:`wasm.host.limits`, :rule:`wasm.module.first`.
    """
    most = session.claims.wasm_pages
    if args["pages"] > most:
        raise failure(
            "exhausted",
            "the module requests more pages than this host has",
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


def wasm_fork(session: Session, args: Arguments) -> Json:
    store = session.handles[args["store"]].store
    workspace = Workspace(objects_of(store))
    core = fork_core(workspace, args["step"], args["n"], fresh=args["entropy"] == "fresh")
    workspace.keep(store)
    return {"core": core.hex()}


def _no_image(session: Session, args: Arguments) -> Store:
    """Return the store of a request, which must not be an image.

    Raises:
        Rejected: it is one (code ``image``).
    """
    store = session.handles[args["store"]].store
    if "image" in session.claims.profiles:
        refuse_image_store(store)
    return store


def wasm_release(session: Session, args: Arguments) -> Json:
    return {"step": release_actor(_no_image(session, args), args["actor"]).hex()}


def wasm_adopt(session: Session, args: Arguments) -> Json:
    return {"step": adopt_actor(_no_image(session, args), args["actor"]).hex()}


def wasm_sign(session: Session, args: Arguments) -> Json:
    return {"signature": write_bytes(sign_bundle(io.BytesIO(args["bundle"]), args["secret"], session.claims.limits))}


def wasm_verify(session: Session, args: Arguments) -> Json:
    verify_bundle(io.BytesIO(args["bundle"]), args["signature"], args["keys"], session.claims.limits)
    return {}


WASM_OPERATIONS: Mapping[str, Callable[[Session, Arguments], Json]] = MappingProxyType(
    {
        "wasm.admit": wasm_admit,
        "wasm.meter": wasm_meter,
        "wasm.fork": wasm_fork,
        "wasm.release": wasm_release,
        "wasm.adopt": wasm_adopt,
        "wasm.sign": wasm_sign,
        "wasm.verify": wasm_verify,
    }
)
"""The operations of ``wasm`` by name."""
