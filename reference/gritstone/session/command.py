"""The command line: list, show and carry the sessions of a durable store.

``list`` and ``show`` only read. The other commands start a runtime on the store; no other process may have it open for
that. Exit codes: 0 done; 1 refused, with one line on stderr; 2 usage error.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from gritstone.command_line import opened, run_command, say, say_block
from gritstone.errors import Missing, Rejected
from gritstone.grit.formats import FORMATS, Format
from gritstone.grit.importing import import_bundle
from gritstone.grit.lmdb_store import open_durable
from gritstone.grit.memory import MemoryEngine
from gritstone.grit.store import Store
from gritstone.session.chat import Chat
from gritstone.session.grants import SESSION_GRANTS
from gritstone.session.sessions import Sessions
from gritstone.session.views import View, agent_name, describe_session, find_session, host_name, list_sessions
from gritstone.wasm.documents import Manifest

__all__ = ["main"]

_SHORT = 12
_DIGITS = frozenset("0123456789abcdef")
_ADVICE = {
    "busy": "an ask is open, or its answer was not read yet; serve it, or abandon it with chat.abandon()",
    "sessions": "too many sessions are live, and none of them can be archived",
    "live": "it is live already",
    "moved": "it was exported; load its file to bring it back",
    "closed": "it was closed",
    "grants": "a file contains code; read the page on sessions before you grant it more",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(argv)
    return run_command("gritstone session", options.run, options, _ADVICE)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gritstone session", description="List, show and carry the sessions of a durable store."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, run: Callable[[argparse.Namespace], None], text: str, *words: str) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        one.set_defaults(run=run)
        one.add_argument("dir", type=Path, metavar="DIR", help="the folder of the store")
        if "session" in words:
            one.add_argument("session", type=_prefix, metavar="SESSION", help="the id, or its first digits")
        if "file" in words:
            one.add_argument("file", type=Path, metavar="FILE", help="the file of the session")
        return one

    add("list", _list, "list the sessions of a store")
    add("show", _show, "show the conversation of a session", "session")
    add("archive", _archive, "put a live session aside", "session")
    add("restore", _restore, "make an archived session live", "session")
    add("export", _export, "move an archived session into a file", "session", "file")
    load = add("load", _load, "import a session, with its code, from a file; it is archived then", "file")
    for name, unit in (("fuel", "units of a step or query"), ("pages", "pages of 64 KiB of memory")):
        most = getattr(SESSION_GRANTS, name)
        text = f"the most {unit} that its code may grant itself (default: {most})"
        load.add_argument(f"--{name}", type=int, default=most, metavar="N", help=text)
    return parser


def _prefix(text: str) -> str:
    if not text or not set(text) <= _DIGITS:
        raise argparse.ArgumentTypeError(f"invalid id {text!r}: expected hexadecimal digits in lower case")
    return text


@contextmanager
def _chat(options: argparse.Namespace) -> Iterator[Chat]:
    """Start a runtime on a store, and find a session."""
    with opened(options.dir) as store:
        view = find_session(store, options.session)
        with Sessions(store) as sessions:
            yield sessions.chat(view.session)


def _line(view: View) -> str:
    name = view.session.hex()[:_SHORT]
    return f"{name}  {view.standing:<8}  {view.phase:<7}  {view.messages:>4} messages  step {view.step.hex()[:_SHORT]}"


def _list(options: argparse.Namespace) -> None:
    with opened(options.dir) as store:
        found = list_sessions(store)
    for view in found:
        say(_line(view))
    if not found:
        say("no sessions", error=True)


def _show(options: argparse.Namespace) -> None:
    with opened(options.dir) as store:
        found = describe_session(store, find_session(store, options.session))
    view = found.view
    say(f"session  {view.session.hex()}")
    say(f"step     {view.step.hex()}")
    say(f"state    {view.standing}, {view.phase}, {view.count} changes")
    if found.tools:
        say(f"tools    {', '.join(found.tools)}")
    if found.ask is not None:
        say_block("ask", found.ask)
    say("")
    for role, text in (("system", found.system_prompt), ("summary", found.summary), *found.messages):
        if text:
            say_block(role, text)


def _archive(options: argparse.Namespace) -> None:
    with _chat(options) as chat:
        chat.archive()
        say(f"archived {chat.session.hex()}")


def _restore(options: argparse.Namespace) -> None:
    with _chat(options) as chat:
        chat.restore()
        say(f"restored {chat.session.hex()}")


def _export(options: argparse.Namespace) -> None:
    with _chat(options) as chat:
        chat.export(options.file)
        say(f"exported {chat.session.hex()} to {options.file}")


def _load(options: argparse.Namespace) -> None:
    grants = replace(SESSION_GRANTS, fuel=options.fuel, pages=options.pages)
    if not _has_agent(options.dir):
        _create(options.dir, options.file, grants)
    with opened(options.dir) as store, Sessions(store) as sessions:
        say(f"loaded {sessions.load(options.file, grants=grants).session.hex()}")


def _has_agent(directory: Path) -> bool:
    """Return whether a directory has a store with an agent, so whether the creation of a store there is complete."""
    try:
        with opened(directory) as store:
            return agent_name(store) is not None
    except Missing as refusal:
        if refusal.code is not None:  # it is damaged
            raise
        return False


def _create(directory: Path, file: Path, grants: Manifest) -> None:
    """Create a store for the session in a file: of its format, and with its host as the agent.

    The file is loaded into a store in memory first, so that nothing is created for a file that is refused.
    """
    format_, scratch = _scratch(file)
    names = {host_name(scratch, view.session, view.step) for view in list_sessions(scratch)} - {None, ""}
    if len(names) != 1:
        raise Missing(f"{file} does not have one session with a named host", rule="session.restore.elsewhere")
    agent = names.pop()
    with Sessions(Store.open(MemoryEngine(), format_, create=True), agent=agent) as trial:
        trial.load(file, grants=grants)
    store = open_durable(directory, format_, create=True)
    try:
        Sessions(store, agent=agent).close()
    finally:
        store.close()


def _scratch(file: Path) -> tuple[Format, Store]:
    """Import a file into a store in memory; return its format and the store."""
    for format_ in FORMATS.values():
        scratch = Store.open(MemoryEngine(), format_, create=True)
        try:
            with file.open("rb") as source:
                import_bundle(scratch, source)
        except Rejected as refusal:
            if refusal.code != "format":
                raise
            continue
        return format_, scratch
    raise Missing(f"{file} has an unknown format", rule="grit.bundle.format")
