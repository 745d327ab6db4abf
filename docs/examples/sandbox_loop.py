"""The loop of an adapter that lets the suite judge a sandbox.

An adapter calls :func:`serve` with a function that runs a module and a function that calls a kept instance again. This
module does the rest: it reads requests, checks them, keeps the handles of instances, and writes replies.
"""

from __future__ import annotations

import base64
import itertools
import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Limits", "Report", "serve"]

LEAST = {"fuel": 1, "pages": 16, "table": 0, "ms": 1}
MOST = {"fuel": 2**53 - 1, "pages": 1_024, "table": 1_000_000, "ms": 60_000}

GRANTS = {"args": "env", "env": "env", "files": "files"}

Limits = dict[str, Any]


@dataclass
class Report:
    """How a call ended.

    Attributes:
        outcome: a text of the table of outcomes.
        output: what the probe emitted; judged only if the outcome is ``done``.
        used: units of fuel, or None without the feature ``sandbox.fuel``.
        instance: what :func:`serve` passes to the next call; None if the sandbox cannot call the instance again.
        files: all files after the call, if files were granted.
    """

    outcome: str
    output: bytes = b""
    used: int | None = None
    instance: Any = None
    files: dict[str, bytes] | None = None


class RefusedError(Exception):
    """A refusal of a request: its class."""


class _Adapter:
    def __init__(
        self,
        hello: dict[str, Any],
        run: Callable[..., Report],
        again: Callable[[Any, Limits], Report] | None,
    ) -> None:
        self._hello, self._run, self._again = hello, run, again
        self._instances: dict[str, Any] = {}
        self._numbers = itertools.count(1)
        self.operations: dict[str, Callable[..., dict[str, Any]]] = {
            "hello": self.hello,
            "ping": dict[str, Any],
            "bye": dict[str, Any],
            "sandbox.run": self.run,
        }
        if again is not None:
            self.operations |= {"sandbox.again": self.again, "sandbox.close": self.close}

    def hello(self, *, protocol: list[int], suite: str, spec: str, frame_bytes: int, window: int) -> dict[str, Any]:
        """Return the name and the claims; the smaller limit of both sides applies."""
        whole = all(type(number) is int for number in (*protocol, frame_bytes, window))
        if not (whole and protocol and min(*protocol, window) > 0 and frame_bytes >= 4_194_304):
            raise ValueError("a number is out of range")
        version = len(spec) <= 16 and re.fullmatch(r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)", spec)
        if not (isinstance(protocol, list) and isinstance(suite, str) and suite and version):
            raise ValueError("a text or a list is invalid")
        if 1 not in protocol:
            raise RefusedError("rejected")
        limits = self._hello["limits"]
        bounds = {"window": min(window, limits["window"]), "frame_bytes": min(frame_bytes, limits["frame_bytes"])}
        return {**self._hello, "limits": {**limits, **bounds}}

    def run(self, *, module: str, limits: Limits, grants: dict[str, Any], keep: bool) -> dict[str, Any]:
        """Run a module."""
        if type(keep) is not bool or (keep and self._again is None):
            raise ValueError("an argument needs a feature that is not claimed, or is no truth value")
        given = (self._granted(grants),) if grants != {} else ()
        report = self._run(_from_base64(module), _checked(limits), *given)
        handle = None
        if keep and report.instance is not None:
            handle = f"i{next(self._numbers)}"
            self._instances[handle] = report.instance
        return {**_written(report), "instance": handle}

    def _granted(self, grants: dict[str, Any]) -> dict[str, Any]:
        """Decode grants; each needs its feature."""
        for name in grants:
            if name not in GRANTS or f"sandbox.{GRANTS[name]}" not in self._hello["features"]:
                raise ValueError("a grant needs a feature that is not claimed")
        args, env = grants.get("args", []), grants.get("env", {})
        if not all(type(text) is str for text in (*args, *env.values())) or not isinstance(args, list):
            raise ValueError("a granted text is invalid")
        if "files" not in grants:
            return grants
        return {**grants, "files": {path: _from_base64(data) for path, data in grants["files"].items()}}

    def again(self, *, instance: str, limits: Limits) -> dict[str, Any]:
        """Call the entry of a kept instance once more."""
        _checked(limits)
        assert self._again is not None
        report = self._again(self._known(instance), limits)
        if report.instance is None:
            del self._instances[instance]
        return _written(report)

    def close(self, *, handle: str) -> dict[str, Any]:
        """Drop an instance."""
        self._known(handle)
        del self._instances[handle]
        return {}

    def _known(self, handle: str) -> Any:
        if re.fullmatch(r"[!-~]{1,128}", handle) is None:
            raise ValueError("no handle")
        if handle not in self._instances:
            raise RefusedError("missing")
        return self._instances[handle]


def _checked(limits: Limits) -> Limits:
    whole = all(type(limits[name]) is int or (limits[name] is None and name != "pages") for name in MOST)
    if limits.keys() != MOST.keys() or not whole or limits["pages"] % 16:
        raise ValueError("a limit is missing or no number")
    if not all(LEAST[name] <= limits[name] <= MOST[name] for name in MOST if limits[name] is not None):
        raise ValueError("a limit is out of bounds")
    return limits


def _written(report: Report) -> dict[str, Any]:
    reply = {"outcome": report.outcome, "output": _to_base64(report.output), "used": report.used}
    if report.files is None:
        return reply
    return {**reply, "files": {path: _to_base64(data) for path, data in report.files.items()}}


def _to_base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _from_base64(text: str) -> bytes:
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if _to_base64(data) != text:
        raise ValueError("not the canonical base64url")
    return data


def serve(
    name: str,
    version: str,
    features: list[str],
    run: Callable[..., Report],
    again: Callable[[Any, Limits], Report] | None = None,
    fuel_slack: int = 0,
) -> None:
    """Answer requests until ``bye`` or the end of the input.

    Args:
        name: of the sandbox.
        version: of the sandbox.
        features: without ``sandbox.``.
        run: instantiates a module and calls its entry, with the bytes, the limits and, if there are any, the grants.
        again: calls the entry of an instance; None if instances are not kept.
        fuel_slack: how far a call may exceed its fuel.
    """
    hello: dict[str, Any] = {
        "protocol": 1,
        "implementation": {"name": name, "version": version, "language": "python"},
        "spec": ["0.6"],
        "formats": [],
        "profiles": ["sandbox"],
        "features": sorted(f"sandbox.{feature}" for feature in features),
        "limits": {"window": 64, "frame_bytes": 16_777_216, "fuel_slack": fuel_slack},
    }
    operations = _Adapter(hello, run, again).operations
    for line in sys.stdin.buffer:
        seq = int(line[len(b'{"seq":') :].partition(b",")[0])
        op = ""
        try:
            request = json.loads(line)
            op, args = request["op"], request["args"]
            if op not in operations:
                reply = {"unsupported": {"feature": op}}
            elif op in ("ping", "bye") and args:
                reply = {"error": {"message": "unknown arguments"}}
            else:
                reply = {"ok": operations[op](**args)}
        except RefusedError as refusal:
            reply = {"refused": {"class": str(refusal)}}
        except Exception as error:  # noqa: BLE001 - the adapter continues after any fault
            reply = {"error": {"message": repr(error)[:1_000]}}
        print(json.dumps({"seq": seq, **reply}), flush=True)
        if op == "bye" and "ok" in reply:
            break
