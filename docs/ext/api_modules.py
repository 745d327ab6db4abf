"""Sphinx: the ``api-modules`` directive, a section for every module of a package, in order of name.

Modules are found by walking the package, so a new one cannot be forgotten. What a package only passes on is shown where
it is made.
"""

from __future__ import annotations

import builtins
import importlib
import pkgutil
import sys
from collections.abc import Iterator
from typing import Any, ClassVar, Final

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective

_OURS: Final = ("gritstone", "gritstone_conformance")
_SECOND_PAGE: Final = "docs/api/gritstone"


def module_names(package: str) -> Iterator[str]:
    """Yield the package and all its modules, without those that are only run."""
    yield package
    for found in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
        if not found.name.rpartition(".")[2].startswith("_"):
            yield found.name


class ApiModules(SphinxDirective):
    """``.. api-modules:: package``, with ``:without:`` the packages named there."""

    required_arguments = 1
    option_spec: ClassVar[dict[str, Any]] = {"without": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        """Return one section per module."""
        self.env.note_reread()
        unwanted = tuple(self.options.get("without", "").split())
        lines = []
        for name in module_names(self.arguments[0]):
            if not any(name == other or name.startswith(f"{other}.") for other in unwanted):
                lines += [f"``{name}``", "-" * (len(name) + 4), "", f".. automodule:: {name}", "   :members:"]
                lines += ["   :ignore-module-all:", ""] if hasattr(importlib.import_module(name), "__path__") else [""]
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


def keep_sentence(_app: Sphinx, what: str, _name: str, _object: Any, _options: Any, lines: list[str]) -> None:
    """Keep a sentence with a colon whole where napoleon would take its first half for a type; types are annotated."""
    if what in ("attribute", "data", "property"):
        lines[:0] = ["..", ""]
        return
    for at in reversed([at for at, line in enumerate(lines[:-1]) if line in ("Returns:", "Yields:")]):
        lines[at + 1 : at + 1] = ["    ..", ""]


def name_fully(_app: Sphinx, doctree: nodes.document) -> None:
    """Replace each Python name by its full name, as seen in the module that contains it.

    Types of other projects are shown as they are: there is no page to link to, and looking for one takes long.
    """
    for node in list(doctree.findall(pending_xref)):
        module = sys.modules.get(node.get("py:module") or "")
        if node.get("refdomain") != "py" or module is None:
            continue
        name = node["reftarget"]
        found = getattr(module, name, None) or getattr(builtins, name, None)
        if isinstance(found, type):
            if found.__module__.partition(".")[0] in _OURS:
                node["reftarget"] = f"{found.__module__}.{found.__qualname__}"
            else:
                node.replace_self(node.children)


def part_long_pages(_app: Sphinx, _env: BuildEnvironment, pages: list[str]) -> None:
    """Move one of the two pages that take longest away from the other: neighbours are read by one process."""
    if _SECOND_PAGE in pages:
        pages.remove(_SECOND_PAGE)
        pages.insert(len(pages) // 2, _SECOND_PAGE)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive, and hooks: one before that of napoleon, one before references are resolved."""
    app.add_directive("api-modules", ApiModules)
    app.connect("env-before-read-docs", part_long_pages)
    app.connect("autodoc-process-docstring", keep_sentence, priority=400)
    app.connect("doctree-read", name_fully)
    return {"parallel_read_safe": True}
