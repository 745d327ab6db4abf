"""What the commands of sessions, flows and images share: the store of a folder, errors on one line, and safe text.

Text of models, tools, users and files is printed with everything escaped that a terminal acts on: control characters,
direction overrides, characters without width, lone surrogates. Further lines of a text are indented, so that it cannot
imitate a line of the command.
"""

from __future__ import annotations

import json
import os
import re
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from gritstone.errors import GritstoneError, Missing, Refusal, Rejected
from gritstone.grit.formats import FORMATS
from gritstone.grit.lmdb_store import open_durable
from gritstone.grit.store import Store

__all__ = ["Failed", "opened", "plain", "run_command", "say", "say_block"]

_LONGEST: Final = 400  # characters of an error message
_INDENT: Final = "    "
_UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164"
    "\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


class Failed(GritstoneError):  # noqa: N818 - not an error of the command
    """A finding that is not a success, for example a flow that has failed; everything is printed already."""


def plain(text: str) -> str:
    """Return a text on one line, with everything that is unsafe as an escape of JSON; a safe text remains as it is."""
    return _UNSAFE.sub(lambda found: json.dumps(found.group())[1:-1], text)


def say(text: str, *, error: bool = False) -> None:
    """Print one line, escaped, on standard output or standard error."""
    print(plain(text), file=sys.stderr if error else sys.stdout, flush=True)


def say_block(label: str, text: str) -> None:
    """Print a label and a text of several lines; each line after the first is indented."""
    first, *others = text.split("\n")
    say(f"{label}: {first}")
    for line in others:
        say(f"{_INDENT}{line}")


def run_command(name: str, run: Callable[[Namespace], None], options: Namespace, advice: Mapping[str, str] = {}) -> int:
    """Run one command, print an error as one line on standard error, and return the exit code.

    Args:
        name: the first words of the command.
        run: the function.
        options: its options.
        advice: words that follow a refusal, by its code.
    """
    for stream in (sys.stdout, sys.stderr):
        if (reconfigure := getattr(stream, "reconfigure", None)) is not None:
            reconfigure(errors="backslashreplace")  # a terminal may lack a character
    try:
        run(options)
    except Failed:
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Refusal as refusal:
        words = advice.get(refusal.code or "")
        return _complain(name, f"{refusal}; {words}" if words else str(refusal))
    except (GritstoneError, OSError, ValueError, ModuleNotFoundError) as error:
        return _complain(name, str(error))
    return 0


def _complain(name: str, text: str) -> int:
    flat = " ".join(text.split())
    say(f"{name}: {flat if len(flat) <= _LONGEST else flat[:_LONGEST] + '…'}", error=True)
    return 1


@contextmanager
def opened(directory: Path, *, create: bool = False) -> Iterator[Store]:
    """Open the durable store of a folder, of either format.

    Args:
        directory: the folder.
        create: whether to create the store in a folder that is absent, or has no files.
    """
    store = _store(directory, create=create)
    try:
        yield store
    finally:
        store.close()


def _store(directory: Path, *, create: bool) -> Store:
    for format_ in FORMATS.values():
        try:
            return open_durable(directory, format_, create=create)
        except Rejected as refusal:
            if refusal.code != "format":
                raise
    raise Missing(f"{directory} has a store of an unknown format", rule="grit.store.format")
