"""The claims of an implementation in its ``hello``, checked against the spec.

Some parts of a ``hello`` violate a rule and leave it usable; others are only noted. A ``hello`` that cannot be used is
rejected.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final

from gritstone_conformance import SPEC_VERSIONS
from gritstone_conformance.attachment.protocol import MAX_INTEGER
from gritstone_conformance.attachment.reply_shapes import MAY_BE_UNLIMITED, REPLY_SHAPES, shape_problem
from gritstone_conformance.attachment.settings import AttachSettings
from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.replies import Claims, Json
from gritstone_conformance.text import printable

__all__ = [
    "FEATURES",
    "FLOORS",
    "FORMATS",
    "PROFILES",
    "Hello",
    "covered_profiles",
    "is_claimed",
    "judged_spec",
    "read_hello",
    "shown_claims",
    "with_included",
    "with_lower",
]

PROFILES: Final[dict[str, tuple[str, ...]]] = {
    "grit": (),
    "wit": ("grit",),
    "runtime": ("wit",),
    "wasm": ("runtime",),
    "image": ("runtime",),
    "session": ("runtime",),
    "flow": ("runtime",),
    "sandbox": (),
}
"""Profile -> the profiles that it requires."""

FORMATS: Final = ("framed-sha256", "cbor-blake3")

FEATURES: Final[dict[str, tuple[str, ...]]] = {
    "durable": (),
    "files": (),
    "shared": ("durable",),
    "transcode": FORMATS,
    "erase": (),
    "damage": (),
    "connect": (),
    "external": (),
    "schedule": (),
    "clock": (),
    "effects": (),
    "threads": (),
    "fault.kill": ("durable",),
    "wasm.executor": (),
    "session.guest": ("external",),
    "flow.pure": (),
    "flow.executor": ("external",),
    "flow.metrics": (),
    "image.wasm": (),
    "wasm.continuation": (),
    "wasm.signature": (),
    "sandbox.abi.memory": (),
    "sandbox.abi.wasi": (),
    "sandbox.abi.extism": (),
    "sandbox.abi.grit": (),
    "sandbox.fuel": (),
    "sandbox.time": (),
    "sandbox.table": (),
    "sandbox.traps": (),
    "sandbox.wide": (),
    "sandbox.keep": (),
    "sandbox.atomic": ("sandbox.keep",),
    "sandbox.snapshot": ("sandbox.keep",),
    "sandbox.export": ("sandbox.snapshot",),
    "sandbox.tank": ("sandbox.fuel", "sandbox.snapshot"),
    "sandbox.suspend": ("sandbox.fuel", "sandbox.keep"),
    "sandbox.files": ("sandbox.abi.wasi",),
    "sandbox.env": ("sandbox.abi.wasi",),
    "sandbox.random": ("sandbox.abi.wasi",),
    "sandbox.clock": ("sandbox.abi.wasi",),
}
"""Feature -> the features and formats that it requires."""

FLOORS: Final[dict[str, int]] = {
    "object_bytes": 1_048_576,
    "tree_depth": 1_024,
    "cas_names": 64,
    "refs": 10_000,
    "window": 1,
    "frame_bytes": 4_194_304,
}
"""Limit -> the smallest value that the spec allows."""

WASM_FLOORS: Final[dict[str, int]] = {"wasm_pages": 1_024, "object_bytes": 8_388_608}
"""Limit -> the smallest value for an implementation that runs Wasm modules."""

WASM_MOST_PAGES: Final = 65_536
_MOST_SLACK: Final = 65_536
SESSION_OBJECT_BYTES: Final = 8_388_608
"""The smallest ``object_bytes`` of an implementation that runs sessions."""

EXECUTOR: Final = "wasm.executor"
EXECUTORS: Final[dict[str, str]] = {"wasm": EXECUTOR, "session": "session.guest", "flow": "flow.executor"}
"""Profile -> the feature that subjects an implementation of ``wit`` alone to its rules; the profile includes it."""

PURE: Final[dict[str, str]] = {"flow": "flow.pure"}
"""Profile -> the feature that subjects an implementation without any profile to some of its rules."""

_INCLUDED: Final = {**EXECUTORS, "flow.executor": PURE["flow"]}
"""Profile or feature -> the feature that it includes; those of profiles come first, since they include more."""

_KNOWN: Final = {"formats": FORMATS, "profiles": PROFILES, "features": FEATURES, "limits": {**FLOORS, **WASM_FLOORS}}
_MOST_NAMES: Final = 100  # kept of one list in a report
_LONGEST_NAME: Final = 200
_MOST_NOTES: Final = 10

_OP_FEATURES: Final = {
    "grit.transcode": "transcode",
    "grit.erase": "erase",
    "grit.damage": "damage",
    "runtime.ready": "schedule",
    "runtime.choose": "schedule",
    "runtime.time": "clock",
    "runtime.effects": "effects",
    "runtime.resolve": "effects",
    "fault.arm": "fault.kill",
    "fault.count": "fault.kill",
    "wasm.sign": "wasm.signature",
    "wasm.verify": "wasm.signature",
    "flow.metrics": "flow.metrics",
    "sandbox.again": "sandbox.keep",
    "sandbox.close": "sandbox.keep",
    "sandbox.snapshot": "sandbox.snapshot",
    "sandbox.resume": "sandbox.snapshot",
    "sandbox.export": "sandbox.export",
    "sandbox.import": "sandbox.export",
}
_OP_PROFILES: Final = {"fault": "runtime"}
"""Prefix of operations -> their profile, if the two differ."""
_OF_EXECUTORS: Final = (
    *("wasm.admit", "wasm.meter", "flow.check", "flow.eval", "flow.render", "flow.replay", "flow.metrics"),
)
"""Operations that executors answer too."""
_PURE_OPS: Final = ("flow.check", "flow.eval", "flow.render")
"""Those of them that need no actor."""


@dataclass(frozen=True, slots=True)
class Hello:
    """A usable answer to ``hello``.

    Attributes:
        claims: the claims that the suite uses; a missing or too small limit is replaced by its floor.
        breaches: the violations of rules in the answer.
        notes: lines for the user, for example the nearest known name of an unknown feature.
    """

    claims: Claims
    breaches: tuple[SubjectFault, ...]
    notes: tuple[str, ...]


def with_lower(profile: str) -> tuple[str, ...]:
    """Return a profile and the profiles that it requires, nearest first; an unknown profile requires none."""
    return (profile, *(name for below in PROFILES.get(profile, ()) for name in with_lower(below)))


def covered_profiles(profiles: Collection[str], features: Collection[str]) -> tuple[str, ...]:
    """Return the profiles whose cases apply: the claimed profiles, and those of which a claimed feature is a part.

    Spec: ``wasm/classes``, ``session``, ``flow``.
    """
    return _with_parts(_with_parts(profiles, features, EXECUTORS if "wit" in profiles else {}), features, PURE)


def _with_parts(profiles: Collection[str], features: Collection[str], parts: Mapping[str, str]) -> tuple[str, ...]:
    """Return profiles, and those of which a claimed feature is a part."""
    return tuple(dict.fromkeys((*profiles, *(name for name, feature in parts.items() if feature in features))))


def with_included(profiles: Collection[str], features: Iterable[str]) -> tuple[str, ...]:
    """Return features, and those that they and the profiles include."""
    found = dict.fromkeys(features)
    for name, included in _INCLUDED.items():
        if name in profiles or name in found:
            found[included] = None
    return tuple(found)


def _breach(rule: str, detail: str) -> SubjectFault:
    return SubjectFault("protocol:" + rule.removeprefix("harness."), detail, rule)


def judged_spec(spoken: Collection[str]) -> str | None:
    """Return the version of the spec to judge by: the newest one that both sides know, or None."""
    return next((version for version in reversed(SPEC_VERSIONS) if version in spoken), None)


def read_hello(value: dict[str, Json], settings: AttachSettings) -> Hello:
    """Read the ``ok`` member of the reply to ``hello``.

    Raises:
        SubjectFault: it does not have the shape of a reply to ``hello`` (:rule:`harness.hello.any-time`).

    Spec: :rule:`harness.hello.closed`, :rule:`harness.hello.limits`.
    """
    problem = shape_problem("hello", value)
    if problem is not None and not (problem.path.startswith("/limits/") and _plain_limits(value)):
        raise _breach("harness.hello.any-time", f"hello {problem}")
    if value["protocol"] != 1:
        raise _breach("harness.hello.any-time", f"hello /protocol: expected 1, got {value['protocol']}")
    speaks_spec = judged_spec(value["spec"]) is not None
    claims = Claims(
        name=value["implementation"]["name"],
        version=value["implementation"]["version"],
        language=value["implementation"]["language"],
        formats=tuple(value["formats"]) if speaks_spec else (),
        profiles=tuple(value["profiles"]) if speaks_spec else (),
        features=_features_in_force(value) if speaks_spec else (),
        limits=_limits_in_force(_plain(value["limits"]), settings),
        raw=value,
    )
    unknown = _unknown_names(value)
    notes = list(islice(unknown, _MOST_NOTES))
    if more := sum(1 for _ in unknown):
        notes.append(f"and {more} more names that are not in the spec")
    if not speaks_spec:
        known = ", ".join(SPEC_VERSIONS)
        spoken = printable(", ".join(value["spec"]))
        notes.append(f"it is written for spec {spoken}, not for {known}: nothing is claimed")
    return Hello(
        claims, (*_unclosed(value), *_sandbox_breaches(value), *_limit_breaches(value, settings)), tuple(notes)
    )


def shown_claims(hello: Json) -> Json:
    """Return the answer to ``hello`` as a report stores it: every name in the spec, and up to 100 names in total.

    Spec: :rule:`suite.bounds.each`.
    """
    if not isinstance(hello, dict) or "implementation" not in hello:
        return hello
    shown = {name: _few(value, set(_KNOWN.get(name, ()))) for name, value in hello.items()}
    return {**shown, "implementation": {name: _short(each) for name, each in hello["implementation"].items()}}


def _few(value: Json, known: set[str]) -> Json:
    if not isinstance(value, (list, dict)) or len(value) <= _MOST_NAMES:
        return value
    kept = [name for name in value if name in known]
    kept += islice((name for name in value if name not in known), _MOST_NAMES - len(kept))
    kept.sort(key={name: place for place, name in enumerate(value)}.__getitem__)
    return kept if isinstance(value, list) else {name: value[name] for name in kept}


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_NAME else f"{text[:_LONGEST_NAME]}…"


def _plain_limits(value: dict[str, Json]) -> bool:
    limits = value["limits"]
    return all(type(limit) is int or (limit is None and name in MAY_BE_UNLIMITED) for name, limit in limits.items())


def _features_in_force(value: dict[str, Json]) -> tuple[str, ...]:
    """Return the claimed features, and those that the claimed profiles include."""
    return with_included(value["profiles"], _few(value["features"], set(FEATURES)))


def _plain(declared: dict[str, int | None]) -> dict[str, int]:
    """Return the limits with the largest integer for ``null``, which means unlimited."""
    return {name: MAX_INTEGER if limit is None else limit for name, limit in declared.items()}


def _limits_in_force(declared: dict[str, int], settings: AttachSettings) -> dict[str, int]:
    limits = {name: max(declared.get(name, floor), floor) for name, floor in FLOORS.items()}
    limits = declared | limits
    limits["window"] = min(limits["window"], settings.window)
    limits["frame_bytes"] = min(limits["frame_bytes"], settings.frame_bytes)
    return limits


def _unclosed(value: dict[str, Json]) -> Iterator[SubjectFault]:
    claimed = {*value["profiles"], *value["features"], *value["formats"]}
    for names, needs in ((value["profiles"], PROFILES), (value["features"], FEATURES)):
        for name in names:
            for needed in needs.get(name, ()):
                if needed not in claimed:
                    yield _breach("harness.hello.closed", f"{name} is claimed without {needed}")


def _sandbox_breaches(value: dict[str, Json]) -> Iterator[SubjectFault]:
    """Spec: :rule:`sandbox.hello.floor`."""
    if "sandbox" not in value["profiles"]:
        return
    features = value["features"]
    if not any(name.startswith("sandbox.abi.") and name in FEATURES for name in features):
        detail = "sandbox is claimed without a feature sandbox.abi.*"
        yield SubjectFault("protocol:sandbox.hello.floor", detail, "sandbox.hello.floor")
    if not {"sandbox.fuel", "sandbox.time"} & {*features}:
        detail = "sandbox is claimed without sandbox.fuel and sandbox.time"
        yield SubjectFault("protocol:sandbox.hello.floor", detail, "sandbox.hello.floor")


def _limit_breaches(value: dict[str, Json], settings: AttachSettings) -> Iterator[SubjectFault]:
    limits = _plain(value["limits"])
    needed = FLOORS if "grit" in value["profiles"] else ("window", "frame_bytes")
    for name in needed:
        if name not in limits:
            yield _breach("harness.hello.limits", f"limit {name} is missing")
    for name, floor in FLOORS.items():
        if limits.get(name, floor) < floor:
            yield _breach("harness.hello.limits", f"{name} is {limits[name]}, below its floor {floor}")
    for name, offered in (("window", settings.window), ("frame_bytes", settings.frame_bytes)):
        if limits.get(name, 0) > offered:
            yield _breach("harness.hello.limits", f"{name} is {limits[name]}, more than the {offered} offered")
    if "sandbox.fuel" in value["features"] and not 0 <= limits.get("fuel_slack", -1) <= _MOST_SLACK:
        detail = f"fuel_slack is {limits.get('fuel_slack', 'missing')}, expected 0 to {_MOST_SLACK}"
        yield _breach("harness.hello.limits", detail)
    yield from _code_limit_breaches(value, limits)
    most = limits.get("frame_bytes", 0) * 3 // 4 - 1024
    if limits.get("object_bytes", 0) > most >= 0:
        detail = f"object_bytes is {limits['object_bytes']}, more than the {most} that fit in frame_bytes"
        yield _breach("harness.hello.limits", detail)


def _code_limit_breaches(value: dict[str, Json], limits: dict[str, int]) -> Iterator[SubjectFault]:
    """Yield the breaches of limits that depend on the code that an implementation runs."""
    covered = covered_profiles(value["profiles"], value["features"])
    if "wasm" in covered:
        yield from _wasm_limit_breaches(limits)
    if "session" in covered and limits.get("object_bytes", 0) < SESSION_OBJECT_BYTES:
        detail = f"object_bytes is below its floor {SESSION_OBJECT_BYTES} for implementations that run sessions"
        yield _breach("harness.hello.limits", detail)


def _wasm_limit_breaches(limits: dict[str, int]) -> Iterator[SubjectFault]:
    """Spec: :rule:`wasm.host.limits`."""
    for name, floor in WASM_FLOORS.items():
        if limits.get(name, 0) < floor:
            got = f"is {limits[name]}, below its" if name in limits else "is missing; it has the"
            detail = f"{name} {got} floor {floor} for implementations that run modules"
            yield SubjectFault("protocol:wasm.host.limits", detail, "wasm.host.limits")
    if limits.get("wasm_pages", 0) > WASM_MOST_PAGES:
        detail = f"wasm_pages is {limits['wasm_pages']}, more than {WASM_MOST_PAGES}"
        yield SubjectFault("protocol:wasm.host.limits", detail, "wasm.host.limits")


def _unknown_names(value: dict[str, Json]) -> Iterator[str]:
    """Yield a note for each name that is not in the spec; only the first notes have the nearest known name."""
    noted = 0
    known: Iterable[tuple[str, str, Iterable[str]]] = (
        ("format", "formats", FORMATS),
        ("profile", "profiles", PROFILES),
        ("feature", "features", FEATURES),
    )
    for word, member, names in known:
        for name in value[member]:
            if name in names:
                continue
            noted += 1
            near = difflib.get_close_matches(name, list(names), 1, 0.0) if noted <= _MOST_NOTES else [""]
            yield f"unknown {word} {printable(name, 80)!r}; the nearest known one is {near[0]!r}"


def is_claimed(op: str, args: dict[str, Json], claims: Claims) -> bool:
    """Return whether an ``unsupported`` answer to this request would contradict the claims.

    Spec: :rule:`harness.hello.honest`.
    """
    if op in ("hello", "ping", "bye"):
        return True
    prefix = op.partition(".")[0]
    by_executors = EXECUTORS if op in _OF_EXECUTORS and "wit" in claims.profiles else {}
    profiles = _with_parts(claims.profiles, claims.features, PURE if op in _PURE_OPS else by_executors)
    if op not in REPLY_SHAPES or _OP_PROFILES.get(prefix, prefix) not in profiles:
        return False
    features = {_OP_FEATURES[op]} if op in _OP_FEATURES else set()
    wanted = (("backend", "durable", "durable"), ("schedule", "chosen", "schedule"), ("clock", "suite", "clock"))
    features |= {feature for name, value, feature in wanted if args.get(name) == value}
    workers = args.get("workers")  # any value: the suite also sends requests that violate the schema
    if isinstance(workers, int) and workers > 1:
        features.add("threads")
    formats = [args.get("format")]
    if op == "grit.transcode":
        formats = [args.get("from"), args.get("to")]
    elif "from" in args or "to" in args:
        features.add("files")
    return features <= set(claims.features) and all(name is None or name in claims.formats for name in formats)
