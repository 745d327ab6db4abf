"""The parser of the command line: the format of help texts and of usage errors.

Help begins with the purpose of a command and ends with examples. The error for an unknown word is one line that names
the most similar known word.
"""

from __future__ import annotations

import argparse
import difflib
import textwrap
from collections.abc import Iterable
from typing import Any, Final, NoReturn

from gritstone_conformance.errors import UsageError

__all__ = ["EXIT_CODES", "CommandParser", "HelpFormatter", "examples", "nearest_words"]

EXIT_CODES: Final = """\
exit codes: 0 no unexpected result; 1 at least one; 2 usage error; 3 no case of a claimed profile was run; 4 the suite
itself failed, or a rule, vector or report file is invalid"""


def examples(lines: Iterable[str]) -> str:
    """Return examples as a part of a help text."""
    return "\n".join(("examples:", *(f"  {line}" for line in lines)))


def nearest_words(word: str, known: Iterable[str]) -> str:
    """Return ``; the nearest is X``, or nothing if no known word is similar."""
    near = difflib.get_close_matches(word, list(known), 1, 0.5)
    return f"; the nearest is {near[0]}" if near else ""


class HelpFormatter(argparse.HelpFormatter):
    """Wraps paragraphs and leaves indented lines as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        parts = []
        for block in text.split("\n\n"):
            kept = "\n " in block
            parts.append(block if kept else textwrap.fill(" ".join(block.split()), width))
        return "\n\n".join(textwrap.indent(part, indent) for part in parts)


class CommandParser(argparse.ArgumentParser):
    """A parser whose errors are one line and name the most similar valid word."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"formatter_class": HelpFormatter, **options}, allow_abbrev=False)
        self._words: list[str] = []

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Store the arguments, so that an error can name the wrong one."""
        self._words = list(args or ())
        return super().parse_known_args(args, namespace)

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Refuse words that no command accepts."""
        found, rest = self.parse_known_args(args, namespace)
        if rest:
            command = self.commands().get(getattr(found, "command", ""), self)
            command.error(f"unrecognized arguments: {' '.join(rest)}{command.nearest_option(rest[0])}")
        return found

    def commands(self) -> dict[str, CommandParser]:
        """Return the parser of each command by its name."""
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                return dict(action.choices)
        return {}

    def nearest_option(self, word: str) -> str:
        """Return words about the nearest option of this command."""
        return nearest_words(word.partition("=")[0], self._option_string_actions) if word.startswith("-") else ""

    def error(self, message: str) -> NoReturn:
        """Raise a UsageError; if an argument is missing, an unknown option is the more likely reason."""
        if "required" in message:
            for word in self._words:
                if (
                    word.startswith("--")
                    and word.partition("=")[0] not in self._option_string_actions
                    and len(word) > 2
                ):
                    message = f"unrecognized arguments: {word}{self.nearest_option(word)}"
                    break
        raise UsageError(f"{message} (see `{self.prog} --help`)")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            near = nearest_words(str(value), map(str, action.choices))
            known = ", ".join(map(str, action.choices))
            raise argparse.ArgumentError(action, f"invalid choice: {value!r}{near or f' (choose from {known})'}")

    def format_help(self) -> str:
        """Return the help: purpose, usage, options, examples."""
        formatter = self._get_formatter()
        formatter.add_text(self.description)
        formatter.add_usage(self.usage, self._actions, self._mutually_exclusive_groups)
        for group in self._action_groups:
            formatter.start_section(group.title)
            formatter.add_text(group.description)
            formatter.add_arguments(group._group_actions)
            formatter.end_section()
        formatter.add_text(self.epilog)
        return formatter.format_help()
