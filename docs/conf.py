"""Sphinx configuration; the source directory is the checkout, so that spec and docs are one tree of pages.

Build: ``sphinx-build -n -W -c docs . docs/_build/html``.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "docs" / "ext"))

from gritstone_conformance import SPEC_VERSION, SUITE_VERSION  # noqa: E402

project = "gritstone"
author = "the gritstone authors"
copyright = "2026, the gritstone authors"
version = SPEC_VERSION
release = SUITE_VERSION

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx.ext.intersphinx",
    "spec_rules",
    "spec_examples",
]
root_doc = "docs/index"
include_patterns = ["docs/**", "spec/**"]
exclude_patterns = ["docs/_build/**", "docs/changes.d/**", "docs/ext/**", "**/node_modules/**"]
nitpicky = True
intersphinx_mapping: dict[str, tuple[str, None]] = {}  # builds work without a network
# names of other projects and of plain typing, for which no inventory is at hand
_OTHERS = (
    "hypothesis|st|collections|typing|pathlib|argparse|re|json|lmdb|rich|pytest|blake3|subprocess|threading|socket"
)
_STDLIB = "contextlib|dataclasses|functools|io|os|types|enum|abc"
_PLAIN = "Any|Callable|Sequence|Mapping|Iterable|Iterator|Path|BinaryIO|TextIO|IO|Final|Protocol|Json|Generator|Reply"
nitpick_ignore_regex = [("py:.*", rf"({_OTHERS}|{_STDLIB})(\..*)?"), ("py:.*", rf"({_PLAIN}|optional)")]
autodoc_typehints = "description"
autodoc_member_order = "bysource"
napoleon_google_docstring = True
napoleon_numpy_docstring = False

html_theme = "furo"
html_title = "gritstone"
html_static_path: list[str] = []
