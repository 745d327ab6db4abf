"""Requests about objects alone, each with the model's answer."""

from __future__ import annotations

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.limits import Limits
from gritstone_conformance.model.refusals import Refusal, ok
from gritstone_conformance.model.values import Object, to_base64, to_json
from gritstone_conformance.trial import Asked

__all__ = ["decoding", "encoding", "hashing", "judged_by"]


def encoding(fmt: Format, value: Object, limits: Limits, rule: str | None = None) -> Asked:
    """Return ``grit.encode`` of a value."""
    args = {"format": fmt.name, "object": to_json(value)}
    try:
        data = fmt.encode_within(value, limits.object_bytes)
    except Refusal as refusal:
        return "grit.encode", args, refusal.expectation(), rule
    return "grit.encode", args, ok(bytes=to_base64(data), id=fmt.hash(data).hex()), rule


def decoding(fmt: Format, data: bytes, limits: Limits, rule: str | None = None) -> Asked:
    """Return ``grit.decode`` of bytes."""
    args = {"format": fmt.name, "bytes": to_base64(data)}
    try:
        value = fmt.decode_within(data, limits.object_bytes)
    except Refusal as refusal:
        return "grit.decode", args, refusal.expectation(), rule
    return "grit.decode", args, ok(object=to_json(value), id=fmt.hash(data).hex()), rule


def hashing(fmt: Format, data: bytes, rule: str | None = None) -> Asked:
    """Return ``grit.id`` of bytes that are within the limit."""
    return "grit.id", {"format": fmt.name, "bytes": to_base64(data)}, ok(id=fmt.hash(data).hex()), rule


def judged_by(asked: Asked) -> str:
    """Return the rule that the answer to any ``grit.decode`` judges: refusing what is good, or naming a wrong class."""
    expect = asked[2]
    if "ok" in expect:
        return "grit.object.round-trip"
    return "grit.object.total" if "any" in expect else "grit.object.class"
