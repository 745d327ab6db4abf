"""The adapter that connects my-runtime to the conformance suite.

It reads one request per line on standard input and writes one reply per line on standard output. Write
only replies to standard output; print other text with ``file=sys.stderr``.
"""

import base64
import hashlib
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
    "profiles": ["grit"],
    # Optional features; harness.hello.closed lists what each requires.
    "features": [],
    "limits": {
        # A profile requires limits, which the suite tests (harness.hello.limits). These are the minimums of grit:
        "object_bytes": 1_048_576,
        "tree_depth": 1024,
        "cas_names": 64,
        "refs": 10_000,
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


def bytes_of(text: str) -> bytes:
    """Return the bytes that base64url spells."""
    return base64.urlsafe_b64decode(text)


def text_of(data: bytes) -> str:
    """Spell bytes in base64url."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def grit_id(*, format: str, bytes: str) -> dict[str, Any]:
    """Return the hash of any bytes."""
    return {"id": hashlib.sha256(bytes_of(bytes)).hexdigest()}


def grit_decode(*, format: str, bytes: str) -> dict[str, Any]:
    """Read an object, so far only a blob: ``blob <length>``, NUL, headers, NUL, data."""
    head, _, body = bytes_of(bytes).partition(b"\0")
    if not re.fullmatch(rb"blob (0|[1-9][0-9]*)", head):
        raise RefusedError("invalid", message="no blob, or its length is not written the one way")
    if int(head[5:]) != len(body):
        raise RefusedError("malformed", message=f"{len(body)} bytes where {head[5:].decode()} are said to be")
    headers: list[list[str]] = []
    while not body.startswith(b"\0"):
        key, value, body = body.split(b"\0", 2)
        headers.append([key.decode(), value.decode()])
    blob = {"kind": "blob", "headers": headers, "data": text_of(body[1:])}
    return {"object": blob, **grit_id(format=format, bytes=bytes)}


def grit_encode(*, format: str, object: dict[str, Any]) -> dict[str, Any]:
    """Write an object, so far only a blob."""
    if object["kind"] != "blob":
        raise NotImplementedError(f"a {object['kind']} comes later")
    headers = "".join(f"{key}\0{value}\0" for key, value in object["headers"])
    body = headers.encode() + b"\0" + bytes_of(object["data"])
    written = text_of(b"blob %d\0" % len(body) + body)
    return {"bytes": written, **grit_id(format=format, bytes=written)}


# The operations, each a function whose parameters are the members of its arguments. A name that is not here is
# answered `unsupported` (harness.reply.total), so the adapter conforms while you add one operation after another:
#
#     def grit_id(*, format: str, bytes: str) -> dict[str, Any]:
#         return {"id": my_runtime.id_of(format, bytes_of(bytes)).hex()}
#
# Names, arguments and answers are listed in spec/harness/operations.rst; bytes are sent as base64url without padding
# (harness.bytes.canonical). Start with grit.id, grit.decode and grit.encode, then run the doctor to see what is next.
OPERATIONS: dict[str, Callable[..., dict[str, Any]]] = {
    "hello": hello,
    "ping": ping,
    "bye": bye,
    "grit.id": grit_id,
    "grit.decode": grit_decode,
    "grit.encode": grit_encode,
}


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
