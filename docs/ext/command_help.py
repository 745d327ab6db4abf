"""Sphinx: the ``command-help`` directive, which shows what ``--help`` of a command prints.

The page is made from the parser itself, so it cannot say anything else than the program.
"""

from __future__ import annotations

import argparse
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from gritstone_conformance.commands.options import make_parser
from gritstone_conformance.commands.parser import EXIT_CODES, HelpFormatter

_WIDTH = 100


def help_text(parser: argparse.ArgumentParser, *, epilog: bool) -> str:
    """Return what ``--help`` prints at a width of 100, with or without the list of exit codes."""
    kept, parser.epilog = parser.epilog, parser.epilog if epilog else (parser.epilog or "").removesuffix(EXIT_CODES)
    parser.formatter_class = _Formatter
    text = parser.format_help()
    parser.epilog = kept
    return text


class _Formatter(HelpFormatter):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{**options, "width": _WIDTH})


class CommandHelp(SphinxDirective):
    """``.. command-help::``: the help of ``gritstone`` and a section with that of each command."""

    def run(self) -> list[nodes.Node]:
        """Return a literal block, then one section per command."""
        self.env.note_reread()
        parser = make_parser()
        made: list[nodes.Node] = [_literal(help_text(parser, epilog=True))]
        for name, command in parser.commands().items():
            section = nodes.section(ids=[f"gritstone-{name}"], names=[f"gritstone {name}"])
            section += nodes.title("", "", nodes.literal("", f"gritstone {name}"))
            section += _literal(help_text(command, epilog=False))
            made.append(section)
        return made


def _literal(text: str) -> nodes.literal_block:
    return nodes.literal_block(text, text, language="text")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("command-help", CommandHelp)
    return {"parallel_read_safe": True}
