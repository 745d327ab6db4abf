"""The loop of a bridge: an adapter that reads requests of the suite from one stream and writes the replies to another.

Spec: ``harness/messages``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, Final

from gritstone_conformance import SPEC_VERSIONS, SUITE_VERSION
from gritstone_conformance.bridges.sandbox import BridgeError, RefusedError
from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.replies import Json
from gritstone_conformance.schemas import violation

__all__ = ["serve"]

Operation = Callable[[dict[str, Any]], dict[str, Json]]

_WINDOW: Final = 64
_FRAME_BYTES: Final = 16_777_216


def serve(
    name: str, features: tuple[str, ...], operations: Mapping[str, Operation], source: BinaryIO, target: BinaryIO
) -> None:
    """Answer each line until ``bye`` or the end of the input.

    Args:
        name: of the implementation behind the bridge.
        features: those of ``sandbox`` that the bridge claims.
        operations: the operations by name.
        source: the requests.
        target: the replies.
    """

    def hello(args: dict[str, Any]) -> dict[str, Json]:
        if 1 not in args["protocol"]:
            raise RefusedError("rejected")
        bounds = {"window": min(args["window"], _WINDOW), "frame_bytes": min(args["frame_bytes"], _FRAME_BYTES)}
        return {
            "protocol": 1,
            "implementation": {"name": f"{name} as a sandbox", "version": SUITE_VERSION, "language": "python"},
            "spec": [*SPEC_VERSIONS],
            "formats": [],
            "profiles": ["sandbox"],
            "features": [*features],
            "limits": {**bounds, "fuel_slack": 0},
        }

    known: dict[str, Operation] = {**operations, "hello": hello, "ping": lambda args: {}, "bye": lambda args: {}}
    for line in source:
        reply = _answer(known, line)
        target.write(json.dumps(reply, separators=(",", ":")).encode() + b"\n")
        target.flush()
        if b'"op":"bye"' in line and "ok" in reply:
            return


def _answer(known: Mapping[str, Operation], line: bytes) -> dict[str, Json]:
    """Return the reply to one line."""
    try:
        request = json.loads(line)
    except RecursionError:
        start = json.loads(line.partition(b',"args":')[0] + b"}")
        return {"seq": start["seq"], "error": {"message": "the arguments are nested too deeply"}}
    seq, op = request["seq"], request["op"]
    if op not in known:
        return {"seq": seq, "unsupported": {"feature": op}}
    wrong = violation("request", request)
    if wrong is not None:
        return {"seq": seq, "error": {"message": wrong[:1_000]}}
    try:
        return {"seq": seq, "ok": known[op](request["args"])}
    except RefusedError as refused:
        return {"seq": seq, "refused": {"class": refused.kind}}
    except (BridgeError, SubjectFault) as fault:
        return {"seq": seq, "error": {"message": f"the implementation behind the bridge: {fault}"[:1_000]}}
