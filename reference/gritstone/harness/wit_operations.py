"""The operations of the profile ``wit``; see ``operations`` for what an operation is.

Each request reads the store again: nothing is cached between requests.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType

from gritstone.errors import Invalid
from gritstone.flow import FLOWS
from gritstone.grit.objects import ObjectId, Tree
from gritstone.grit.store import Store
from gritstone.harness.arguments import Arguments
from gritstone.harness.claims import Claims
from gritstone.harness.operations import Session
from gritstone.harness.wire import Json, write_bytes
from gritstone.image import IMAGES
from gritstone.image.code import PLAIN_IMAGES
from gritstone.session import SESSIONS
from gritstone.wasm.guests import Guests
from gritstone.wit.admission import admit
from gritstone.wit.channels import MOST_LISTED, unread
from gritstone.wit.code import Run
from gritstone.wit.drive import Deadline, drive
from gritstone.wit.laws import External, Law, Laws
from gritstone.wit.objects import Objects
from gritstone.wit.openapi import openapi
from gritstone.wit.position import load_position
from gritstone.wit.proposals import read_proposal
from gritstone.wit.puppet import PUPPETS
from gritstone.wit.queries import ask_position, read_asked_step
from gritstone.wit.transition import Executor
from gritstone.wit.update import merge
from gritstone.wit.workspace import Workspace

__all__ = ["WIT_OPERATIONS", "laws_of", "objects_of"]


def laws_of(session: Session) -> Laws:
    """Return the laws of the profiles and features that are claimed."""
    claims = session.claims
    pages = claims.wasm_pages if "wasm" in claims.profiles else None
    return _laws(
        is_external="external" in claims.features,
        has_sessions="session.guest" in claims.features,
        has_flows="flow.executor" in claims.features,
        images=_images_of(claims),
        wasm_pages=pages,
        suspends="wasm.continuation" in claims.features,
    )


def _images_of(claims: Claims) -> External | None:
    """Return the law of images; None if they are not claimed."""
    if "image" not in claims.profiles:
        return None
    return IMAGES if "image.wasm" in claims.features else PLAIN_IMAGES


@cache
def _laws(
    *,
    is_external: bool,
    has_sessions: bool,
    has_flows: bool,
    images: External | None,
    wasm_pages: int | None,
    suspends: bool,
) -> Laws:
    """Return one list for all sessions with the same claims, since it caches compiled modules."""
    laws: list[Law] = []
    if is_external:
        laws.append(External(PUPPETS))
    if has_sessions:
        laws.append(SESSIONS)
    if has_flows:
        laws.append(FLOWS)
    if images is not None:
        laws.append(images)
    if wasm_pages is not None:
        laws.append(Guests(most_pages=wasm_pages, suspends=suspends))
    return Laws(*laws)


def _no_time(seconds: float) -> None:
    """Return at once, without waiting."""


def objects_of(store: Store) -> Objects:
    """Return the objects of a store, without a cache."""
    return Objects(store.format, store.limits, store.get)


def _prepare(session: Session, args: Arguments, executor: Executor) -> Run:
    """Read the start of a transition.

    Raises:
        Missing: actor, head or a message is absent.
        Invalid: the actor is not a tree; the head is not a step of it; the messages are not a valid proposal.
    """
    actor: ObjectId = args["actor"]
    objects = executor.objects
    if not isinstance(objects.look(actor), Tree):
        raise Invalid("the actor is not a tree", rule="wit.proposal.valid", got=actor.hex())
    last = None if args["head"] is None else load_position(objects, args["head"], actor)
    proposal = read_proposal(objects.load, actor, last, args["inbox"])
    return executor.prepare(actor, last, proposal, args.get("attempt", 1))


def wit_step(session: Session, args: Arguments) -> Json:
    store = session.handles[args["store"]].store
    executor = Executor(objects_of(store), laws_of(session).within(args.get("transition_ms", 0)))
    run = _prepare(session, args, executor)
    deadline = Deadline(time.monotonic, args.get("transition_ms", 0))
    # Time matters only with a limit: without a limit, code has no clock here, and sleeping takes no time.
    admitted = drive(executor.transition(run), time.sleep if deadline.limit_ms else _no_time, deadline)
    if admitted is None:
        return {"step": args["head"].hex()}
    admitted.workspace.keep(store)
    return {"step": admitted.position.step_id.hex()}


def wit_admit(session: Session, args: Arguments) -> Json:
    executor = Executor(objects_of(session.handles[args["store"]].store), laws_of(session))
    run = _prepare(session, args, executor)
    admit(run, args["step"], executor.closures, executor.roots, trust_heads=False)
    return {}


def wit_unread(session: Session, args: Arguments) -> Json:
    objects = objects_of(session.handles[args["store"]].store)
    ids, fresh = unread(objects.load, args["tip"], args["cursor"], MOST_LISTED)
    return {"ids": [one.hex() for one in ids], "fresh": fresh}


def wit_merge(session: Session, args: Arguments) -> Json:
    store = session.handles[args["store"]].store
    workspace = Workspace(objects_of(store))
    core = merge(workspace, args["core"], args["update"])
    workspace.keep(store)
    return {"core": core.hex()}


def wit_query(session: Session, args: Arguments) -> Json:
    store = session.handles[args["store"]].store
    workspace = Workspace(objects_of(store))
    position = read_asked_step(workspace, args["step"])
    query = ask_position(laws_of(session), workspace, position, args["name"], args["args"])
    answer = drive(query, _no_time, Deadline(time.monotonic, 0))
    if answer is not None:
        workspace.keep(store)
    return {"result": None if answer is None else answer.hex()}


def wit_openapi(session: Session, args: Arguments) -> Json:
    return {"document": write_bytes(openapi(args["actor"], args["wut"]))}


WIT_OPERATIONS: Mapping[str, Callable[[Session, Arguments], Json]] = MappingProxyType(
    {
        "wit.step": wit_step,
        "wit.admit": wit_admit,
        "wit.unread": wit_unread,
        "wit.merge": wit_merge,
        "wit.query": wit_query,
        "wit.openapi": wit_openapi,
    }
)
"""The operations of ``wit`` by name."""
