"""The commands: the purpose of each in one sentence, with working examples.

The examples of ``verify`` and ``doctor`` use the reference; replace it by the command of your adapter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["COMMANDS", "START_HERE", "CommandHelp"]

_REFERENCE: Final = '"python -m gritstone.harness"'

START_HERE: Final = """\
gritstone tests whether an agent runtime conforms to the gritstone spec. To begin:

  gritstone new-iut python my-runtime                      create an adapter (also: javascript, go, rust)
  gritstone doctor --iut "python my-runtime/adapter.py"    check the adapter step by step
  gritstone verify --iut "python my-runtime/adapter.py"    test the implementation rule by rule

All commands: `gritstone --help`. Help and examples of a command: `gritstone verify --help`."""


@dataclass(frozen=True, slots=True)
class CommandHelp:
    """One command.

    Attributes:
        brief: a short description for the list of commands.
        purpose: the first sentence of its help.
        examples: command lines that work, two or three.
    """

    brief: str
    purpose: str
    examples: tuple[str, ...]


COMMANDS: Final = {
    "verify": CommandHelp(
        "test an implementation, rule by rule",
        "Test an implementation through its adapter, judge it rule by rule, and write a report.",
        (
            f"gritstone verify --iut {_REFERENCE} --jobs 2",
            f"gritstone verify --iut {_REFERENCE} --profile grit -k 'grit/tree/*'",
            f"gritstone verify --iut {_REFERENCE} --for 90s --html report.html",
        ),
    ),
    "doctor": CommandHelp(
        "check an adapter step by step",
        "Send an adapter one simple request after another, and explain the first wrong replies.",
        (
            f"gritstone doctor --iut {_REFERENCE}",
            "gritstone doctor --iut ./my-adapter --no-deadline --trace lines.txt",
        ),
    ),
    "new-iut": CommandHelp(
        "create an adapter",
        "Create an adapter that answers hello and claims nothing yet, and print the next commands.",
        (
            "gritstone new-iut python my-runtime",
            "gritstone new-iut rust my-runtime/adapter",
            "gritstone new-iut --profile sandbox python my-sandbox",
        ),
    ),
    "replay": CommandHelp(
        "repeat a failed case",
        "Run one case again, a saved failure or a golden vector, and report whether it is fixed.",
        (
            f"gritstone replay grit/tree/names-descending --iut {_REFERENCE}",
            "gritstone replay .gritstone/found/9eb1d2cfc4507b4d.json --iut ./my-adapter",
        ),
    ),
    "show": CommandHelp(
        "show a rule and its cases, or the lines of a case",
        "Show the text of a rule with the cases and mutants that test it, or the requests and expected replies of a "
        "case.",
        (
            "gritstone show grit.tree.key-order",
            "gritstone show grit/tree/names-descending",
            "gritstone show --raw grit/tree/names-descending | python -m gritstone.harness",
        ),
    ),
    "vectors": CommandHelp(
        "list, check, export and add golden vectors",
        "List the golden vectors, check them, export them as one file, or add a saved failure.",
        (
            "gritstone vectors --path",
            "gritstone vectors --export vectors.jsonl",
            "gritstone vectors --lint",
        ),
    ),
    "schemas": CommandHelp(
        "print the path of the JSON Schemas",
        "Print the directory of the JSON Schemas of requests, replies, vectors and reports, or the path of one.",
        ("gritstone schemas", "gritstone schemas report"),
    ),
    "report": CommandHelp(
        "print a report, or merge shards",
        "Print a report, make a page or a badge from it, or merge the reports of shards.",
        (
            "gritstone report",
            "gritstone report .gritstone/report.jsonl --html report.html --junit report.xml",
            "gritstone report 0.jsonl 1.jsonl --merge whole.jsonl",
        ),
    ),
    "audit": CommandHelp(
        "check an exported bundle, without an adapter",
        "Check an exported store without an adapter: every object, reference and step of its history.",
        ("gritstone audit export.grit", "gritstone audit export.grit --before older.grit --at-rest --jobs 4"),
    ),
    "resume": CommandHelp(
        "resume from the snapshots of other implementations",
        "Stop each implementation during its work, and resume in each other one from the exported store.",
        (
            f"gritstone resume --iut ./my-adapter --iut {_REFERENCE}",
            f"gritstone resume --iut {_REFERENCE} -k 'counter*'",
        ),
    ),
    "wast": CommandHelp(
        "run scripts of the official WebAssembly test suite in a sandbox",
        "Run the JSON form of WebAssembly test scripts, which wast2json writes, in a sandbox, and count the results.",
        (
            "gritstone wast i32.json --iut ./my-adapter",
            f"gritstone wast i32.json f64.json --iut {_REFERENCE}",
        ),
    ),
    "campaign": CommandHelp(
        "search with the workers of a cluster",
        "Distribute one search to the workers of a Dask cluster on one or more machines, and merge one report.",
        (
            f"gritstone campaign --workers 2 --for 30m --iut {_REFERENCE}",
            f"gritstone campaign --scheduler tcp://10.0.0.7:8786 --for 8h --shards 64 --iut {_REFERENCE}",
        ),
    ),
    "bridge": CommandHelp(
        "answer one profile through others",
        "Serve as an adapter of the profile sandbox for an implementation that runs modules as actors.",
        (
            "gritstone verify --profile sandbox --iut 'gritstone bridge sandbox --iut ./my-adapter'",
            f"gritstone bridge sandbox --iut {_REFERENCE}",
        ),
    ),
    "accept": CommandHelp(
        "list the failures of a report as expected",
        "Write the failures of a report to a file of expected failures, so that later runs fail only for new ones.",
        (
            "gritstone accept .gritstone/report.jsonl --reason 'before the rewrite of the store'",
            "gritstone accept .gritstone/report.jsonl --reason 'all fixed' --prune",
        ),
    ),
    "diff": CommandHelp(
        "compare two reports, or two versions of the spec",
        "Print the changes between two reports, or between two versions of the spec.",
        ("gritstone diff old.jsonl new.jsonl", "gritstone diff --spec 0.1 0.3 --report .gritstone/report.jsonl"),
    ),
    "session": CommandHelp(
        "list, show and carry the sessions of a store",
        "List and show the sessions of a durable store, archive and restore them, and move them between stores.",
        (
            "gritstone session list chats",
            "gritstone session export chats 3fa1 chat.grit",
            "gritstone session load other chat.grit",
        ),
    ),
    "flow": CommandHelp(
        "check, run and draw programs, and read the flows of a store",
        "Check, run and draw programs of the profile flow; trace, replay and watch the flows of a durable store.",
        (
            "gritstone flow check refund.yaml policy.yaml",
            "gritstone flow run refund.yaml policy.yaml --input order.json --tools shop:TOOLS --store flows",
            "gritstone flow graph refund.yaml --svg --output refund.svg",
        ),
    ),
    "image": CommandHelp(
        "work with the image of a store: list, run, install, roll back, fork",
        "List and change the actors of a durable image, read its log, return to an earlier world, or fork it.",
        (
            "gritstone image new world alice --quota fuel=1000",
            "gritstone image run world alice program.txt",
            "gritstone image rollback world 5",
        ),
    ),
    "model": CommandHelp(
        "check the formal model of the spec with TLC",
        "Check the formal model of the spec (check): all model runs within their bounds, the number of states of each, "
        "all mutants, the witnesses (states that must be reached), and the holes. Make scenarios from it (plan). Check "
        "whether it permits exported histories (trace). Needs Java, and downloads TLC once.",
        (
            "gritstone model check --jobs 2",
            "gritstone model plan --html scenarios.html",
            "gritstone model trace export.grit",
        ),
    ),
    "completion": CommandHelp(
        "print a completion script for your shell",
        "Print a script that lets your shell complete commands, options, profiles, rules and cases.",
        (
            'eval "$(gritstone completion bash)"',
            'eval "$(gritstone completion zsh)"',
            "gritstone completion fish | source",
        ),
    ),
}
