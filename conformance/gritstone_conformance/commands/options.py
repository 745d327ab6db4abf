"""The options of the command line and their validation.

This module checks only the syntax: it returns typed values, and raises a UsageError of one line for an invalid one.
The commands open the files.
"""

from __future__ import annotations

import argparse
import math
import re
from datetime import date
from pathlib import Path
from typing import Any, Final

from gritstone_conformance import SPEC_VERSION, SUITE_VERSION
from gritstone_conformance.commands.catalogue import COMMANDS
from gritstone_conformance.commands.completion import SHELLS
from gritstone_conformance.commands.new_iut import PROFILES, SCAFFOLDS
from gritstone_conformance.commands.parser import EXIT_CODES, CommandParser, examples
from gritstone_conformance.results.expectations import KINDS

__all__ = ["make_parser", "scale", "shard", "size_bytes", "span_s"]


class _OnceAction(argparse.Action):
    """Store a value; a second value is an error instead of a silent replacement."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        if getattr(namespace, self.dest) is not None:
            parser.error(f"{option_string}: given more than once, expected one pattern")
        setattr(namespace, self.dest, values)


_SPANS: Final = {"s": 1, "m": 60, "h": 3600}
_SIZES: Final = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def shard(text: str) -> tuple[int, int]:
    """Read ``I/N`` with 0 <= I < N."""
    match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text, re.ASCII)
    if match is None or int(match[1]) >= int(match[2]):
        raise argparse.ArgumentTypeError(f"invalid shard {text!r}: expected I/N with I from 0 to N-1")
    return int(match[1]), int(match[2])


def span_s(text: str) -> float:
    """Read a span like ``90s``, ``30m`` or ``2h``; returns seconds."""
    match = re.fullmatch(r"(\d{1,6})([smh])", text, re.ASCII)
    if match is None or int(match[1]) == 0:
        raise argparse.ArgumentTypeError(f"invalid span {text!r}: expected a number and a unit, such as 90s, 30m or 2h")
    return float(int(match[1]) * _SPANS[match[2]])


def size_bytes(text: str) -> int:
    """Read a size like ``2G``, ``512M`` or ``1000000``; returns bytes."""
    match = re.fullmatch(r"(\d{1,15})([KMG]?)", text, re.ASCII)
    if match is None or int(match[1]) == 0:
        raise argparse.ArgumentTypeError(f"invalid size {text!r}: expected bytes, such as 1000000, 512M or 2G")
    return int(match[1]) * _SIZES[match[2]]


def scale(text: str) -> float:
    """Read a positive factor."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"invalid factor {text!r}: expected a positive number")
    return value


def _count(text: str) -> int:
    if not re.fullmatch(r"\d{1,15}", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"invalid number {text!r}: expected an integer of at least 0")
    return int(text)


def _jobs(text: str) -> int:
    value = _count(text)
    if not 1 <= value <= 256:
        raise argparse.ArgumentTypeError(f"invalid number {text!r}: expected an integer from 1 to 256")
    return value


def _units(text: str) -> int:
    value = _count(text)
    if not 1 <= value <= 4096:
        raise argparse.ArgumentTypeError(f"invalid number {text!r}: expected an integer from 1 to 4096")
    return value


def make_parser() -> CommandParser:
    """Return the parser of all commands."""
    parser = CommandParser(
        prog="gritstone",
        description="Test whether an agent runtime conforms to the gritstone spec.",
        epilog=f"{examples(_FIRST)}\n\n{EXIT_CODES}",
    )
    parser.add_argument("--version", action="version", version=f"gritstone {SUITE_VERSION}, spec {SPEC_VERSION}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=CommandParser)
    for name, add_options in _OPTIONS.items():
        command = COMMANDS[name]
        epilog = f"{examples(command.examples)}\n\n{EXIT_CODES}"
        add_options(commands.add_parser(name, help=command.brief, description=command.purpose, epilog=epilog))
    return parser


def _attach(parser: argparse.ArgumentParser) -> None:
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--iut", metavar="COMMAND", help="command that starts the adapter; not run by a shell")
    where.add_argument("--connect", metavar="ADDRESS", help="address of a running adapter: unix:PATH or tcp:HOST:PORT")
    _attach_options(parser)


def _attach_options(parser: argparse.ArgumentParser) -> None:
    patience = parser.add_mutually_exclusive_group()
    patience.add_argument(
        "--deadline-scale", type=scale, default=1.0, metavar="X", help="multiply every deadline (default 1)"
    )
    patience.add_argument("--no-deadline", action="store_true", help="wait without limit, e.g. for a debugger")
    parser.add_argument(
        "--max-rss", type=size_bytes, default=2 << 30, metavar="SIZE", help="memory the adapter may use (default 2G)"
    )
    parser.add_argument("--trace", type=Path, metavar="FILE", help="append every line sent and received to FILE")


def _verify(parser: argparse.ArgumentParser) -> None:
    _attach(parser)
    _chosen(parser)
    parser.add_argument(
        "--seed",
        type=_count,
        metavar="N",
        help="seed of the order and the drawn values (gate: 1; search, blind: random)",
    )
    parser.add_argument("--jobs", type=_jobs, default=1, metavar="N", help="run in N processes, one adapter each")
    parser.add_argument("--shard", type=shard, metavar="I/N", help="run the I-th of N parts (I from 0)")
    parser.add_argument("--search", action="store_true", help="draw new values, and ten times as many")
    parser.add_argument("--for", dest="span", type=span_s, metavar="SPAN", help="search for this long: 90s, 30m, 2h")
    parser.add_argument("--blind", action="store_true", help="hide the suite: draw its name, the handles and the seed")
    parser.add_argument("--strict", action="store_true", help="treat SHOULD rules like MUST rules")
    _expect(parser)
    parser.add_argument(
        "--report", type=Path, default=Path(".gritstone/report.jsonl"), metavar="FILE", help="default %(default)s"
    )
    parser.add_argument(
        "--against",
        action="append",
        default=[],
        metavar="COMMAND",
        help="also verify this adapter and compare the replies; may be repeated",
    )
    parser.add_argument(
        "--resume",
        action="append",
        default=[],
        metavar="COMMAND",
        help="also resume this adapter and the first from each other's snapshots; may be repeated",
    )
    parser.add_argument("--battery", action="store_true", help="also compare the replies in other environments")
    _derived(parser)
    parser.add_argument("--quiet", action="store_true", help="suppress progress output on stderr")
    parser.add_argument("--part", action="store_true", help=argparse.SUPPRESS)


def _chosen(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--profile", action="append", default=[], metavar="NAME", help="only this profile; may be repeated"
    )
    parser.add_argument(
        "-k",
        dest="glob",
        action="append",
        default=[],
        metavar="GLOB",
        help="only cases whose name matches, e.g. 'grit/tree/*'; may be repeated",
    )
    parser.add_argument(
        "--rule",
        action=_OnceAction,
        metavar="GLOB",
        help="only cases that test a matching rule, e.g. 'grit.tree.*'",
    )


def _expect(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--expect", type=Path, metavar="FILE", help="file of expected failures (TOML); stale entries give exit code 1"
    )


def _doctor(parser: argparse.ArgumentParser) -> None:
    _attach(parser)


def _bridge(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("profile", choices=("sandbox",), metavar="PROFILE", help="the profile to answer: sandbox")
    parser.add_argument("--iut", required=True, metavar="COMMAND", help="command that starts the adapter behind it")
    _attach_options(parser)


def _replay(parser: argparse.ArgumentParser) -> None:
    _attach(parser)
    parser.add_argument("case", help="a saved case, the first digits of its name, or the name of a vector")
    _expect(parser)
    parser.add_argument(
        "--home",
        type=Path,
        default=Path(".gritstone"),
        metavar="DIR",
        help="folder that contains found/ (default %(default)s)",
    )


def _show(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="a rule id, a case name, a saved case, or the first digits of its name")
    parser.add_argument("--raw", action="store_true", help="print the request lines of a case, for a pipe")
    parser.add_argument(
        "--report",
        type=Path,
        metavar="FILE",
        help="show the verdicts of this report (default: .gritstone/report.jsonl, if it exists)",
    )


def _vectors(parser: argparse.ArgumentParser) -> None:
    action: Any = parser.add_mutually_exclusive_group()
    action.add_argument("--path", action="store_true", help="print the directory of the bundled vectors")
    action.add_argument("--lint", action="store_true", help="check every file, twin, edit, rule and DIGEST")
    action.add_argument("--audits", action="store_true", help="check this suite's history checker with audit/")
    action.add_argument("--digest", action="store_true", help="print the vectors digest (with --write: update DIGEST)")
    action.add_argument("--export", type=Path, metavar="FILE", help="write all vectors to one file of JSON lines")
    action.add_argument("--add", type=Path, metavar="FILE", help="add a saved case to the vectors")
    action.add_argument(
        "--confirm", type=Path, nargs="+", metavar="REPORT", help="write CONFIRMED by reports of whole runs"
    )
    parser.add_argument("--write", action="store_true", help="with --digest: write DIGEST")
    parser.add_argument("--root", type=Path, metavar="DIR", help="a directory of vectors other than the bundled one")
    parser.add_argument("--rules", metavar="IDS", help="with --add: rule ids, separated by commas, the main one first")
    parser.add_argument("--comment", metavar="TEXT", help="with --add: description of the case")
    parser.add_argument(
        "--twin", metavar="NAME", help="with --add: for a reject, the accepted vector that differs by one edit"
    )


def _schemas(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", help="one schema, e.g. request, reply, vectors or report")


def _report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files",
        type=Path,
        nargs="*",
        default=[Path(".gritstone/report.jsonl")],
        metavar="FILE",
        help="a report; several with --merge (default: .gritstone/report.jsonl)",
    )
    parser.add_argument("--merge", type=Path, metavar="FILE", help="merge the given shards into this report")
    _derived(parser)


def _derived(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--html", type=Path, metavar="FILE", help="also write the report as one HTML page")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="also write the report as JUnit XML")
    parser.add_argument(
        "--badge",
        type=Path,
        metavar="FILE",
        help="also write a badge as SVG, or as JSON for a badge service if FILE is *.json",
    )


def _audit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, metavar="FILE", help="an exported store, *.grit")
    _expect(parser)
    parser.add_argument(
        "--lenient",
        action="store_true",
        help="report objects whose maps are not in canonical order, and still judge the history",
    )
    parser.add_argument(
        "--at-rest", action="store_true", help="the runtime had nothing left to do: also check for lost mail"
    )
    parser.add_argument(
        "--before", type=Path, metavar="FILE", help="an earlier export of the same store: also check the continuation"
    )
    parser.add_argument("--html", type=Path, metavar="FILE", help="draw the history as one HTML page")
    parser.add_argument("--jobs", type=_jobs, default=1, metavar="N", help="check the actors in N processes")
    parser.add_argument(
        "--report", type=Path, default=Path(".gritstone/audit.jsonl"), metavar="FILE", help="default %(default)s"
    )


def _accept(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("report", type=Path, metavar="REPORT", help="the report whose failures are accepted")
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why these failures are expected")
    parser.add_argument("--kind", choices=KINDS, default="bug", help="kind of these failures (default %(default)s)")
    parser.add_argument(
        "--expires",
        type=_day,
        metavar="DATE",
        help="last day, YYYY-MM-DD (default for a bug: 90 days after the report)",
    )
    parser.add_argument("--issue", metavar="URL", help="link to the discussion; required for suite-dispute")
    parser.add_argument("--prune", action="store_true", help="remove stale entries")
    parser.add_argument("--blind", action="store_true", help="hide the suite: draw its name, the handles and the seed")
    parser.add_argument("--strict", action="store_true", help="also accept violated SHOULD rules")
    parser.add_argument(
        "--into", type=Path, metavar="FILE", help="file to write (default: that of the run, or NAME.expect.toml)"
    )


def _diff(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("reports", type=Path, nargs="*", metavar="REPORT", help="the old report and the new one")
    parser.add_argument("--spec", nargs=2, metavar=("OLD", "NEW"), help="compare two versions of the spec instead")
    parser.add_argument(
        "--report", type=Path, metavar="FILE", help="with --spec: show the effect on the implementation of this report"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _day(text: str) -> str:
    try:
        day = date.fromisoformat(text).isoformat()
    except ValueError:
        day = ""
    if day != text:  # Python also parses week dates
        raise argparse.ArgumentTypeError(f"invalid day {text!r}: expected YYYY-MM-DD, such as 2027-03-01")
    return text


def _resume(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--iut",
        dest="iuts",
        action="append",
        required=True,
        metavar="COMMAND",
        help="command of an adapter; two or more",
    )
    parser.add_argument("-k", dest="glob", metavar="GLOB", help="only journeys whose name matches, e.g. 'counter*'")
    _attach_options(parser)


def _wast(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="the JSON form of a script")
    parser.add_argument("--iut", required=True, metavar="COMMAND", help="command that starts the adapter")
    _attach_options(parser)


def _new_iut(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("language", choices=sorted(SCAFFOLDS), metavar="LANGUAGE", help=", ".join(sorted(SCAFFOLDS)))
    parser.add_argument("dir", type=Path, metavar="DIR", help="folder to write to; created if necessary")
    parser.add_argument(
        "--profile",
        choices=sorted(PROFILES),
        metavar="PROFILE",
        help="write an adapter for this profile, with functions to fill in: sandbox, for hosts of WebAssembly modules",
    )


def _campaign(parser: argparse.ArgumentParser) -> None:
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--scheduler", metavar="ADDRESS", help="a running Dask scheduler: tcp://HOST:PORT")
    where.add_argument("--workers", type=_jobs, metavar="N", help="start N workers on this machine")
    parser.add_argument(
        "--iut", required=True, metavar="COMMAND", help="command with which each worker starts the adapter"
    )
    parser.add_argument(
        "--for",
        dest="span",
        type=span_s,
        required=True,
        metavar="SPAN",
        help="search for about this long: 90s, 30m, 2h",
    )
    parser.add_argument(
        "--shards", type=_units, metavar="N", help="split the cases into N units (default: 4 per worker)"
    )
    _chosen(parser)
    parser.add_argument(
        "--seed", type=_count, metavar="N", help="seed of the order and the first values (default: random)"
    )
    parser.add_argument("--blind", action="store_true", help="hide the suite: draw its name, the handles and the seed")
    parser.add_argument("--strict", action="store_true", help="treat SHOULD rules like MUST rules")
    _expect(parser)
    parser.add_argument(
        "--deadline-scale", type=scale, default=1.0, metavar="X", help="multiply every deadline (default 1)"
    )
    parser.add_argument(
        "--max-rss", type=size_bytes, default=2 << 30, metavar="SIZE", help="memory the adapter may use (default 2G)"
    )
    parser.add_argument(
        "--report", type=Path, default=Path(".gritstone/campaign.jsonl"), metavar="FILE", help="default %(default)s"
    )


def _session(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "words",
        nargs=argparse.REMAINDER,
        metavar="list|show|archive|restore|export|load DIR ...",
        help="what to do, the folder of the store, and arguments: `gritstone session show --help`",
    )


def _flow(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "words",
        nargs=argparse.REMAINDER,
        metavar="check|run|list|trace|replay|graph|watch ...",
        help="what to do, and its arguments: `gritstone flow run --help`",
    )


def _image(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "words",
        nargs=argparse.REMAINDER,
        metavar="list|show|log|new|run|send|install|... DIR ...",
        help="what to do, the folder of the store, and arguments: `gritstone image --help` lists all",
    )


def _model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "task",
        choices=("check", "plan", "trace"),
        metavar="TASK",
        help="check: run the model checker; plan: make scenarios and compare them with the vectors; trace: replay "
        "exported stores",
    )
    parser.add_argument("bundle", nargs="*", type=Path, metavar="FILE", help="trace: exported stores, *.grit")
    parser.add_argument(
        "--only",
        action="append",
        metavar="NAME",
        help="check: a mutant, a hole, or a model run with its mutants and holes; plan: a goal, a mutant, or a model "
        "run with its goals and mutants; may be repeated",
    )
    parser.add_argument("--jobs", type=_jobs, default=1, metavar="N", help="check, plan: N at a time, by default 1")
    parser.add_argument("--nightly", action="store_true", help="check: only the model runs, with larger bounds")
    parser.add_argument("--traces", action="store_true", help="check: print the behaviour that detects each mutant")
    parser.add_argument(
        "--write",
        action="store_true",
        help="plan: write all scenarios to the vectors, instead of comparing them; not with --only",
    )
    parser.add_argument(
        "--html",
        type=Path,
        metavar="FILE",
        help="check: write a page with diagrams of the printed behaviours; plan: of the scenarios",
    )


def _completion(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", help=", ".join(SHELLS))


_FIRST: Final = (
    "gritstone new-iut python my-runtime",
    'gritstone doctor --iut "python my-runtime/adapter.py"',
    'gritstone verify --iut "python -m gritstone.harness" --jobs 2',
)
_OPTIONS: Final = {
    "verify": _verify,
    "doctor": _doctor,
    "new-iut": _new_iut,
    "replay": _replay,
    "show": _show,
    "vectors": _vectors,
    "schemas": _schemas,
    "report": _report,
    "audit": _audit,
    "resume": _resume,
    "wast": _wast,
    "campaign": _campaign,
    "bridge": _bridge,
    "accept": _accept,
    "diff": _diff,
    "session": _session,
    "flow": _flow,
    "image": _image,
    "model": _model,
    "completion": _completion,
}
