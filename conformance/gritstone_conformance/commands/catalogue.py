"""The commands: what each is for, in one sentence, with examples that work.

``verify`` and ``doctor`` of the examples ask the reference; put the command of your adapter in its place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["COMMANDS", "START_HERE", "Command"]

_REFERENCE: Final = '"python -m gritstone.harness"'

START_HERE: Final = """\
gritstone shows that an agent runtime conforms to its spec, or where it does not. To begin:

  gritstone new-iut python my-runtime                      write an adapter to start from (javascript, go, rust, too)
  gritstone doctor --iut "python my-runtime/adapter.py"    what is wrong with the adapter, and what comes next
  gritstone verify --iut "python my-runtime/adapter.py"    the verdict, rule by rule

All commands: `gritstone --help`. What one does, with examples: `gritstone verify --help`."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command.

    Attributes:
        brief: what it does, for the list of commands.
        purpose: the first sentence of its help.
        examples: command lines that work, two or three.
    """

    brief: str
    purpose: str
    examples: tuple[str, ...]


COMMANDS: Final = {
    "verify": Command(
        "judge an implementation, rule by rule",
        "Ask an implementation through its adapter, judge the answers rule by rule, and write a report.",
        (
            f"gritstone verify --iut {_REFERENCE} --jobs 2",
            f"gritstone verify --iut {_REFERENCE} --profile grit -k 'grit/tree/*'",
            f"gritstone verify --iut {_REFERENCE} --for 90s --html report.html",
        ),
    ),
    "doctor": Command(
        "find out why an adapter does not work yet",
        "Ask an adapter one easy question after another, and say what is wrong with the first bad answer.",
        (
            f"gritstone doctor --iut {_REFERENCE}",
            "gritstone doctor --iut ./my-adapter --no-deadline --trace lines.txt",
        ),
    ),
    "new-iut": Command(
        "write an adapter to start from",
        "Write an adapter that answers hello and claims nothing yet, and say what to do next.",
        ("gritstone new-iut python my-runtime", "gritstone new-iut rust my-runtime/adapter"),
    ),
    "replay": Command(
        "play a found case again: fixed or not?",
        "Play one case again, a failure that was found or a golden vector, and say whether it is fixed.",
        (
            f"gritstone replay grit/tree/names-descending --iut {_REFERENCE}",
            "gritstone replay .gritstone/found/9eb1d2cfc4507b4d.json --iut ./my-adapter",
        ),
    ),
    "show": Command(
        "show a rule and its cases, or the lines of a case",
        "Show what a rule says and which cases judge it, or what a case asks and expects.",
        (
            "gritstone show grit.tree.key-order",
            "gritstone show grit/tree/names-descending",
            "gritstone show --raw grit/tree/names-descending | python -m gritstone.harness",
        ),
    ),
    "vectors": Command(
        "list, check, export and add golden vectors",
        "List the golden vectors, check them, write them as one file, or add one that was found.",
        (
            "gritstone vectors --path",
            "gritstone vectors --export vectors.jsonl",
            "gritstone vectors --lint",
        ),
    ),
    "schemas": Command(
        "print where the JSON Schemas are",
        "Print the directory of the JSON Schemas of requests, replies, vectors and reports, or the path of one.",
        ("gritstone schemas", "gritstone schemas report"),
    ),
    "report": Command(
        "tell what a report says, or merge shards",
        "Tell again what a report says, make a page or a badge from it, or merge the reports of shards.",
        (
            "gritstone report",
            "gritstone report .gritstone/report.jsonl --html report.html --junit report.xml",
            "gritstone report 0.jsonl 1.jsonl --merge whole.jsonl",
        ),
    ),
    "audit": Command(
        "check an exported bundle, no adapter needed",
        "Check an exported store, every object, reference and step of the history in it; no adapter is needed.",
        ("gritstone audit export.grit", "gritstone audit export.grit --before older.grit --at-rest"),
    ),
    "resume": Command(
        "let implementations go on from each other's cuts",
        "Stop each implementation in the middle of its work, and let each other one go on from there.",
        (
            f"gritstone resume --iut ./my-adapter --iut {_REFERENCE}",
            f"gritstone resume --iut {_REFERENCE} -k 'counter*'",
        ),
    ),
    "campaign": Command(
        "search with the workers of a cluster",
        "Deal one search to the workers of a Dask cluster, here or on several machines, and merge one report.",
        (
            f"gritstone campaign --workers 2 --for 30m --iut {_REFERENCE}",
            f"gritstone campaign --scheduler tcp://10.0.0.7:8786 --for 8h --shards 64 --iut {_REFERENCE}",
        ),
    ),
    "accept": Command(
        "write the failures of a report into an expect file",
        "Write the failures of a report into an expect file, so that later runs fail only for new ones.",
        (
            "gritstone accept .gritstone/report.jsonl --reason 'before the rewrite of the store'",
            "gritstone accept .gritstone/report.jsonl --reason 'all mended' --prune",
        ),
    ),
    "diff": Command(
        "compare two reports, or two versions of the spec",
        "Say what changed between two reports, or between two versions of the spec.",
        ("gritstone diff old.jsonl new.jsonl", "gritstone diff --spec 0.1 0.3 --report .gritstone/report.jsonl"),
    ),
    "completion": Command(
        "print a script that completes words in your shell",
        "Print a script that lets your shell complete commands, options, profiles, rules and cases.",
        (
            'eval "$(gritstone completion bash)"',
            'eval "$(gritstone completion zsh)"',
            "gritstone completion fish | source",
        ),
    ),
}
