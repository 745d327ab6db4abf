"""A sandbox without an engine: it counts calls and shows what it was granted. See test_scaffolds.py."""

from dataclasses import dataclass, replace
from typing import Any

NAME, VERSION = "filled", "0.1"
FEATURES = [
    f"sandbox.{name}"
    for name in (
        *("abi.memory", "abi.wasi", "fuel", "table", "time", "traps", "keep", "atomic", "snapshot", "export", "tank"),
        "suspend",
        *("env", "random", "clock", "files"),
    )
]
FUEL_SLACK = 5


@dataclass(frozen=True)
class Limits:
    """The limits of a call."""

    pages: int
    ms: int | None
    fuel: int | None
    table: int | None
    suspend: bool


@dataclass(frozen=True)
class Ended:
    """How a call ended."""

    outcome: str
    output: bytes = b""
    used: int = 0
    instance: Any = None
    files: dict[str, bytes] | None = None


class RefusedError(Exception):
    """The request is refused."""


def run(module: bytes, limits: Limits, grants: dict[str, Any]) -> Ended:
    """Count the first call of a module that begins like one."""
    if not module.startswith(b"\0asm"):
        return Ended("unresolved:module", instance=object())
    texts = [*grants.get("args", []), *grants.get("env", {}).values(), str(grants.get("clock", ""))]
    output = bytes([1]) + grants.get("random", b"") + "".join(texts).encode()
    files = {path: data[::-1] for path, data in grants["files"].items()} if "files" in grants else None
    return replace(again([0], limits), output=output, files=files)


def again(instance: Any, limits: Limits) -> Ended:
    """Count a call; it is suspended if it has one unit, and the instance is lost if it has one millisecond."""
    if limits.suspend and limits.fuel == 1:
        return Ended("suspended", used=1, instance=instance)
    if limits.ms == 1:
        return Ended("timeout")
    instance[0] += 1
    return Ended("done", bytes(instance), limits.pages if limits.fuel is None else limits.fuel, instance)


def close(copy: Any) -> None:
    """Free nothing."""


def snapshot(instance: Any) -> Any:
    """Copy the count; an instance that was called three times is refused."""
    if instance[0] == 3:
        raise RefusedError("rejected")
    return bytes(instance)


def resume(snapshot: Any) -> Any:
    """Return a new count."""
    return [*snapshot]


def export_bytes(snapshot: Any, fuel: int | None) -> bytes:
    """Return the count with a first byte, and the fuel as the last one."""
    return b"c" + bytes(snapshot) + (b"" if fuel is None else bytes([fuel]))


def import_bytes(data: bytes) -> Any:
    """Return the count without its first byte."""
    if data[0] != ord("c"):
        raise RefusedError("malformed")
    return data[1:]
