"""``wut``: the description of an actor by itself, as a value.

Spec: :rule:`wit.wut.form`.
"""

from __future__ import annotations

from collections.abc import Mapping

from gritstone.errors import Invalid
from gritstone.grit.objects import Blob
from gritstone.wit.canonical import Json, read_canonical, write_canonical

__all__ = ["read_wut", "wut_blob"]

_TYPES = {"content": ("blob", "tree", "any"), "args": ("blob", "none"), "returns": ("blob", "tree", "any")}


def read_wut(data: bytes) -> Json:
    """Return the value of a wut.

    Raises:
        Invalid: the data is not canonical JSON, or does not have the form of a wut.
    """
    value = read_canonical(data)
    if not isinstance(value, dict) or value.keys() != {"wut", "name", "messages", "queries"}:
        raise _bad("no object with wut, name, messages and queries")
    if isinstance(value["wut"], bool) or value["wut"] != 1 or not isinstance(value["name"], str):
        raise _bad("another version, or a name that is no text")
    _check_all(value["messages"], ("content",))
    _check_all(value["queries"], ("args", "returns"))
    if "" in value["queries"]:
        raise _bad("a query without a name")
    return value


def wut_blob(name: str, messages: Mapping[str, Mapping[str, Json]], queries: Mapping[str, Mapping[str, Json]]) -> Blob:
    """Return the answer to the query ``wut``.

    Args:
        name: the name of the actor.
        messages: by ``mt``: ``content``, and optionally ``schema`` and ``summary``.
        queries: by name: ``args``, ``returns``, and optionally ``schema`` and ``summary``.

    Raises:
        Invalid: the result is not a wut.
    """
    value = {
        "wut": 1,
        "name": name,
        "messages": {mt: dict(members) for mt, members in messages.items()},
        "queries": {query: dict(members) for query, members in queries.items()},
    }
    data = write_canonical(value)
    read_wut(data)
    return Blob({"ct": "j"}, data)


def _check_all(described: Json, types: tuple[str, ...]) -> None:
    if not isinstance(described, dict):
        raise _bad("no object of messages or queries")
    for name, members in described.items():
        if not isinstance(members, dict):
            raise _bad(f"{name}: no object")
        _check_one(name, members, types)


def _check_one(name: str, members: dict[str, Json], types: tuple[str, ...]) -> None:
    if not set(types) <= members.keys() <= {*types, "schema", "summary"}:
        raise _bad(f"{name}: other members", got=sorted(members))
    for kind in types:
        if members[kind] not in _TYPES[kind]:
            raise _bad(f"{name}: {kind}", got=ascii(members[kind]), expected=" or ".join(_TYPES[kind]))
    if "schema" in members and (members[types[0]] != "blob" or not isinstance(members["schema"], bool | dict)):
        raise _bad(f"{name}: invalid schema, or a schema of something other than a blob")
    if "summary" in members and not isinstance(members["summary"], str):
        raise _bad(f"{name}: a summary that is no text")


def _bad(what: str, *, got: object = None, expected: object = None) -> Invalid:
    return Invalid(f"no wut: {what}", rule="wit.wut.form", got=got, expected=expected)
