"""``gritstone completion``: print a script that lets a shell complete the command line.

The script asks this program, by argcomplete, for the possible words: commands and options from the parser; profiles,
rules and cases from the files of the suite. Only the files that the word requires are read.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from gritstone_conformance.bundled import spec_dir, vectors_dir
from gritstone_conformance.commands.parser import CommandParser
from gritstone_conformance.text import say

__all__ = ["SHELLS", "answer_shell", "run_command"]

SHELLS: Final = ("bash", "zsh", "fish")


def run_command(options: argparse.Namespace) -> int:
    """Print the script for one shell; returns 0."""
    from argcomplete.shell_integration import shellcode

    for line in shellcode(["gritstone"], shell=options.shell).splitlines():
        say(line)
    return 0


def answer_shell(parser: CommandParser) -> None:
    """Print the possible words at the cursor for the shell; does not return."""
    import argcomplete

    for name, command in parser.commands().items():
        for action in command._actions:
            if (name, action.dest) in _WORDS:
                action.completer = _WORDS[name, action.dest]  # type: ignore[attr-defined]
    argcomplete.autocomplete(parser)


def _rules() -> list[str]:
    return [rule["id"] for rule in json.loads((spec_dir() / "rules.json").read_text(encoding="utf-8"))["rules"]]


def _profiles(prefix: str, **_: Any) -> list[str]:
    names = {rule.partition(".")[0] for rule in _rules()} - {"suite"}
    return sorted(name for name in names if name.startswith(prefix))


def _rule_ids(prefix: str, **_: Any) -> list[str]:
    return [rule for rule in _rules() if rule.startswith(prefix)]


def _case_names(prefix: str, **_: Any) -> list[str]:
    """Return topics such as ``grit/tree/``, and for one topic the names of its vectors."""
    root = vectors_dir()
    files = [(f"{path.parent.name}/{path.name.partition('.')[0]}/", path) for path in root.glob("[!as]*/*.json")]
    if prefix.count("/") < 2:
        return sorted({topic for topic, _ in files if topic.startswith(prefix)})
    texts = [path.read_text(encoding="utf-8") for topic, path in files if prefix.startswith(topic)]
    names = {name for text in texts for name in re.findall(r'"name": *"([a-z0-9/-]+)"', text)}
    return sorted(name for name in names if name.startswith(prefix))


def _found_files(prefix: str, **_: Any) -> list[str]:
    return sorted(str(path) for path in Path(".gritstone/found").glob("*.json") if str(path).startswith(prefix))


def _names(prefix: str, **_: Any) -> list[str]:
    return [*_rule_ids(prefix), *_case_names(prefix)]


def _cases(prefix: str, **_: Any) -> list[str]:
    return [*_found_files(prefix), *_case_names(prefix)]


_WORDS: Final[dict[tuple[str, str], Callable[..., list[str]]]] = {
    ("verify", "profile"): _profiles,
    ("verify", "rule"): _rule_ids,
    ("verify", "glob"): _case_names,
    ("campaign", "profile"): _profiles,
    ("campaign", "rule"): _rule_ids,
    ("campaign", "glob"): _case_names,
    ("show", "name"): _names,
    ("replay", "case"): _cases,
}
