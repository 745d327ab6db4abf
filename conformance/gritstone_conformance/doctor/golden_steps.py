"""The requests and expected replies of golden vectors, for the rungs of ``gritstone doctor``."""

from __future__ import annotations

from dataclasses import replace

from gritstone_conformance.bundled import vectors_dir
from gritstone_conformance.cases import Case, CaseStep
from gritstone_conformance.errors import DataError
from gritstone_conformance.vectors.files import parse_vector_file

__all__ = ["GoldenSteps"]


class GoldenSteps:
    """Steps of the golden vectors of a profile; reads only the requested files."""

    def __init__(self, profile: str) -> None:
        self._profile = profile
        self._topics: dict[str, dict[str, Case]] = {}

    def steps(self, topic: str, name: str, *, rejected: bool = False) -> tuple[CaseStep, ...]:
        """Return the steps of ``<profile>/<topic>/<name>``."""
        return self._case(topic, name, rejected=rejected).steps

    def judging(self, topic: str, name: str) -> tuple[CaseStep, ...]:
        """Return the steps of ``<profile>/<topic>/<name>``, each with the rule that it judges."""
        case = self._case(topic, name)
        return tuple(replace(step, rule=step.rule or case.rules[0]) for step in case.steps)

    def _case(self, topic: str, name: str, *, rejected: bool = False) -> Case:
        path = f"{self._profile}/{topic}{'.reject' if rejected else ''}.json"
        if path not in self._topics:
            file = parse_vector_file((vectors_dir() / path).read_bytes(), path, check_schema=False)
            self._topics[path] = {case.name: case for case in file.cases}
        full = f"{self._profile}/{topic}/{name}"
        if full not in self._topics[path]:
            raise DataError(f"{path}: no case {full}")
        return self._topics[path][full]
