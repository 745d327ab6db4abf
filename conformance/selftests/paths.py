"""Paths of the checkout and of the programs that the self-tests run."""

from __future__ import annotations

from pathlib import Path
from typing import Final

__all__ = ["CHECKOUT", "LIAR", "MUTATE", "PLANTED", "SELFTESTS", "SUITE"]

SELFTESTS: Final = Path(__file__).resolve().parent
CHECKOUT: Final = SELFTESTS.parents[1]
SUITE: Final = SELFTESTS.parent / "gritstone_conformance"
PLANTED: Final = SELFTESTS / "fakes" / "planted"
"""The folder of the planted adapters."""
LIAR: Final = SELFTESTS / "fakes" / "liar.py"
"""The program that stands between the suite and an adapter and corrupts the protocol."""
MUTATE: Final = SELFTESTS / "mutants" / "mutate.py"
"""The program that runs a module with the fault of a mutant."""
