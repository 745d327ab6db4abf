"""The context of a run: the implementation, the selected cases, the settings, and the path of the report.

The functions that start, perform and conclude a run pass it along as one value.
"""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from gritstone_conformance import SUITE_VERSION
from gritstone_conformance.attachment.claims import judged_spec, shown_claims
from gritstone_conformance.attachment.settings import AttachSettings
from gritstone_conformance.attachment.target import Target
from gritstone_conformance.planning.plan import Selection
from gritstone_conformance.planning.settings import DEFAULT_HOME, RunSettings
from gritstone_conformance.planning.suite import SuiteData
from gritstone_conformance.replies import Json
from gritstone_conformance.rules import RuleBook
from gritstone_conformance.text import printable

__all__ = ["RunContext", "header_line", "header_of"]


@dataclass(frozen=True, slots=True)
class RunContext:
    """The input of one run.

    Attributes:
        target: the implementation to verify.
        selection: the selected cases.
        settings: the settings of the run.
        attach_settings: deadlines, memory limit and trace.
        report: the path of the report; an existing report is removed first.
    """

    target: Target
    selection: Selection = field(default_factory=Selection)
    settings: RunSettings = field(default_factory=RunSettings)
    attach_settings: AttachSettings = field(default_factory=AttachSettings)
    report: Path = DEFAULT_HOME / "report.jsonl"


def header_line(book: RuleBook, vectors_digest: str, context: RunContext, iut: Json, started: str) -> dict[str, Json]:
    """Return the header of a run.

    Args:
        book: the rules.
        vectors_digest: the vectors digest.
        context: the run; for an audit, ``attach`` of the target is ``audit``, and the command is empty.
        iut: the answer to ``hello``, or None.
        started: the time of the start.
    """
    settings = context.settings
    return {
        "type": "header",
        "report": 1,
        "suite": SUITE_VERSION,
        "spec": book.spec,
        "rules": book.digest,
        "vectors": vectors_digest,
        "seed": settings.seed,
        "profile": settings.profile,
        "shard": list(context.selection.shard),
        "attach": context.target.attach,
        "command": list(context.target.command),
        "iut": shown_claims(iut),
        "hypothesis": version("hypothesis"),
        "python": platform.python_version(),
        "platform": f"{sys.platform}-{platform.machine()}",
        "deadline_scale": settings.deadline_scale,
        "today": started[:10],
        "started": started,
        **({"blind": True} if context.attach_settings.blind else {}),
        **({"folder": printable(str(settings.home), 1000)} if settings.home != DEFAULT_HOME else {}),
        **({"expect": settings.expect.to_json()} if settings.expect is not None else {}),
    }


def header_of(context: RunContext, data: SuiteData, iut: Json, started: str) -> dict[str, Json]:
    """Return the header of a run on an implementation; ``iut`` is the answer to ``hello``, or None."""
    spoken = () if iut is None else iut["spec"]
    book = data.book.judging(judged_spec(spoken) or data.book.spec)
    return header_line(book, data.vectors.digest, context, iut, started)
