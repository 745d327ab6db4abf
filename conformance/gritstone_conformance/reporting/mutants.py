"""The mutants that test this suite, by the rule that each violates; the selftests run them.

Only their names are read here, for ``gritstone show`` and for the table from rule to case.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from gritstone_conformance.bundled import mutants_dir
from gritstone_conformance.errors import DataError

__all__ = ["mutants_by_rule"]


def mutants_by_rule(catalogue: Path | None = None) -> dict[str, tuple[str, ...]]:
    """Return rule id -> names of the mutants that must be reported under it, ascending.

    Args:
        catalogue: the directory; default: that of the checkout. Without a directory the result is empty.

    Raises:
        DataError: a file of the catalogue is invalid.
    """
    directory = catalogue or mutants_dir()
    found: dict[str, list[str]] = {}
    for file in [] if directory is None else sorted(directory.glob("*.toml")):
        try:
            entries = tomllib.loads(file.read_text(encoding="utf-8")).get("mutant", [])
            for entry in entries:
                if "equivalent" not in entry:
                    found.setdefault(entry["violates"], []).append(entry["id"])
        except (OSError, ValueError, KeyError, TypeError) as problem:
            raise DataError(f"{file}: invalid file of mutants: {problem}") from problem
    return {rule: tuple(sorted(found[rule])) for rule in sorted(found)}
