"""Cases: requests and the expected replies, as plain data.

A case has one form, whether a person wrote it as a vector or Hypothesis shrank it from a failure. This module defines
the form and the identity; ``vectors`` reads files, ``judge`` compares replies, ``run`` executes cases.

Invariants: ``Case.from_json(case.to_json()) == case``; two cases with equal identity have equal requests and
expectations.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gritstone_conformance.errors import DataError
from gritstone_conformance.replies import Json

__all__ = ["Case", "CaseStep", "Requires", "canonical_json", "case_order"]


def canonical_json(value: Json) -> bytes:
    """Encode a JSON value as RFC 8785 does for the values used here (no floats, no lone surrogates)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@dataclass(frozen=True, slots=True)
class Requires:
    """The claims that a case requires; each name is one from the reply to ``hello``."""

    formats: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Requires:
        """Build from the ``requires`` member of a case; raises DataError on an unknown member."""
        unknown = set(value) - {"formats", "features", "profiles"}
        if unknown:
            raise DataError(f"requires: unknown member {sorted(unknown)[0]!r}")
        return cls(*(tuple(value.get(name, ())) for name in ("formats", "features", "profiles")))

    def to_json(self) -> dict[str, Json]:
        """Return the ``requires`` member; empty lists are left out."""
        named = {"formats": self.formats, "features": self.features, "profiles": self.profiles}
        return {name: list(values) for name, values in named.items() if values}

    def missing_from(self, formats: Iterable[str], features: Iterable[str], profiles: Iterable[str]) -> str | None:
        """Return the reason of a ``skip`` for the first required claim that is not made, or None."""
        claims = (
            ("format", self.formats, formats),
            ("feature", self.features, features),
            ("profile", self.profiles, profiles),
        )
        for word, required, claimed in claims:
            for name in required:
                if name not in set(claimed):
                    return f"{word} {name} is not claimed"
        return None


@dataclass(frozen=True, slots=True)
class CaseStep:
    """One request and the expectation for its reply.

    Attributes:
        op: the operation.
        args: its arguments; ``{"$": name}`` stands for a bound value.
        expect: ``{"ok": value}``, ``{"refused": class, "code"?}``, ``{"unsupported": any}`` or ``{"any": [...]}``.
        rule: the rule that this step judges, or None for the first rule of the case.
    """

    op: str
    args: dict[str, Json]
    expect: dict[str, Json]
    rule: str | None = None

    def to_json(self) -> dict[str, Json]:
        """Return the file form of the step."""
        body: dict[str, Json] = {"op": self.op, "args": self.args, "expect": self.expect}
        return body if self.rule is None else {**body, "rule": self.rule}


@dataclass(frozen=True, slots=True)
class Case:
    """One case; ``rules[0]`` is its main rule."""

    name: str
    rules: tuple[str, ...]
    requires: Requires
    steps: tuple[CaseStep, ...]
    twin: str | None = None
    edit: dict[str, Json] | None = None
    flags: tuple[str, ...] = ()
    comment: str = ""
    origin: dict[str, Json] = field(default_factory=lambda: {"by": "author"})
    status: Json = "active"
    judge: str = "exact"

    @property
    def profile(self) -> str:
        """The profile it belongs to: the first segment of its name."""
        return self.name.split("/", 1)[0]

    def identity(self) -> str:
        """Return the SHA-256 (hex) of the canonical JSON of profile, requires and steps; notes are excluded."""
        body = {
            "profile": self.profile,
            "requires": self.requires.to_json(),
            "steps": [step.to_json() for step in self.steps],
        }
        return hashlib.sha256(canonical_json(body)).hexdigest()

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Case:
        """Build a case from its file form.

        Raises:
            DataError: a member is missing or unknown. (``vectors`` checks types by the schema.)
        """
        try:
            members = dict(value)
            steps = tuple(CaseStep(**step) for step in members.pop("steps"))
            requires = Requires.from_json(members.pop("requires", {}))
            for listed in ("rules", "flags"):
                members[listed] = tuple(members.get(listed, ()))
            return cls(steps=steps, requires=requires, **members)
        except (KeyError, TypeError) as problem:
            raise DataError(f"case {value.get('name', '?')!r}: {problem}") from problem

    def to_json(self) -> dict[str, Json]:
        """Return the file form of the case; members with their default value are left out."""
        body: dict[str, Json] = {
            "name": self.name,
            "rules": list(self.rules),
            "requires": self.requires.to_json(),
            "steps": [step.to_json() for step in self.steps],
        }
        optional: dict[str, Json] = {
            "twin": self.twin,
            "edit": self.edit,
            "flags": list(self.flags),
            "comment": self.comment,
            "origin": self.origin,
        }
        body |= {name: note for name, note in optional.items() if note}
        if self.status != "active":
            body["status"] = self.status
        if self.judge != "exact":
            body["judge"] = self.judge
        return body


def case_order(seed: int, name: str) -> str:
    """Return the key by which cases are ordered: SHA-256 (hex) of ``seed:name``."""
    return hashlib.sha256(f"{seed}:{name}".encode()).hexdigest()
