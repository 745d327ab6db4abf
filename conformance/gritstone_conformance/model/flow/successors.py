"""First cores: their form, their defects, and the first core of a successor.

Spec: ``flow/core``, ``flow/check``, ``flow/successors``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from gritstone_conformance.model.flow.checking import Defects, check
from gritstone_conformance.model.flow.message_forms import is_carry, is_list_of_names
from gritstone_conformance.model.flow.objects import (
    CODE,
    ErasedDocument,
    NotADocument,
    document_data,
    is_flow,
    is_sealed,
    named,
    put_tree,
    read_document,
)
from gritstone_conformance.model.flow.values import Value, refs_in
from gritstone_conformance.model.flow.working import Flow
from gritstone_conformance.model.shelf import Shelf

__all__ = ["CORE", "FIXED", "check_core", "first_core"]

CORE: Final = [("", "core")]
"""The defects of a first core of another form."""

FIXED: Final = frozenset(
    ("wit", "wit_query", "name", "program", "input", "policy", "from", "carry", "prior", "starter")
)
"""Entries of a core that no step changes."""

_REQUIRED: Final = {"wit", "program", "input", "policy"}
_OPTIONAL: Final = {"wit_query", "name", "refs"}
_OF_SUCCESSORS: Final = {"from", "carry", "starter"}
_OPTIONAL_OF_SUCCESSORS: Final = {"prior", "facts", "erased"}
_KEPT: Final[tuple[str, ...]] = ("wit", "wit_query", "name", "policy", "input", "refs", "facts", "erased", "starter")


def check_core(shelf: Shelf, core: bytes) -> Defects:
    """Return the defects of a first core.

    Spec: :rule:`flow.core.closed`, :rule:`flow.check.same`.
    """
    entries = shelf.names(core)
    if not _has_form(shelf, entries):
        return CORE
    for name in ("carry", "erased"):
        if name in entries:
            read_document(shelf, entries[name])
    policy = shelf.names(entries["policy"])
    documents = entries["program"], policy["doc"], entries["input"]
    program, rules, given = (document_data(shelf, each) for each in documents)
    peers = shelf.names(policy["peers"]) if "peers" in policy else {}
    refs = shelf.names(entries["refs"]) if "refs" in entries else {}
    return check(program, rules, given, list(peers), list(refs))


def first_core(flow: Flow, program: bytes) -> dict[str, bytes]:
    """Return the entries of the first core of a successor.

    Spec: :rule:`flow.replan.carries`.
    """
    entries: dict[str, bytes] = {name: flow.entries[name] for name in _KEPT if name in flow.entries}
    state, carry = flow.state, flow.carry
    spent: dict[str, Value] = {name: state[name] + carry[name] for name in ("steps", "calls", "tokens")}
    entries |= {"program": program, "from": flow.actor, "carry": flow.put({**spent, "replans": carry["replans"] + 1})}
    prior = {**flow.tree("prior"), **flow.tree("out")}
    return {**entries, "prior": put_tree(flow.shelf, prior)} if prior else entries


def _has_form(shelf: Shelf, entries: Mapping[str, bytes]) -> bool:
    """Return whether a core has the entries of a first core, each of its form."""
    required, optional = set(_REQUIRED), set(_OPTIONAL)
    if "from" in entries:
        required |= _OF_SUCCESSORS
        optional |= _OPTIONAL_OF_SUCCESSORS
    if not required <= entries.keys() <= required | optional:
        return False
    if not all(_FORMS[name](shelf, target) for name, target in entries.items() if name in _FORMS):
        return False
    refs = {*(dict(shelf.names(entries["refs"])) if "refs" in entries else ())}
    outputs = [
        target for name in ("prior", "facts") if name in entries for target in dict(shelf.names(entries[name])).values()
    ]
    return (
        _is_of(shelf, entries.get("carry"), is_carry)
        and _is_of(shelf, entries.get("erased"), lambda value: is_list_of_names(value) and set(value) <= refs)
        and all(_is_of(shelf, target, lambda value: set(refs_in(value)) <= refs) for target in outputs)
    )


def _is_of(shelf: Shelf, identity: bytes | None, form: Callable[[Any], bool]) -> bool:
    """Return whether an entry is absent or a document of a form. An erased blob counts as one."""
    try:
        return identity is None or form(read_document(shelf, identity))
    except ErasedDocument:
        return True
    except NotADocument:
        return False


def _is_blob(shelf: Shelf, identity: bytes) -> bool:
    return shelf.kind(identity) == "blob"


def _is_code(shelf: Shelf, identity: bytes) -> bool:
    blob = shelf.blob(identity)
    return blob is not None and blob.data == CODE


def _is_policy(shelf: Shelf, identity: bytes) -> bool:
    entries = dict(shelf.names(identity)) if shelf.is_tree(identity) else {}
    if not {"doc"} <= entries.keys() <= {"doc", "peers"} or not _is_blob(shelf, entries["doc"]):
        return False
    return "peers" not in entries or _tree_of(lambda shelf, target: shelf.is_tree(target))(shelf, entries["peers"])


def _is_from(shelf: Shelf, identity: bytes) -> bool:
    return shelf.is_tree(identity) and is_flow(shelf, identity)


def _tree_of(form: Callable[[Shelf, bytes], bool]) -> Callable[[Shelf, bytes], bool]:
    """Return the form of trees by name."""

    def has_form(shelf: Shelf, identity: bytes) -> bool:
        entries = named(shelf, identity)
        return entries is not None and all(form(shelf, target) for target in entries.values())

    return has_form


_FORMS: Final[dict[str, Callable[[Shelf, bytes], bool]]] = {
    "wit": _is_code,
    "wit_query": _is_code,
    "name": _is_blob,
    "program": _is_blob,
    "input": _is_blob,
    "policy": _is_policy,
    "refs": _tree_of(is_sealed),
    "from": _is_from,
    "prior": _tree_of(_is_blob),
    "starter": lambda shelf, identity: shelf.is_tree(identity),
    "facts": _tree_of(_is_blob),
}
"""The forms of entries, without the documents that the check reads."""
