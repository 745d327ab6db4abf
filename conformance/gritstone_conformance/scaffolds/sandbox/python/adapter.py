"""The adapter that connects my-runtime to the conformance suite, as a sandbox. ``sandbox.py`` has what to fill in.

It reads one request per line on standard input and writes one reply per line on standard output. It decodes and checks
the arguments, keeps the handles of instances and snapshots, and calls the functions of ``sandbox.py``.
"""

import base64
import itertools
import json
import re
import sys
from collections.abc import Callable
from typing import Any

import sandbox
from sandbox import Ended, Limits, RefusedError

WINDOW, FRAME_BYTES = 64, 16_777_216
BOUNDS = {"pages": (16, 1024), "ms": (1, 60_000), "fuel": (1, 2**53 - 1), "table": (0, 1_000_000)}
GRANTS = {"args": "sandbox.env", **{name: f"sandbox.{name}" for name in ("env", "random", "clock", "files")}}
COPIES: dict[str, Any] = {}  # handle to instance (i1) or snapshot (s2)
NUMBERS = itertools.count(1)


def hello(*, protocol: list[int], suite: str, spec: str, frame_bytes: int, window: int) -> dict[str, Any]:
    """Return the name and the claims; the smaller limit of both sides applies."""
    whole = all(type(number) is int for number in (*protocol, frame_bytes, window))
    if not (whole and protocol and min(*protocol, window) > 0 and frame_bytes >= 4_194_304):
        raise ValueError("a number is out of range")
    version = len(spec) <= 16 and re.fullmatch(r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)", spec)
    if not (isinstance(protocol, list) and isinstance(suite, str) and suite and version):
        raise ValueError("a text or a list is invalid")
    if 1 not in protocol:
        raise RefusedError("rejected")
    limits = {"window": min(window, WINDOW), "frame_bytes": min(frame_bytes, FRAME_BYTES)}
    return {
        "protocol": 1,
        "implementation": {"name": sandbox.NAME, "version": sandbox.VERSION, "language": "python"},
        "spec": ["0.6"],
        "formats": [],
        "profiles": ["sandbox"],
        "features": sandbox.FEATURES,
        "limits": {**limits, "fuel_slack": sandbox.FUEL_SLACK},
    }


def nothing() -> dict[str, Any]:
    """Answer ``ping`` and ``bye``; ``main`` ends after ``bye``."""
    return {}


def run(*, module: str, limits: dict[str, Any], grants: dict[str, Any], keep: bool, **more: Any) -> dict[str, Any]:
    """Run a module; keep its instance if this is asked for."""
    if type(keep) is not bool or (keep and "sandbox.keep" not in sandbox.FEATURES):
        raise ValueError("keep is invalid or not claimed")
    if more and not keep:
        raise ValueError("suspend needs keep")
    ended = sandbox.run(bytes_of(module), limits_of(limits, more), grants_of(grants))
    if ended.instance is None or (keep and not ended.outcome.startswith("unresolved")):
        return {**report(ended), "instance": None if ended.instance is None else kept("i", ended.instance)}
    sandbox.close(ended.instance)
    return {**report(ended), "instance": None}


def again(*, instance: str, limits: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Call the entry of a kept instance; drop the handle if no instance is left."""
    within = limits_of(limits, more)
    ended = sandbox.again(known(instance, "i"), within)
    COPIES[instance] = ended.instance
    if ended.instance is None:
        del COPIES[instance]
    return report(ended)


def close(*, handle: str) -> dict[str, Any]:
    """Drop an instance or a snapshot."""
    sandbox.close(known(handle, "is"))
    del COPIES[handle]
    return {}


def snapshot(*, instance: str) -> dict[str, Any]:
    """Make a snapshot of an instance."""
    return {"snapshot": kept("s", sandbox.snapshot(known(instance, "i")))}


def resume(*, snapshot: str) -> dict[str, Any]:
    """Make an instance of a snapshot."""
    return {"instance": kept("i", sandbox.resume(known(snapshot, "s")))}


def export_bytes(*, snapshot: str, **carried: Any) -> dict[str, Any]:
    """Return a snapshot as bytes, perhaps with units of fuel out of its tank."""
    fuel, names = carried.get("fuel"), {"fuel"} if "sandbox.tank" in sandbox.FEATURES else set()
    if carried and not (carried.keys() == names and type(fuel) is int and 0 <= fuel < 2**53):
        raise ValueError("fuel is invalid or not claimed")
    return {"bytes": text_of(sandbox.export_bytes(known(snapshot, "s"), fuel))}


def import_bytes(*, bytes: str) -> dict[str, Any]:  # noqa: A002 - the name of the member in the request
    """Make a snapshot of bytes."""
    return {"snapshot": kept("s", sandbox.import_bytes(bytes_of(bytes)))}


def report(ended: Ended) -> dict[str, Any]:
    """Return the reply to a call; ``used`` is null without sandbox.fuel."""
    used = ended.used if "sandbox.fuel" in sandbox.FEATURES else None
    reply: dict[str, Any] = {"outcome": ended.outcome, "output": text_of(ended.output), "used": used}
    if ended.files is not None:
        reply["files"] = {path: text_of(data) for path, data in ended.files.items()}
    return reply


def kept(kind: str, copy: Any) -> str:
    """Return a new handle of an instance or a snapshot."""
    handle = f"{kind}{next(NUMBERS)}"
    COPIES[handle] = copy
    return handle


def known(handle: str, kinds: str) -> Any:
    """Return what a handle names; a handle of the other kind is missing too."""
    if re.fullmatch(r"[!-~]{1,128}", handle) is None:
        raise ValueError("a handle is invalid")
    if handle not in COPIES or handle[0] not in kinds:
        raise RefusedError("missing")
    return COPIES[handle]


def limits_of(value: dict[str, Any], more: dict[str, Any]) -> Limits:
    """Decode the limits of a call, and ``suspend``: without it a call whose fuel is spent is not kept."""
    suspend, names = more.get("suspend"), {"suspend"} if "sandbox.suspend" in sandbox.FEATURES else set()
    if more and not (more.keys() == names and type(suspend) is bool):
        raise ValueError("suspend is invalid or not claimed")
    if value.keys() != BOUNDS.keys() or value["pages"] is None or value["pages"] % 16:
        raise ValueError("a limit is missing or invalid")
    for name, (least, most) in BOUNDS.items():
        if value[name] is not None and not (type(value[name]) is int and least <= value[name] <= most):
            raise ValueError(f"the limit {name} is out of range")
    return Limits(**value, suspend=bool(suspend))


def grants_of(value: dict[str, Any]) -> dict[str, Any]:
    """Decode the grants: ``random`` and the files are bytes, ``clock`` is in nanoseconds."""
    for name in value:
        if GRANTS.get(name) not in sandbox.FEATURES:
            raise ValueError(f"the grant {name} is not claimed")
    args, env = value.get("args", []), value.get("env", {})
    if not (isinstance(args, list) and isinstance(env, dict) and type(value.get("clock", 0)) is int):
        raise ValueError("a grant is invalid")
    if not all(isinstance(text, str) for text in (*args, *env.values())):
        raise ValueError("a granted text is invalid")
    seed = {"random": bytes_of(value["random"])} if "random" in value else {}
    files = {"files": {path: bytes_of(data) for path, data in value["files"].items()}} if "files" in value else {}
    return {**value, **seed, **files}


def text_of(data: bytes) -> str:
    """Encode bytes as base64url without padding (harness.bytes.canonical)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def bytes_of(text: str) -> bytes:
    """Decode bytes; anything but their canonical text is an error."""
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if text_of(data) != text:
        raise ValueError("bytes are not base64url without padding")
    return data


# The operations, each with the feature that it needs. Others are answered `unsupported` (harness.reply.total).
OPERATIONS: dict[str, tuple[str, Callable[..., dict[str, Any]]]] = {
    "hello": ("", hello),
    "ping": ("", nothing),
    "bye": ("", nothing),
    "sandbox.run": ("", run),
    "sandbox.again": ("sandbox.keep", again),
    "sandbox.close": ("sandbox.keep", close),
    "sandbox.snapshot": ("sandbox.snapshot", snapshot),
    "sandbox.resume": ("sandbox.snapshot", resume),
    "sandbox.export": ("sandbox.export", export_bytes),
    "sandbox.import": ("sandbox.export", import_bytes),
}


def answer(op: str, args: Any) -> dict[str, Any]:
    """Answer one request; an exception in an operation must not end the process."""
    feature, operation = OPERATIONS.get(op, (op, nothing))
    if feature not in ("", *sandbox.FEATURES):
        return {"unsupported": {"feature": feature}}
    try:
        return {"ok": operation(**args)}
    except RefusedError as refused:
        return {"refused": {"class": str(refused)}}
    except Exception as fault:  # noqa: BLE001 - invalid args, or an error of this program
        return {"error": {"message": f"{type(fault).__name__}: {fault}"[:1_000]}}


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
    for copy in COPIES.values():  # harness.process.group: nothing that my-runtime started stays behind
        sandbox.close(copy)


if __name__ == "__main__":
    main()
