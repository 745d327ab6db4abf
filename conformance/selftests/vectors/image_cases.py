"""The vectors of images: what the model makes of requests, by the tables of the text.

    python -m selftests.vectors.image_cases

writes ``vectors/image``. A test compares the files with what this module makes. Each script states how its operations
end, and making the files fails if the model ends them in another way.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Final

from gritstone_conformance.bundled import vectors_dir
from gritstone_conformance.cases import Case
from gritstone_conformance.model.formats import FORMATS
from gritstone_conformance.vectors.files import VectorFile
from selftests.vectors.image_actors import actor_drafts
from selftests.vectors.image_denials import denial_drafts, guest_denials
from selftests.vectors.image_drafts import ImageDraft, case_of_image
from selftests.vectors.image_erasures import erasure_drafts
from selftests.vectors.image_guests import guest_drafts
from selftests.vectors.image_journals import journal_drafts
from selftests.vectors.image_kernels import kernel_drafts
from selftests.vectors.image_messages import message_drafts
from selftests.vectors.image_runs import run_drafts
from selftests.vectors.image_sendings import sending_drafts
from selftests.vectors.image_tables import table_drafts
from selftests.vectors.image_weights import weight_drafts
from selftests.vectors.image_worlds import world_drafts
from selftests.vectors.vector_writer import scripted_file, write_files

__all__ = ["image_files"]

_DRAFTS: Final = (
    *(table_drafts, sending_drafts, message_drafts, kernel_drafts, actor_drafts),
    *(run_drafts, weight_drafts, world_drafts, journal_drafts, denial_drafts),
)


def image_files() -> list[VectorFile]:
    """Return all files of vectors of the profile."""
    topics: dict[str, list[Case]] = {}
    for draft in _drafts():
        for fmt in FORMATS.values():
            topics.setdefault(draft.name.split("/")[0], []).append(case_of_image(draft, fmt))
    return [scripted_file("image_cases", "image", topic, cases) for topic, cases in sorted(topics.items())]


def _drafts() -> Iterator[ImageDraft]:
    for drafts in _DRAFTS:
        for name, rules, script in drafts():
            yield ImageDraft(name, tuple(rules.split()), script)
    yield from guest_drafts()
    yield from guest_denials()
    yield from erasure_drafts()


if __name__ == "__main__":
    sys.exit(write_files(image_files(), vectors_dir()))
