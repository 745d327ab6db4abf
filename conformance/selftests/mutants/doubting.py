"""Run a mutant of the model: the honest reference must fail the cases of the rule that the mutant violates.

    python mutate.py ID -- -m selftests.mutants.doubting ID HOME

The edit is applied in this process before the suite is imported; the implementation has no fault.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from selftests.mutants.detection import detect
from selftests.mutants.mutate import find_mutant

__all__ = ["main"]

REFERENCE = (sys.executable, "-m", "gritstone.harness")


def main(words: Sequence[str]) -> int:
    """Run the cases of the rule on the reference, and write the rules that it fails."""
    name, home = words
    found = detect(REFERENCE, find_mutant(name), Path(home))
    (Path(home) / "found.json").write_text(json.dumps({"failed": sorted(found.failed), "cases": found.cases}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
