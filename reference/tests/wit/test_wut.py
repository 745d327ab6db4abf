"""The form of a wut, and the document that follows from it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gritstone.errors import Invalid
from gritstone.wit import openapi
from gritstone.wit.canonical import write_canonical
from gritstone.wit.wut import read_wut, wut_blob

GOOD: dict[str, Any] = {
    "wut": 1,
    "name": "n\u00e4me",
    "messages": {"": {"content": "any"}, "a/b %": {"content": "blob", "schema": True, "summary": "s"}},
    "queries": {"q~": {"args": "none", "returns": "tree"}, "x": {"args": "blob", "returns": "any", "schema": {}}},
}


def changed(*path: Any, to: Any) -> bytes:
    value = json.loads(json.dumps(GOOD))
    at = value
    for name in path[:-1]:
        at = at[name]
    if to is None:
        del at[path[-1]]
    else:
        at[path[-1]] = to
    return write_canonical(value)


def test_valid_wut_is_decoded() -> None:
    data = write_canonical(GOOD)
    assert read_wut(data) == GOOD
    assert wut_blob(GOOD["name"], GOOD["messages"], GOOD["queries"]).data == data


@pytest.mark.parametrize(
    "data",
    [
        b"{}",
        b"[]",
        changed("wut", to=2),
        changed("wut", to=True),
        changed("name", to=1),
        changed("name", to=None),
        changed("more", to=1),
        changed("messages", to=[]),
        changed("messages", "", to=1),
        changed("messages", "", "content", to="str"),
        changed("messages", "", "content", to=None),
        changed("messages", "", "schema", to=True),
        changed("messages", "a/b %", "schema", to=1),
        changed("messages", "a/b %", "summary", to=1),
        changed("messages", "a/b %", "more", to=1),
        changed("queries", "", to={"args": "none", "returns": "any"}),
        changed("queries", "q~", "schema", to=True),
        changed("queries", "q~", "returns", to="none"),
        json.dumps(GOOD).encode(),
    ],
)
def test_invalid_wuts_are_rejected(data: bytes) -> None:
    with pytest.raises(Invalid):
        read_wut(data)
    with pytest.raises(Invalid):
        openapi(bytes(32), data)


def test_openapi_document_matches_the_wut() -> None:
    document = json.loads(openapi(b"\x01" * 32, write_canonical(GOOD)))
    assert document["servers"] == [{"url": f"/actors/{'01' * 32}"}]
    assert document["info"] == {"title": "n\u00e4me", "version": "1"}
    assert set(document["paths"]) == {"/messages", "/messages/a%2Fb%20%25", "/queries/q~", "/queries/x"}
    post = document["paths"]["/messages/a%2Fb%20%25"]["post"]
    assert post["operationId"] == "message:a/b %"
    assert post["summary"] == "s"
    assert post["requestBody"] == {"content": {"application/json": {"schema": True}}, "required": True}
    assert "requestBody" not in document["paths"]["/queries/q~"]["get"]
    assert document["paths"]["/queries/x"]["post"]["responses"]["404"] == {"description": "none"}
    empty = write_canonical({"wut": 1, "name": "", "messages": {}, "queries": {}})
    assert json.loads(openapi(bytes(32), empty))["paths"] == {}


def test_wut_at_the_nesting_limit_has_a_document() -> None:
    schema: dict[str, Any] = {}
    for _ in range(60):
        schema = {"not": schema}
    message: dict[str, Any] = {"content": "blob", "schema": schema}
    document = openapi(bytes(32), write_canonical({**GOOD, "messages": {"m": message}}))
    media = json.loads(document)["paths"]["/messages/m"]["post"]["requestBody"]["content"]["application/json"]
    assert media == {"schema": schema}
    message["schema"] = {"not": schema}
    with pytest.raises(Invalid):
        write_canonical({**GOOD, "messages": {"m": message}})
