"""Sphinx: the navigation, which has the titles of pages, is made from them and not from the sections of every page.

The theme asks for the tree of all pages on each page. Sphinx copies the sections of all pages for it, thousands, and
then drops them; here they are dropped once. Pages of ``UNLISTED`` are shown without the pages below them: a hundred
records of decisions would be on every page.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from docutils import nodes
from sphinx.addnodes import toctree
from sphinx.application import Sphinx
from sphinx.builders import Builder
from sphinx.environment import BuildEnvironment

UNLISTED: Final = ("docs/decisions/index",)
"""Pages that list the pages below them themselves."""


def without_sections(contents: nodes.bullet_list) -> nodes.bullet_list:
    """Return a page's contents as ``titles_only`` leaves them: its title, and the trees of pages that it has."""
    kept = contents.deepcopy()
    for entry in kept.children:
        if isinstance(entry, nodes.list_item) and len(entry) > 1:
            trees = list(entry.findall(toctree))
            entry[1:] = [nodes.bullet_list("", *trees)] if trees else []
    return kept


class Titles:
    """The contents of all pages without their sections, once pages are written."""

    def __init__(self) -> None:
        self._contents: dict[str, nodes.bullet_list] = {}

    def prepare(self, _app: Sphinx, builder: Builder) -> None:
        """Drop the sections, before the work is dealt to processes."""
        self._contents = {page: without_sections(contents) for page, contents in builder.env.tocs.items()}
        for page in UNLISTED:
            for tree in list(self._contents[page].findall(toctree)):
                tree.parent.remove(tree)

    def offer(self, app: Sphinx, _page: str, _template: str, context: dict[str, Any], _doctree: object) -> None:
        """Build the navigation tree of the theme from titles."""
        if "toctree" in context:
            context["toctree"] = partial(self._make, app.env, context["toctree"])

    def _make(self, env: BuildEnvironment, make: Callable[..., str], **options: Any) -> str:
        if not options.get("titles_only"):
            return make(**options)
        whole, env.tocs = env.tocs, self._contents
        try:
            return make(**options)
        finally:
            env.tocs = whole


def setup(app: Sphinx) -> dict[str, bool]:
    """Register what prepares the titles, and what offers them before the theme asks."""
    titles = Titles()
    app.connect("write-started", titles.prepare)
    app.connect("html-page-context", titles.offer, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
