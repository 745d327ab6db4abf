"""The first step of a flow, and the first core of its successor.

Spec: :ref:`flow-begin`, ``flow/core``, ``flow/successors``.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

from gritstone.errors import Exhausted, Malformed
from gritstone.flow.check import Defect, check
from gritstone.flow.core import Core, is_document
from gritstone.flow.forms import is_name, is_ordered_names
from gritstone.flow.moves import enter
from gritstone.flow.packets import read_sealed
from gritstone.flow.plan import Plan, plan_of
from gritstone.flow.shapes import CARRY
from gritstone.flow.state import INTERRUPTED, Flow
from gritstone.flow.values import Value, decode_value, digest, encode_value, names_of_refs
from gritstone.grit.objects import Blob, Kind, ObjectId
from gritstone.wit.workspace import Workspace

__all__ = ["NODE", "admit", "continue_with", "defects_of", "is_flow", "load_plan"]

NODE = b"external:flow/1"
"""The data of the node ``wit`` of a flow."""

_MOST_PROGRAMS = 32  # whose check is remembered
_EMPTY = encode_value({})
_REQUIRED = {"wit", "program", "input", "policy"}
_OPTIONAL = {"wit_query", "name", "refs"}
_OF_SUCCESSORS = {"from", "carry", "starter"}
_OPTIONAL_OF_SUCCESSORS = {"prior", "facts", "erased"}
_KEPT = ("wit", "wit_query", "name", "policy", "input", "refs", "facts", "erased", "starter")


def is_flow(workspace: Workspace, actor: ObjectId) -> bool:
    """Return whether an actor was born as a flow.

    Spec: :rule:`flow.start.born`.
    """
    tree = workspace.tree(actor)
    blob = workspace.look(tree.entries["wit"]) if tree is not None and "wit" in tree.entries else None
    return isinstance(blob, Blob) and blob.data == NODE


def load_plan(core: Core) -> Plan:
    """Return the plan of a core without defects.

    Raises:
        Missing: the program or the policy was erased (code ``erased``).
    """
    return plan_of(core.data(core.entries["program"]), core.data(core.tree("policy")["doc"]))


def admit(flow: Flow) -> None:
    """Begin."""
    flow.state.status = "running"
    data = digest(flow.core.data(flow.core.entries["input"]))
    flow.log_event("admitted", program=flow.plan.program, policy=flow.plan.policy, input=data)
    enter(flow, flow.plan.start)


# --- the first core --------------------------------------------------------------------------------------


def defects_of(core: Core) -> list[Defect]:
    """Return the defects of a first core.

    Raises:
        Missing: the program, the policy, the input, ``carry`` or ``erased`` was erased (code ``erased``).

    Spec: :rule:`flow.core.closed`, :rule:`flow.check.same`.
    """
    if not _is_of_form(core):
        return [("", "core")]
    for name in ("carry", "erased"):
        if name in core.entries:
            core.value(name)
    workspace, peers, refs = core.workspace, core.peers().keys(), core.tree("refs").keys()
    documents = (core.entries["program"], core.tree("policy")["doc"], core.entries["input"])
    data = [_data(workspace, target) for target in documents]
    if _is_sound(data[0], data[1], frozenset(peers), frozenset(refs)) and _fits(data[2], refs):
        return []
    return check(data[0], data[1], data[2], peers, refs)


@lru_cache(maxsize=_MOST_PROGRAMS)
def _is_sound(program: bytes | None, policy: bytes | None, peers: frozenset[str], refs: frozenset[str]) -> bool:
    """Return whether a program has no defects with an empty input; so many flows of one program check it once."""
    return not check(program, policy, _EMPTY, peers, refs)


def _fits(data: bytes | None, refs: Collection[str]) -> bool:
    """Return whether an input has no defects of its own."""
    try:
        value = decode_value(b"" if data is None else data)
    except (Malformed, Exhausted):
        return False
    return type(value) is dict and names_of_refs(value) <= set(refs)


def _data(workspace: Workspace, target: ObjectId) -> bytes | None:
    """Return the data of a document; None if the object is not a blob with the header of one."""
    blob = workspace.load(target)
    return blob.data if isinstance(blob, Blob) and blob.headers == {"ct": "cbor"} else None


def _is_of_form(core: Core) -> bool:
    workspace, entries = core.workspace, core.entries
    allowed = _REQUIRED | _OPTIONAL
    required = set(_REQUIRED)
    if "from" in entries:
        allowed |= _OF_SUCCESSORS | _OPTIONAL_OF_SUCCESSORS
        required |= _OF_SUCCESSORS
    if not required <= entries.keys() <= allowed:
        return False
    blobs = [entries[name] for name in ("name", "program", "input") if name in entries]
    if any(workspace.kind(target) is not Kind.BLOB for target in blobs):
        return False
    nodes = [workspace.look(entries[name]) for name in ("wit", "wit_query") if name in entries]
    if not all(isinstance(node, Blob) and node.data == NODE for node in nodes):
        return False
    if "refs" in entries and read_sealed(workspace, entries["refs"]) is None:
        return False
    return _has_policy(core) and ("from" not in entries or _has_parts_of_successor(core))


def _has_policy(core: Core) -> bool:
    workspace = core.workspace
    tree = workspace.tree(core.entries["policy"])
    if tree is None or not {"doc"} <= tree.entries.keys() <= {"doc", "peers"}:
        return False
    if workspace.kind(tree.entries["doc"]) is not Kind.BLOB:
        return False
    if "peers" not in tree.entries:
        return True
    peers = workspace.tree(tree.entries["peers"])
    return peers is not None and all(
        is_name(name) and workspace.kind(target) is Kind.TREE for name, target in peers.entries.items()
    )


def _has_parts_of_successor(core: Core) -> bool:
    workspace, entries = core.workspace, core.entries
    if not is_flow(workspace, entries["from"]) or workspace.kind(entries["starter"]) is not Kind.TREE:
        return False
    if not is_document(workspace, entries["carry"], CARRY):
        return False
    refs = core.tree("refs").keys()
    if "erased" in entries:
        is_erased = is_document(
            workspace, entries["erased"], lambda names: is_ordered_names(names) and refs >= {*names}
        )
        if not is_erased:
            return False

    def has_known_refs(value: Value) -> bool:
        return refs >= names_of_refs(value)

    for name in ("prior", "facts"):
        if name in entries:
            tree = workspace.tree(entries[name])
            if tree is None or not all(map(is_name, tree.entries)):
                return False
            if not all(is_document(workspace, target, has_known_refs) for target in tree.entries.values()):
                return False
    return True


# --- successors ------------------------------------------------------------------------------------------


def continue_with(flow: Flow, program: ObjectId) -> str | None:
    """Send the first core of a successor with another program.

    Returns:
        None, or the reason why there is no successor.

    Raises:
        Missing: a document that the check of the first core needs was erased (code ``erased``).

    Spec: :rule:`flow.replan.only-interrupted`, :rule:`flow.replan.once`, :rule:`flow.replan.rechecked`.
    """
    core = flow.core
    if flow.state.status not in INTERRUPTED:
        return "not-interrupted"
    if "next" in core.entries:
        return "already-continued"
    if not flow.has_replans():
        return "no-replans-left"
    entries = _successor(flow, program)
    if core.workspace.look(program) is None or defects_of(Core(core.workspace, entries)):
        return "rejected-plan"
    successor = core.put_tree(entries)
    flow.log_event("continued", program=digest(core.data(program)))
    core.entries["next"] = successor
    flow.send(successor, {"mt": "genesis"}, successor)
    flow.send(successor, {"mt": "flow.start"}, core.put_tree({"flow": successor}))
    return None


def _successor(flow: Flow, program: ObjectId) -> dict[str, ObjectId]:
    """Return the entries of the first core of a successor.

    Spec: :rule:`flow.replan.carries`.
    """
    core, state, carry = flow.core, flow.state, flow.carry()
    sums = {name: carry[name] + getattr(state, name) for name in ("steps", "calls", "tokens")}
    core.store_trees()
    spent = core.put_document(encode_value({**sums, "replans": carry["replans"] + 1}))
    entries = {name: core.entries[name] for name in _KEPT if name in core.entries}
    entries |= {"program": program, "from": flow.actor, "carry": spent}
    prior = {**core.tree("prior"), **core.tree("out")}
    return {**entries, "prior": core.put_tree(prior)} if prior else entries
