"""The adapter that connects my-runtime to the conformance suite.

It reads one request per line on standard input and writes one reply per line on standard output. Write
only replies to standard output; print other text with ``file=sys.stderr``.
"""

import json
import re
import sys
from collections.abc import Callable
from typing import Any

HELLO: dict[str, Any] = {
    "protocol": 1,
    "implementation": {"name": "my-runtime", "version": "0.1", "language": "python"},
    # The versions of the spec that my-runtime implements.
    "spec": ["0.6"],
    # "cbor-blake3" is the other format.
    "formats": ["framed-sha256"],
    # First ["grit"], then "wit", "runtime" and "wasm". Claim only what you implement (harness.hello.honest).
    "profiles": [],
    # Optional features; harness.hello.closed lists what each requires.
    "features": [],
    "limits": {
        # A profile requires limits, which the suite tests (harness.hello.limits). These are the minimums of grit:
        # "object_bytes": 1_048_576, "tree_depth": 1024, "cas_names": 64, "refs": 10_000,
        "window": 64,
        "frame_bytes": 16_777_216,
    },
}


class RefusedError(Exception):
    """The request is refused. Raise it with the class malformed, invalid, missing, rejected or exhausted."""

    def __init__(self, refusal: str, code: str | None = None, message: str = "") -> None:
        super().__init__(message)
        self.answer = {"class": refusal, **({"code": code} if code else {}), "message": message}


def hello(*, protocol: list[int], suite: str, spec: str, frame_bytes: int, window: int) -> dict[str, Any]:
    """Return the name and the claims; the smaller limit of both sides applies."""
    whole = all(type(number) is int for number in (*protocol, frame_bytes, window))
    if not (whole and protocol and min(*protocol, window) > 0 and frame_bytes >= 4_194_304):
        raise ValueError("a number is out of range")
    version = len(spec) <= 16 and re.fullmatch(r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)", spec)
    if not (isinstance(protocol, list) and isinstance(suite, str) and suite and version):
        raise ValueError("a text or a list is invalid")
    if 1 not in protocol:
        raise RefusedError("rejected", message=f"{suite} of spec {spec} does not offer protocol 1")
    limits = HELLO["limits"]
    bounds = {"window": min(window, limits["window"]), "frame_bytes": min(frame_bytes, limits["frame_bytes"])}
    return {**HELLO, "limits": {**limits, **bounds}}


def ping() -> dict[str, Any]:
    """Return an empty reply; the suite only checks that the adapter answers."""
    return {}


def bye() -> dict[str, Any]:
    """Return an empty reply; ``main`` ends after it."""
    return {}


# The operations, each a function whose parameters are the members of its arguments. A name that is not here is
# answered `unsupported` (harness.reply.total), so the adapter conforms while you add one operation after another:
#
#     def grit_id(*, format: str, bytes: str) -> dict[str, Any]:
#         return {"id": my_runtime.id_of(format, bytes_of(bytes)).hex()}
#
# Names, arguments and answers are listed in spec/harness/operations.rst; bytes are sent as base64url without padding
# (harness.bytes.canonical). Start with grit.id, grit.decode and grit.encode, then run the doctor to see what is next.
OPERATIONS: dict[str, Callable[..., dict[str, Any]]] = {"hello": hello, "ping": ping, "bye": bye}


def answer(op: str, args: Any) -> dict[str, Any]:
    """Answer one request; an exception in an operation must not end the process."""
    if op not in OPERATIONS:
        return {"unsupported": {"feature": op}}
    try:
        return {"ok": OPERATIONS[op](**args)}
    except RefusedError as refused:
        return {"refused": refused.answer}
    except Exception as fault:  # noqa: BLE001 - invalid args, or an error of this program
        return {"error": {"message": f"{type(fault).__name__}: {fault}"}}


def main() -> None:
    """Answer each line, and end after ``bye`` or when the input ends (harness.process.ends)."""
    for line in sys.stdin.buffer:
        try:
            request = json.loads(line)
        except RecursionError:  # args are nested too deeply: read the line without them (harness.reply.deep-args)
            request = json.loads(line.partition(b',"args":')[0] + b"}")
        reply = {"seq": request["seq"], **answer(request["op"], request.get("args"))}
        sys.stdout.write(json.dumps(reply) + "\n")
        sys.stdout.flush()  # harness.frame.flush: the suite waits for this line
        if request["op"] == "bye" and "ok" in reply:
            break


if __name__ == "__main__":
    main()
