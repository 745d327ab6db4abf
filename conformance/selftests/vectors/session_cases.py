"""The vectors of sessions: what the model makes of requests, by the tables of the text.

    python -m selftests.vectors.session_cases

writes ``vectors/session``. A test compares the files with what this module makes. The model computes the ids. Each
draft states how it ends, and making the files fails if the model ends it in another way.
"""

from __future__ import annotations

import sys

from gritstone_conformance.bundled import vectors_dir
from gritstone_conformance.cases import Case
from gritstone_conformance.model.formats import FORMATS
from gritstone_conformance.vectors.files import VectorFile
from selftests.vectors.residency_cases import residency_cases
from selftests.vectors.session_states import state_drafts
from selftests.vectors.session_texts import text_drafts
from selftests.vectors.session_turns import turn_drafts
from selftests.vectors.vector_writer import scripted_file, write_files

__all__ = ["session_files"]


def session_files() -> list[VectorFile]:
    """Return all files of vectors of the profile."""
    drafts = [*turn_drafts(), *text_drafts(), *state_drafts()]
    topics: dict[str, list[Case]] = {}
    for draft in drafts:
        for fmt in FORMATS.values():
            topics.setdefault(draft.name.split("/")[0], []).append(draft.case(fmt))
    for topic, cases in residency_cases().items():
        topics.setdefault(topic, []).extend(cases)
    return [scripted_file("session_cases", "session", topic, cases) for topic, cases in sorted(topics.items())]


if __name__ == "__main__":
    sys.exit(write_files(session_files(), vectors_dir()))
