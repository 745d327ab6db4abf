"""Find the spec and the vectors that this suite was built with.

In a wheel the data is inside the package; in a checkout (editable install) it is the top-level ``spec/`` and
``vectors/``. All other modules find it through this one.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["mutants_dir", "spec_dir", "vectors_dir"]

_PACKAGE = Path(__file__).resolve().parent


def _find(name: str) -> Path:
    bundled = _PACKAGE / "_bundled" / name
    return bundled if bundled.is_dir() else _PACKAGE.parents[1] / name


def mutants_dir() -> Path | None:
    """Return the directory of the mutants that test this suite, or None: only a checkout contains them."""
    found = _PACKAGE.parent / "selftests" / "mutants"
    return found if found.is_dir() else None


def spec_dir() -> Path:
    """Return the directory of the normative text, its schemas and ``rules.json``."""
    return _find("spec")


def vectors_dir() -> Path:
    """Return the directory of the golden vectors and their ``DIGEST``."""
    return _find("vectors")
