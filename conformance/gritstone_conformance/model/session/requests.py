"""What a request holds: its headers, and the request of a turn.

Spec: ``session/requests``, ``session/prepare``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from gritstone_conformance.model.proposals import header
from gritstone_conformance.model.session.json_text import JsonText, NotJson, read_json
from gritstone_conformance.model.session.refused import LONGEST_PROMPT, MOST, Refused, check_size
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.values import Blob, Message

__all__ = [
    "TEXT_ID",
    "TurnRequest",
    "check_headers",
    "copied",
    "is_call",
    "is_corr",
    "is_number",
    "plain_blob",
    "read_request",
]

TEXT_ID: Final = re.compile("[0-9a-f]{64}")

_NUMBER: Final = re.compile("0|[1-9][0-9]{0,15}")
_CORR: Final = re.compile("[!-~]{1,128}")


@dataclass(frozen=True, slots=True)
class TurnRequest:
    """The request of a turn.

    Attributes:
        kind: ``user`` or ``continue``.
        prompt: what the user says, empty in ``continue``.
        system: the system prompt in place of that of the configuration, or None.
        force_json: whether a final response has to be JSON.
    """

    kind: str
    prompt: str = ""
    system: str | None = None
    force_json: bool = False


def read_request(data: bytes) -> TurnRequest:
    """Return the request of a turn; raises Refused."""
    try:
        value = read_json(data)
    except NotJson as problem:
        raise Refused("malformed", "request") from problem
    request = _request(value)
    check_size(len(request.prompt.encode()), LONGEST_PROMPT)
    return request


def _request(value: JsonText) -> TurnRequest:
    match value:
        case {"kind": "continue", **rest}:
            request = TurnRequest("continue")
        case {"kind": "user", "prompt": str() as prompt, **rest}:
            request = TurnRequest("user", prompt, _system(rest))
        case _:
            raise Refused("malformed", "request")
    allowed = {"force_json"} if request.kind == "continue" else {"force_json", "system"}
    force_json = rest.get("force_json", False)
    if not set(rest) <= allowed or not isinstance(force_json, bool):
        raise Refused("malformed", "request")
    return replace(request, force_json=force_json)


def _system(members: Mapping[object, object]) -> str | None:
    system = members.get("system", "")
    if not isinstance(system, str):
        raise Refused("malformed", "request")
    return system if "system" in members else None


def is_number(text: str | None) -> bool:
    """Return whether a header value is a number."""
    return text is not None and _NUMBER.fullmatch(text) is not None and int(text) <= MOST


def is_call(text: str | None) -> bool:
    """Return whether a text is the id of a call: two numbers with a dot between them."""
    parts = (text or "").split(".")
    return len(parts) == 2 and all(is_number(part) for part in parts)


def is_corr(text: str | None) -> bool:
    """Return whether a text is a correlation."""
    return text is not None and _CORR.fullmatch(text) is not None


def copied(message: Message) -> tuple[tuple[str, str], ...]:
    """Return the headers that a reply copies from its request, as far as they are well-formed."""
    at, corr = header(message, "at"), header(message, "corr")
    pairs = (("at", at if is_number(at) else None), ("corr", corr if is_corr(corr) else None))
    return tuple((key, value) for key, value in pairs if value is not None)


def check_headers(message: Message) -> None:
    """Raise Refused if ``at`` or ``corr`` is not well-formed, or a header that the type of the message needs."""
    corr = header(message, "corr")
    fits = is_number(header(message, "at")) and (corr is None or is_corr(corr))
    match header(message, "mt"):
        case "commit":
            fits = fits and TEXT_ID.fullmatch(header(message, "turn") or "") is not None
        case "tool-result":
            fits = fits and is_call(header(message, "call")) and header(message, "ok") in ("0", "1")
        case "abandon" | "configure" | "ask":
            pass
        case _:
            fits = False
    if not fits:
        raise Refused("malformed", "header")


def plain_blob(shelf: Shelf, identity: bytes, *types: str) -> Blob | None:
    """Return a blob whose one header is ``ct`` with one of some values; None for anything else."""
    blob = shelf.blob(identity)
    return blob if blob is not None and blob.headers in [(("ct", ct),) for ct in types] else None
