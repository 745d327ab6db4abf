"""Changes of right replies that the judge must report, each with the place that it must name.

Spec: :rule:`suite.check.alive`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from gritstone_conformance.attachment.reply_shapes import shape_problem
from gritstone_conformance.judge import compare
from gritstone_conformance.replies import REFUSAL_CLASSES, Json, Ok, Refused, Reply, Trouble, Unsupported, WrongShape

__all__ = ["changed_values", "other_answers", "overlooked"]

_MORE: Final = "x-more"


def changed_values(value: Json, path: str = "") -> Iterator[tuple[str, Json]]:
    """Yield copies of a JSON value with one member changed, removed or added, at every depth, with its path."""
    if isinstance(value, dict):
        for key, item in value.items():
            rest = {name: other for name, other in value.items() if name != key}
            yield f"{path}/{key}", rest
            for place, changed in changed_values(item, f"{path}/{key}"):
                yield place, {**rest, key: changed}
        yield f"{path}/{_MORE}", {**value, _MORE: 0}
    elif isinstance(value, list):
        for index, item in enumerate(value):
            for place, changed in changed_values(item, f"{path}/{index}"):
                yield place, [*value[:index], changed, *value[index + 1 :]]
        if value:
            yield f"{path}/{len(value) - 1}", value[:-1]
        yield f"{path}/{len(value)}", [*value, value[-1] if value else 0]
    else:
        for other in _flipped(value):
            yield path, other


def _flipped(value: Json) -> Iterator[Json]:
    """Yield different values of the same and of other types, also those that Python considers equal."""
    match value:
        case bool():
            yield from (not value, int(value), None)
        case int():
            yield from (value + 1, str(value), None, *([bool(value)] if value in (0, 1) else []))
        case str():
            # another character of the alphabets of ids and bytes, so that the value can stay well-formed
            yield from (f"{value[:-1]}{'1' if value.endswith('0') else '0'}", f"{value}0", [value], None)
        case _:
            yield from (0, "", [], {})


def other_answers(reply: Reply) -> Iterator[Reply]:
    """Yield replies of every other kind, and refusals of every other class and code."""
    if not isinstance(reply, Ok):
        yield Ok({})
    if isinstance(reply, Refused):
        yield from (Refused(kind, reply.code) for kind in REFUSAL_CLASSES if kind != reply.kind)
        yield from (Refused(reply.kind, code) for code in (None, "other") if code != reply.code)
    else:
        yield from (Refused(kind) for kind in REFUSAL_CLASSES)
    if not isinstance(reply, Unsupported):
        yield Unsupported("it")
    yield Trouble("it")


def overlooked(op: str, expect: Mapping[str, Json], reply: Reply, bindings: dict[str, Json]) -> Iterator[str]:
    """Yield a message for each change of a right reply that the judge accepts or reports at another place.

    Args:
        op: the operation.
        expect: the expectation.
        reply: the right reply.
        bindings: the value of each name in the expectation.
    """
    for other in other_answers(reply):
        if not _allows(expect, other) and compare(expect, other, dict(bindings)) is None:
            yield f"{op}: {other} is accepted instead of {reply}"
    if isinstance(reply, Ok) and "ok" in expect:
        free = set(_free_paths(expect["ok"], ""))
        for path, changed in changed_values(reply.value):
            if not any(path == place or path.startswith(f"{place}/") for place in free):
                yield from _wrong(op, expect, changed, path, bindings)


def _wrong(op: str, expect: Mapping[str, Json], changed: Json, path: str, bindings: dict[str, Json]) -> Iterator[str]:
    difference = compare(expect, Ok(changed), dict(bindings))
    if difference is None or difference.path != path:
        yield f"{op}: a change at {path} is {'overlooked' if difference is None else f'reported at {difference.path}'}"
    problem = shape_problem(op, changed)
    if problem is not None:
        found = compare(expect, WrongShape(changed, problem.path, problem.expected, problem.got), dict(bindings))
        if found is None or found.path != problem.path or not f"{path}/".startswith(f"{problem.path}/"):
            yield f"{op}: a change of the shape at {path} is not reported there"


def _free_paths(expected: Json, path: str) -> Iterator[str]:
    """Yield the places where any value is expected."""
    if expected == {"$": "any"}:
        yield path
    elif isinstance(expected, dict) and set(expected) != {"$"}:
        for key, item in expected.items():
            yield from _free_paths(item, f"{path}/{key}")
    elif isinstance(expected, list):
        for index, item in enumerate(expected):
            yield from _free_paths(item, f"{path}/{index}")


def _allows(expect: Mapping[str, Any], reply: Reply) -> bool:
    """Return whether an expectation allows a reply; for an ``ok`` reply, only by plain equality."""
    if "any" in expect:
        return any(_allows(option, reply) for option in expect["any"])
    match reply:
        case Ok():
            return "ok" in expect and expect["ok"] == reply.value
        case Refused(kind=kind, code=code):
            return expect.get("refused") == kind and ("code" not in expect or expect["code"] == code)
        case Unsupported():
            return "unsupported" in expect
    return "error" in expect
