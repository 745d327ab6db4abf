"""Paths, and how a var is evaluated in an environment.

Spec: ``flow/expressions``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from gritstone_conformance.model.flow.limits import SEGMENT_BYTES, SEGMENTS
from gritstone_conformance.model.flow.values import Value

__all__ = ["NAMESPACES", "PATH", "Environment", "EvaluationError", "Path", "look_up"]

NAMESPACES: Final = ("input", "out", "prior", "args", "dep", "tool")

_SEGMENT: Final = rf"[A-Za-z_][A-Za-z0-9_]{{0,{SEGMENT_BYTES - 1}}}"

PATH: Final = rf"(?:{'|'.join(NAMESPACES)})(?:\.{_SEGMENT}){{1,{SEGMENTS}}}"
"""The grammar of a path, as a regular expression."""

Environment: TypeAlias = Mapping[str, Mapping[str, Value]]
"""Namespaces to maps; a namespace may be absent. A map may read the value of a key when it is looked up."""


class EvaluationError(Exception):
    """An evaluation ends with an error.

    Attributes:
        code: ``unbound`` or ``type``.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Path:
    """A namespace and the segments in it."""

    namespace: str
    segments: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> Path:
        """Return the path of a text of its grammar."""
        namespace, *segments = text.split(".")
        return cls(namespace, tuple(segments))

    @property
    def first(self) -> str:
        """The first segment."""
        return self.segments[0]


def look_up(path: Path, environment: Environment) -> Value:
    """Return the value of a var; raises EvaluationError.

    Spec: :rule:`flow.expr.unbound`, :rule:`flow.expr.no-shadowing`.
    """
    if path.namespace not in environment or path.first not in environment[path.namespace]:
        raise EvaluationError("unbound")
    value = environment[path.namespace][path.first]
    for segment in path.segments[1:]:
        if not isinstance(value, dict):
            raise EvaluationError("type")
        if segment not in value:
            raise EvaluationError("unbound")
        value = value[segment]
    return value
