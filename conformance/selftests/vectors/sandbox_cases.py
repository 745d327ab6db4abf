"""The vectors of the profile ``sandbox``: probes of each ABI, with what the suite's interpreter says about them.

    python -m selftests.vectors.sandbox_cases

writes ``vectors/sandbox`` and the texts of its probes. A test compares the files with what this module makes.
"""

from __future__ import annotations

import sys
from pathlib import Path

from gritstone_conformance.bundled import vectors_dir
from gritstone_conformance.cases import Case
from gritstone_conformance.vectors.files import VectorFile
from selftests.vectors.sandbox_fuel_cases import SUSPENDED, TANKS, UNUSED
from selftests.vectors.sandbox_run_cases import limit_drafts, module_drafts, outcome_drafts, result_drafts
from selftests.vectors.sandbox_state_cases import INSTANCES, SNAPSHOTS
from selftests.vectors.sandbox_texts import FOLDER, probe_texts
from selftests.vectors.sandbox_wide_cases import wide_drafts
from selftests.vectors.vector_writer import scripted_file, write_files

__all__ = ["sandbox_files"]


def sandbox_files() -> list[VectorFile]:
    """Return all files of vectors of the profile."""
    drafts = [
        *module_drafts(),
        *result_drafts(),
        *outcome_drafts(),
        *INSTANCES,
        *limit_drafts(),
        *UNUSED,
        *SNAPSHOTS,
        *TANKS,
        *SUSPENDED,
        *wide_drafts(),
    ]
    topics: dict[str, list[Case]] = {}
    for draft in drafts:
        for abi in draft.abis:
            topics.setdefault(draft.name.split("/")[0], []).append(draft.case(abi))
    return [scripted_file("sandbox_cases", "sandbox", topic, cases) for topic, cases in sorted(topics.items())]


def main(root: Path) -> int:
    """Write the files and the texts of their probes."""
    files = sandbox_files()
    write_files(files, root)
    folder = root / FOLDER
    folder.mkdir(exist_ok=True)
    for left in folder.iterdir():
        left.unlink()
    for name, (_, text) in probe_texts(files).items():
        (folder / name).write_text(text, encoding="ascii", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(vectors_dir()))
