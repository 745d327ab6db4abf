"""Hunting a mutant of the model: the honest reference fails on the cases of the rule that the mutant names.

    python mutate.py ID -- -m selftests.mutants.doubting ID HOME

The edit is made before the suite is imported, in this process; the implementation has no fault.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from selftests.mutants.hunting import hunt
from selftests.mutants.mutate import find_mutant

__all__ = ["main"]

REFERENCE = (sys.executable, "-m", "gritstone.harness")


def main(words: Sequence[str]) -> int:
    """Put the cases of the rule to the reference and write which rules it fails by."""
    name, home = words
    found = hunt(REFERENCE, find_mutant(name), Path(home))
    (Path(home) / "found.json").write_text(json.dumps({"failed": sorted(found.failed), "played": found.played}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
