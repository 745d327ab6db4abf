"""The start of an image: operation 0, which makes the kernel actor.

Spec: :ref:`image-start`.
"""

from __future__ import annotations

from gritstone.errors import Refusal
from gritstone.grit.objects import Mailbox, Message, ObjectId, Step, Tree
from gritstone.grit.snapshot import Snapshot
from gritstone.grit.store import Store
from gritstone.image.record import encode_record, genesis_record
from gritstone.image.refusals import refusal
from gritstone.image.texts import text_blob
from gritstone.runtime.agent import agent_step, first_step
from gritstone.runtime.outcomes import agent_position
from gritstone.runtime.world import World
from gritstone.wit.objects import Objects
from gritstone.wit.workspace import Workspace

__all__ = ["KERNEL_CODE", "begin_image", "is_image", "is_image_store", "kernel_id", "no_image", "refuse_image_store"]

KERNEL_CODE = "external:image-kernel/1"
"""The data of the node of the kernel actor."""

_SPACES = ("heads", "failed", "archived", "closed", "gone", "moved", "adopted")


def kernel_id(workspace: Workspace) -> ObjectId:
    """Make the first core of the kernel actor; return its id."""
    put = workspace.put
    return put(Tree({"op": put(text_blob(encode_record(genesis_record()))), "wit": put(text_blob(KERNEL_CODE))}))


def is_image(world: World) -> bool:
    """Return whether the store of a world is an image."""
    kernel = world.actors.get(kernel_id(Workspace(world.objects)))
    return kernel is not None and kernel.head is not None


def is_image_store(store: Store) -> bool:
    """Return whether a store is an image."""
    kernel = kernel_id(Workspace(Objects(store.format, store.limits, store.get)))
    with store.snapshot() as snapshot:
        return snapshot.target(f"heads/{kernel.hex()}") is not None


def refuse_image_store(store: Store) -> None:
    """Refuse an operation that an image does not have.

    Raises:
        Rejected: the store is an image (code ``image``).

    Spec: :rule:`image.runtime.refused`.
    """
    if is_image_store(store):
        raise no_image("the store is an image", "runtime.refused")


def begin_image(world: World) -> ObjectId:
    """Make operation 0, in the batch; return the id of the kernel actor.

    Raises:
        Rejected: the store is not fresh (code ``image``).

    Spec: :rule:`image.start.made`, :rule:`image.start.fresh`.
    """
    last, workspace = agent_position(world), Workspace(world.objects)
    with world.store.snapshot() as snapshot:
        if last.step_id != first_step(workspace, world.agent) or not _is_fresh(snapshot, world.agent):
            raise no_image("the store is not fresh", "start.fresh")
    kernel = kernel_id(workspace)
    genesis = workspace.put(Message(None, {"mt": "genesis"}, kernel))
    first = workspace.put(Step(None, kernel, workspace.put(Mailbox({world.agent: genesis})), None, kernel))
    agent = agent_step(workspace, last, {kernel: genesis}, {})
    world.take(workspace)
    world.objects.remember(workspace.made)
    world.head_moved(world.actor(world.agent), agent)
    world.batch.move_head(kernel, None, first)
    world.actor(kernel).head = first
    return kernel


def _is_fresh(snapshot: Snapshot, agent: ObjectId) -> bool:
    names = [name for space in _SPACES for name, _ in snapshot.references(f"{space}/")]
    return names == [f"heads/{agent.hex()}"]


def no_image(message: str, rule: str) -> Refusal:
    """Return the refusal of an operation that does not fit the store."""
    return refusal("rejected/image", message, rule)
