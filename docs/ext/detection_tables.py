"""Sphinx: how many automatic mutants the suite notices.

``detection-table`` has a row for each profile of a mutated implementation. It is made from the recorded results and
decisions of ``conformance/mutation``.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from trace_tables import GeneratedTable

from mutation.scores import COLUMNS, recorded_scores

_HEADER = (
    *("Profile", "Generated", "Judged", "Own rule", "Other rule", "Error only", "Survived", "Not reached"),
    *("Equivalent", "Out of scope", "Noticed", "Right rule"),
)


class DetectionTable(GeneratedTable):
    """``.. detection-table:: target``."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the table, or a sentence if no result is recorded."""
        scores = recorded_scores(self.arguments[0])
        if not scores:
            self.env.note_reread()
            return self.parse_text_to_nodes("No results are recorded.")
        rows: list[tuple[str, ...]] = [_HEADER]
        for profile, score in scores.items():
            counts = (str(score.counts[column]) for column in COLUMNS)
            rows.append((profile, str(score.generated), str(score.judged), *counts, score.detection, score.precision))
        return self.table(("class: numbers",), rows)


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directive."""
    app.add_directive("detection-table", DetectionTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
