"""The command line: check, run and draw programs, and read the flows of a durable store.

``trace``, ``replay``, ``graph`` and ``watch`` only read. ``run`` starts a runtime on the store; no other process may
have it open for that. Exit codes: 0 done; 1 refused, or a program with defects, or a flow that did not succeed; 2
usage error.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gritstone.command_line import Failed, opened, run_command, say
from gritstone.errors import Missing
from gritstone.files import replacing
from gritstone.flow.drawing import mermaid
from gritstone.flow.handle import Flow
from gritstone.flow.host import Host
from gritstone.flow.json_form import show_json
from gritstone.flow.program import Defects, Policy, Program, read_file
from gritstone.flow.standing import Outcome, Status, Stored, find_flow, flows_of
from gritstone.flow.values import Value, encode_value, in_key_order, names_of_refs
from gritstone.grit.objects import ObjectId
from gritstone.grit.store import Store

__all__ = ["main"]

_SHORT = 12
_DIGITS = frozenset("0123456789abcdef")
_INTERVAL_S = 0.5


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(argv)
    return run_command("gritstone flow", _with_defects, options)


def _with_defects(options: argparse.Namespace) -> None:
    """Run a command; print the defects of a program on standard output, one a line."""
    try:
        options.run(options)
    except Defects as found:
        for defect in found.defects:
            say(str(defect))
        raise Failed("the program has defects") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gritstone flow", description="Check, run and draw programs, and read the flows of a durable store."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, run: Callable[[argparse.Namespace], None], text: str) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        one.set_defaults(run=run)
        return one

    check = add("check", _check, "print all defects of a program under a policy")
    _add_documents(check)
    run = add("run", _run, "run a program, and continue it if it was interrupted")
    _add_documents(run)
    run.add_argument("--tools", metavar="MODULE:NAME", help="the mapping from the names of tools to functions")
    run.add_argument(
        "--store", type=Path, required=True, metavar="DIR", help="the folder of the store; created if absent"
    )
    run.add_argument("--name", default="", help="the name of the flow; another name is another flow (default: none)")
    run.add_argument("--timeout", type=float, metavar="SECONDS", help="wait at most this long, without printing events")
    run.add_argument("--quiet", action="store_true", help="do not print events")
    listed = add("list", _list, "list the flows of a store")
    listed.add_argument("dir", type=Path, metavar="DIR", help="the folder of the store")
    for name, function, text in (
        ("trace", _trace, "print the canonical trace of a flow, one event a line"),
        ("replay", _replay, "compute all steps of a flow again and compare them"),
        ("watch", _watch, "print the events of a flow as they are stored, until it ends"),
    ):
        one = add(name, function, text)
        one.add_argument("dir", type=Path, metavar="DIR", help="the folder of the store")
        one.add_argument("flow", type=_prefix, metavar="FLOW", help="the id, or its first digits")
    graph = add("graph", _graph, "draw a program, or the way of a flow through its program, as a Mermaid text")
    graph.add_argument("program", type=Path, metavar="PROGRAM", help="a program file, or the folder of a store")
    graph.add_argument("flow", type=_prefix, nargs="?", metavar="FLOW", help="the id, if a folder is named")
    graph.add_argument("--output", type=Path, metavar="FILE", help="write to a file, not to standard output")
    return parser


def _add_documents(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("program", type=Path, metavar="PROGRAM", help="the program, in JSON or YAML")
    parser.add_argument("policy", type=Path, metavar="POLICY", help="the policy, in JSON or YAML")
    parser.add_argument("--input", type=Path, metavar="FILE", help="the input, in JSON or YAML (default: empty)")
    parser.add_argument(
        "--ref",
        action="append",
        default=[],
        type=_named,
        metavar="NAME=FILE",
        help="a file with the payload of a ref; repeatable",
    )


def _prefix(text: str) -> str:
    if not text or not set(text) <= _DIGITS:
        raise argparse.ArgumentTypeError(f"invalid id {text!r}: expected hexadecimal digits in lower case")
    return text


def _named(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise argparse.ArgumentTypeError(f"invalid ref {text!r}: expected NAME=FILE")
    return name, Path(path)


# --- programs ----------------------------------------------------------------------------------------------


def _documents(options: argparse.Namespace) -> tuple[Program, Policy, Value, dict[str, bytes]]:
    """Return the program, the policy, the input and the payloads of the refs that the options name."""
    refs = {name: path.read_bytes() for name, path in options.ref}
    value = {} if options.input is None else read_file(options.input)
    return Program.load(options.program), Policy.load(options.policy), value, refs


def _check(options: argparse.Namespace) -> None:
    program, policy, value, refs = _documents(options)
    program.require(policy, value, refs=refs.keys() or names_of_refs(value))
    say(f"{options.program}: no defects")


def _tools(word: str | None) -> Mapping[str, Callable[..., Any]]:
    """Return the mapping that ``MODULE:NAME`` names; modules in the working directory are found."""
    if word is None:
        return {}
    module, _, name = word.partition(":")
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        found = getattr(importlib.import_module(module), name or "TOOLS")
    except (ImportError, AttributeError) as error:
        raise Missing(f"the tools {word} cannot be imported: {error}", rule="flow.policy.deny-by-default") from error
    if not isinstance(found, Mapping):
        raise Missing(f"{word} is not a mapping from names to functions", rule="flow.policy.deny-by-default")
    return found


def _run(options: argparse.Namespace) -> None:
    program, policy, value, refs = _documents(options)
    tools = _tools(options.tools)
    program.require(policy, value, refs=refs)
    with opened(options.store, create=True) as store, Host(store, tools=tools, policy=policy) as host:
        known = _interrupted(store, program, value, options.name) if refs else None
        flow = host.start(program, input=value, refs=refs, name=options.name) if known is None else host.flow(known)
        say(f"flow {flow.id.hex()}", error=True)
        try:
            outcome = _follow(flow, options)
        except TimeoutError:
            say(f"the time is over; the flow stays in the store: {_line(flow.status())}", error=True)
            raise Failed("the time is over") from None
    _print_outcome(outcome)


def _interrupted(store: Store, program: Program, value: Value, name: str) -> ObjectId | None:
    """Return the flow with refs that the same command has started before, if it has not ended.

    Its id cannot be computed, since the salts of its sealed blobs were drawn.
    """
    wanted = [program.data, encode_value(value), name.encode() or None]
    for stored in flows_of(store):
        core = stored.position.core
        blobs = [
            stored.workspace.blob(core[entry]) if entry in core else None for entry in ("program", "input", "name")
        ]
        if [None if blob is None else blob.data for blob in blobs] == wanted and not stored.status().has_ended:
            return stored.flow
    return None


def _follow(flow: Flow, options: argparse.Namespace) -> Outcome:
    """Print the events of a flow, and return its outcome."""
    deadline = None if options.timeout is None else time.monotonic() + options.timeout
    if not options.quiet and deadline is None:
        for event in flow.watch():
            say(show_json(event))
    return flow.result(None if deadline is None else max(0.0, deadline - time.monotonic()))


def _print_outcome(outcome: Outcome) -> None:
    members = {"status": outcome.status, "output": outcome.output, "failure": outcome.failure}
    say(show_json({name: value for name, value in members.items() if value is not None}))
    if not outcome.succeeded:
        raise Failed(outcome.status)


# --- flows of a store --------------------------------------------------------------------------------------


def _line(status: Status) -> str:
    place = "" if status.at is None else f"  at {status.at}"
    spent = f"{status.steps:>5} steps  {status.calls:>5} calls  {status.tokens:>8} tokens"
    return f"{status.flow.hex()[:_SHORT]}  {status.status:<15}  {spent}{place}"


def _list(options: argparse.Namespace) -> None:
    count = 0
    with opened(options.dir) as store:
        for stored in flows_of(store):
            count += 1
            say(_line(stored.status()))
    if not count:
        say("no flows", error=True)


@contextmanager
def _found(options: argparse.Namespace) -> Iterator[Stored]:
    with opened(options.dir) as store:
        yield find_flow(store, options.flow)


def _trace(options: argparse.Namespace) -> None:
    with _found(options) as stored:
        for event in stored.trace():
            say(show_json(event))


def _replay(options: argparse.Namespace) -> None:
    with _found(options) as stored:
        steps, differs = stored.replay()
    if differs is not None:
        say(f"step {differs} of {steps} is not the result of the transition")
        raise Failed("the history differs")
    say(f"{steps} steps, all equal")


def _graph(options: argparse.Namespace) -> None:
    if options.program.is_dir():
        if options.flow is None:
            raise Missing("a folder needs the id of a flow", rule="flow.replay.refused")
        with opened(options.program) as store:
            stored = find_flow(store, options.flow)
            program, trace = stored.program(), stored.trace()
    else:
        program, trace = Program.load(options.program).value, []
    text = mermaid(program, trace)
    if options.output is None:
        for line in text.splitlines():
            say(line)
    else:
        with replacing(options.output, private=False) as part:
            part.file.write(text.encode())


def _watch(options: argparse.Namespace) -> None:
    """Print the events of a flow; the store may be open in another process."""
    seen = None
    with opened(options.dir) as store:
        while True:
            stored = find_flow(store, options.flow)
            for event in in_key_order(stored.events_after(seen)):
                say(show_json(event))
            seen, status = stored.position.step_id, stored.status()
            if status.has_ended:
                say(_line(status), error=True)
                return
            time.sleep(_INTERVAL_S)
