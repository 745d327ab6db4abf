"""The command line: work with the image of a durable store.

``check`` of a file needs no store. The other commands start a runtime on the store; several processes may do that at
the same time. Exit codes: 0 done; 1 refused, or an operation that failed, or a defect; 2 usage error.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path

from gritstone.command_line import Failed, opened, run_command, say
from gritstone.errors import Exhausted, GritstoneError
from gritstone.grit.lmdb_store import open_durable
from gritstone.image.actors import Actor, Parts, Quota
from gritstone.image.builder import Program
from gritstone.image.desk import Desk
from gritstone.image.image import Image
from gritstone.image.printing import item_line, record_lines, view_line, view_lines
from gritstone.image.reading import OUTSIDE
from gritstone.image.record import encode_record
from gritstone.image.views import Outcome
from gritstone.image.worlds import fold

__all__ = ["main"]

_MOST_PATHS = 1_000
_MOST_PORT = 65_535
_PASSKEYS = "passkeys.sqlite"
_NOTHING = bytes(32)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(argv)
    return run_command("gritstone image", options.run, options)


class _Commands:
    """The parsers of the commands."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self._commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(
        self, name: str, run: Callable[[argparse.Namespace], None], text: str, *actors: str
    ) -> argparse.ArgumentParser:
        """Add a command about a store, and about actors of it."""
        one = self._commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        one.set_defaults(run=run)
        one.add_argument("dir", type=Path, metavar="DIR", help="the folder of the store")
        for actor in actors:
            one.add_argument(actor, metavar=actor.upper(), help="a name, or the first digits of an id")
        return one


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="gritstone image", description="Work with the image of a durable store.")
    commands = _Commands(parser)
    _add_reading(commands.add)
    _add_operations(commands.add)
    _add_worlds(commands.add)
    commands.add("serve", _serve, "serve the image to a model, as one principal, on standard input and output", "actor")
    page = commands.add("page", _page, "serve a page on this machine, on which a person with a passkey works", "actor")
    page.add_argument("--port", type=_port, default=0, metavar="N", help="the port (default: any)")
    page.add_argument("--remove-passkey", action="store_true", help="remove the passkey, and serve nothing")
    return parser


def _add_reading(add: Callable[..., argparse.ArgumentParser]) -> None:
    listed = add("list", _list, "list the actors of an image")
    listed.add_argument("--as", dest="viewer", metavar="ACTOR", help="show what this actor may see")
    show = add("show", _show, "show the rights and the state of an actor, or one of its programs", "actor")
    show.add_argument("mt", nargs="?", metavar="TYPE", help="the type of message whose program is printed")
    show.add_argument("--at", type=_number, metavar="N", help="show the state after operation N")
    show.add_argument(
        "--most", type=_number, default=_MOST_PATHS, metavar="N", help="visit up to N paths (default: %(default)s)"
    )
    log = add("log", _log, "list the operations of an image, failed ones too")
    log.add_argument("--after", type=_number, default=-1, metavar="N", help="only those after operation N")


def _add_operations(add: Callable[..., argparse.ArgumentParser]) -> None:
    _add_new(add("new", _new, "create an actor; creates the store if the folder is absent or empty"))
    run = add("run", _run, "let an actor run a program", "actor")
    run.add_argument("file", nargs="?", type=Path, metavar="FILE", help="the program, one operation a line")
    run.add_argument("-e", dest="text", action="append", metavar="LINE", help="a line of the program; repeatable")
    _add_key(run)
    send = add("send", _send, "send an actor a message", "actor")
    send.add_argument("mt", metavar="TYPE", help="the type of the message")
    send.add_argument("content", nargs="?", metavar="TEXT", help="the content (default: empty)")
    _add_key(send)
    install = add("install", _install, "install programs in an actor; the next operation runs them", "actor")
    install.add_argument("code", nargs="+", type=_pair, metavar="TYPE=FILE", help="a type and its program")
    for name, function, text in (
        ("grant", _grant, "let an actor do something"),
        ("revoke", _revoke, "remove a right of an actor"),
    ):
        add(name, function, text, "actor").add_argument(
            "right", nargs="+", metavar="RIGHT", help="spawn; read ACTOR; or send ACTOR TYPE, where TYPE may end with *"
        )
    add("rest", _rest, "run the posts that wait and the timers that are due")
    clock = add("clock", _clock, "set the clock of the image, and run the timers that are due")
    clock.add_argument("now_ms", type=_number, metavar="MS", help="the time in milliseconds")


def _add_worlds(add: Callable[..., argparse.ArgumentParser]) -> None:
    rollback = add("rollback", _rollback, "return the cores of all actors to those of an earlier world")
    rollback.add_argument("seq", type=_number, metavar="N", help="the number of the world")
    fork = add("fork", _fork, "begin another image from an earlier world")
    fork.add_argument("seq", type=_number, metavar="N", help="the number of the world")
    fork.add_argument("to", type=Path, metavar="NEW", help="the folder of the new store, absent or empty")
    export = add("export", _export, "write a bundle of the image, for gritstone audit")
    export.add_argument("file", type=Path, metavar="FILE", help="the file")
    add("check", _check, "check that the journal accounts for the references; or check a program, if DIR is a file")


def _add_new(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="its name, up to 64 letters, digits and _.-")
    parser.add_argument("--by", metavar="ACTOR", help="the actor that creates it (default: a new principal)")
    parser.add_argument(
        "--may", action="append", default=[], metavar="RIGHT", help="a right, as for grant, in quotes; repeatable"
    )
    parser.add_argument(
        "--admit", action="append", default=[], type=_pair, metavar="TYPE=ACTOR,...", help="who may send it a type"
    )
    parser.add_argument("--code", action="append", default=[], type=_pair, metavar="TYPE=FILE", help="a program")
    parser.add_argument(
        "--quota", action="append", default=[], type=_limit, metavar="RESOURCE=N", help="a limit of a principal"
    )


def _add_key(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--key", metavar="KEY", help="a request that is repeated with this key has no effect")


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        raise argparse.ArgumentTypeError(f"invalid number {text!r}")
    return int(text)


def _port(text: str) -> int:
    if _number(text) > _MOST_PORT:
        raise argparse.ArgumentTypeError(f"invalid port {text}: expected 0 to {_MOST_PORT}")
    return int(text)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise argparse.ArgumentTypeError(f"invalid value {text!r}: expected NAME=VALUE")
    return name, value


def _limit(text: str) -> tuple[str, int]:
    name, value = _pair(text)
    known = [one.name for one in fields(Quota)]
    if name not in known:
        raise argparse.ArgumentTypeError(f"unknown resource {name!r}: expected one of {', '.join(known)}")
    return name, _number(value)


# --- stores --------------------------------------------------------------------------------------------


@contextmanager
def _opened(directory: Path, *, create: bool = False) -> Iterator[Image]:
    """Open the image of a directory, of either format; create it in a folder that is absent, or has no files."""
    with opened(directory, create=create) as store, Image(store) as image:
        yield image


def _report(outcome: Outcome) -> None:
    """Print the outcome of an operation.

    Raises:
        Failed: it failed.
    """
    word = "committed" if outcome.failed is None else f"failed: {outcome.failed}"
    say(f"operation {outcome.seq} {word}")
    if outcome.failed is not None:
        raise Failed(outcome.failed)


def _right(image: Image, words: Sequence[str]) -> str:
    """Return the capability that words name.

    Raises:
        ValueError: they name none.
    """
    match words:
        case ["spawn"]:
            return "spawn"
        case ["read", actor]:
            return f"read.{_target(image, actor)}"
        case ["send", actor, name]:
            return f"send.{_target(image, actor)}.{name}"
    raise ValueError(f"invalid right {' '.join(words)!r}: expected spawn, read ACTOR or send ACTOR TYPE")


def _target(image: Image, text: str) -> str:
    if text == OUTSIDE:
        return image.agent.hex()
    return text if text == "*" else str(image.actor(text))


def _code(image: Image, pairs: Sequence[tuple[str, str]]) -> Mapping[str, Program]:
    return {mt: _program(image, Path(file)) for mt, file in pairs}


def _program(image: Image, file: Path) -> Program:
    try:
        return image.parse(file.read_text("utf-8"))
    except GritstoneError as error:
        raise ValueError(f"{file}: {error}") from error


# --- commands that read --------------------------------------------------------------------------------


def _list(options: argparse.Namespace) -> None:
    with _opened(options.dir) as image:
        viewer = None if options.viewer is None else image.actor(options.viewer)
        views = image.list(viewer)
        for view in sorted(views, key=lambda view: view.name):
            say(view_line(image, view))
    if not views:
        say("no actors", error=True)


def _show(options: argparse.Namespace) -> None:
    with _opened(options.dir) as image:
        actor = image.actor(options.actor)
        if options.mt is not None:
            for line in image.text_of(image.program(actor, options.mt)).splitlines():
                say(line)
            return
        if options.at is None:
            (view,) = [one for one in image.list() if one.actor == actor]
            for line in view_lines(image, view):
                say(line)
        try:
            for path, data in image.items(actor, at=options.at, most=options.most):
                say(item_line(path, data))
        except Exhausted:
            say(f"only the first {options.most} paths are shown; --most N shows more", error=True)


def _log(options: argparse.Namespace) -> None:
    with _opened(options.dir) as image:
        for record in image.log(options.after):
            for line in record_lines(image, record):
                say(line)


def _serve(options: argparse.Namespace) -> None:
    from gritstone.image.mcp import serve_stdio

    with _opened(options.dir) as image:
        serve_stdio(options.dir.name, Desk(image, image.actor(options.actor)))


def _page(options: argparse.Namespace) -> None:
    from gritstone.image.page import serve_page
    from gritstone.image.passkeys import remove_key

    file = options.dir / _PASSKEYS
    with _opened(options.dir) as image:
        desk = Desk(image, image.actor(options.actor))
        if options.remove_passkey:
            say("removed the passkey" if remove_key(file, desk.principal.id) else "there is no passkey")
        else:
            serve_page(desk, file, options.port, say)


def _export(options: argparse.Namespace) -> None:
    with _opened(options.dir) as image:
        image.export(options.file)
        say(f"exported world {image.seq} to {options.file}")


def _check(options: argparse.Namespace) -> None:
    if options.dir.is_file():
        count = len(Program.parse(options.dir.read_text("utf-8"), lambda _: _NOTHING))
        say(f"{options.dir}: {count} operation{'s' * (count != 1)}, no defects")
        return
    with _opened(options.dir) as image:
        records = list(image.log())
        folded, world = fold(encode_record(one).encode() for one in records), image.world()
        listed = dict(folded.references())
        others = {name: step for name, step in world.references if listed.get(name) != step}
        say(f"world {world.seq}, root {world.root.hex()}")
        if len(others) != 2 or len(others) + len(listed) != len(world.references):
            say("the journal does not account for the references")
            raise Failed("the journal")
        failed = sum(record.failure is not None for record in records)
        say(f"{len(records)} records, {failed} failed; they account for all {len(world.references)} references")


# --- commands that change the image --------------------------------------------------------------------


def _new(options: argparse.Namespace) -> None:
    with _opened(options.dir, create=True) as image:
        parts: Parts = {
            "caps": [_right(image, words.split()) for words in options.may],
            "entry": {mt: _senders(image, text) for mt, text in options.admit},
            "code": _code(image, options.code),
        }
        if options.by is not None:
            actor = image.spawn(image.actor(options.by), options.name, **parts)
        elif any(view.name == options.name for view in image.list()):
            raise ValueError(f"there is a principal {options.name} already")
        else:
            actor = image.principal(options.name, quota=replace(Quota(), **dict(options.quota)), **parts)
        say(f"{image.name(actor.id)} is {actor}")


def _senders(image: Image, text: str) -> Sequence[Actor] | str:
    return text if text == "*" else [image.actor(one) for one in text.split(",")]


def _run(options: argparse.Namespace) -> None:
    if (options.file is None) is (options.text is None):
        raise ValueError("expected either a file or lines after -e")
    with _opened(options.dir) as image:
        actor = image.actor(options.actor)
        program = image.parse("\n".join(options.text)) if options.file is None else _program(image, options.file)
        _report(image.request(actor.run(program), key=options.key))


def _send(options: argparse.Namespace) -> None:
    with _opened(options.dir) as image:
        letter = image.actor(options.actor).message(options.mt, options.content)
        _report(image.request(letter, key=options.key))


def _install(options: argparse.Namespace) -> None:
    with _opened(options.dir) as image:
        _report(image.install(image.actor(options.actor), _code(image, options.code)))


def _grant(options: argparse.Namespace) -> None:
    with _opened(options.dir) as image:
        _report(image.grant(image.actor(options.actor), _right(image, options.right)))


def _revoke(options: argparse.Namespace) -> None:
    with _opened(options.dir) as image:
        _report(image.revoke(image.actor(options.actor), _right(image, options.right)))


def _to_rest(image: Image, before: int) -> None:
    """Run to rest, and print the operations that this made."""
    is_at_rest = image.run()
    for record in image.log(before):
        for line in record_lines(image, record):
            say(line)
    if not is_at_rest:
        say("not at rest yet: run it again", error=True)


def _rest(options: argparse.Namespace) -> None:
    with _opened(options.dir) as image:
        _to_rest(image, image.seq)


def _clock(options: argparse.Namespace) -> None:
    with _opened(options.dir) as image:
        before = image.seq
        image.clock(options.now_ms)
        _to_rest(image, before)


def _rollback(options: argparse.Namespace) -> None:
    with _opened(options.dir) as image:
        _report(image.rollback(options.seq))


def _fork(options: argparse.Namespace) -> None:
    if options.to.exists() and options.to.samefile(options.dir):
        raise ValueError(f"{options.to} is the store of the image itself")
    with _opened(options.dir) as image:
        image.world(options.seq)
        store = open_durable(options.to, image.store.format)
        try:
            with image.fork(options.seq, store) as branch:
                say(f"{options.to} continues from world {branch.seq}, root {branch.world().root.hex()}")
        finally:
            store.close()
