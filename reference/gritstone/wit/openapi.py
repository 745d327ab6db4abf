"""The OpenAPI 3.1 document that is derived from a wut and the id of an actor.

Spec: :rule:`wit.wut.openapi`.
"""

from __future__ import annotations

from urllib.parse import quote

from gritstone.grit.objects import ObjectId
from gritstone.wit.canonical import MAX_DEPTH, Json, write_canonical
from gritstone.wit.wut import read_wut

__all__ = ["openapi"]

_DEEPER = 4
"""The additional nesting depth of a schema in the document, compared with the wut."""


def openapi(actor: ObjectId, wut: bytes) -> bytes:
    """Return a description of the messages and queries of an actor.

    Args:
        actor: the id of the actor, which need not exist.
        wut: the wut as canonical JSON.

    Returns:
        Canonical JSON.

    Raises:
        Invalid: ``wut`` is not a valid wut.

    Spec: :rule:`wit.wut.openapi`.
    """
    value = read_wut(wut)
    paths = {}
    for mt, members in value["messages"].items():
        paths[f"/messages/{quote(mt, safe='')}" if mt else "/messages"] = {"post": _message(mt, members)}
    for name, members in value["queries"].items():
        method = "get" if members["args"] == "none" else "post"
        paths[f"/queries/{quote(name, safe='')}"] = {method: _query(name, members)}
    return write_canonical(
        {
            "openapi": "3.1.0",
            "info": {"title": value["name"], "version": "1"},
            "servers": [{"url": f"/actors/{actor.hex()}"}],
            "paths": paths,
        },
        deepest=MAX_DEPTH + _DEEPER,
    )


def _message(mt: str, members: dict[str, Json]) -> Json:
    operation: dict[str, Json] = {
        "operationId": f"message:{mt}",
        "responses": {"202": {"description": "accepted"}},
        "requestBody": _body(members["content"], members),
    }
    return _with_summary(operation, members)


def _query(name: str, members: dict[str, Json]) -> Json:
    operation: dict[str, Json] = {
        "operationId": f"query:{name}",
        "responses": {"200": {"description": "answer"}, "404": {"description": "none"}},
    }
    if members["args"] != "none":
        operation["requestBody"] = _body(members["args"], members)
    return _with_summary(operation, members)


def _body(kind: str, members: dict[str, Json]) -> Json:
    if "schema" in members:
        content = {"application/json": {"schema": members["schema"]}}
    elif kind == "blob":
        content = {"application/octet-stream": {}}
    else:
        content = {"application/vnd.gritstone.object": {}}
    return {"content": content, "required": True}


def _with_summary(operation: dict[str, Json], members: dict[str, Json]) -> Json:
    if "summary" in members:
        operation["summary"] = members["summary"]
    return operation
