"""Sphinx configuration; the source directory is the checkout, so that spec and docs are one tree of pages.

Build: ``sphinx-build -n -W -j 2 -c docs . docs/_build/html``; ``-t source`` adds the source of each module.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "docs" / "ext"))

from sphinx.application import Sphinx  # noqa: E402

from gritstone_conformance import SPEC_VERSION, SUITE_VERSION  # noqa: E402

project = "gritstone"
author = "the gritstone authors"
copyright = "2026, the gritstone authors"
version = SPEC_VERSION
release = SUITE_VERSION

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.intersphinx",
    "spec_rules",
    "trace_tables",
    "host_tables",
    "detection_tables",
    "model_tables",
    "spec_examples",
    "state_tables",
    "command_help",
    "api_modules",
    "navigation_titles",
]
root_doc = "docs/index"
include_patterns = ["docs/**", "spec/**"]
exclude_patterns = ["docs/_build", "docs/changes.d", "docs/ext"]
# folders without pages
exclude_patterns += [".*", "asv_bench", "conformance", "reference", "vectors", "build", "dist"]
highlight_language = "text"
nitpicky = True
suppress_warnings = ["ref.python"]  # two packages have a ``Json``; other names are made whole by ``api_modules``
intersphinx_mapping: dict[str, tuple[str, None]] = {}  # builds work without a network
# names of other projects, of the standard library and of typing, without an inventory
_OTHERS = "anyio|mcp|mcp_types|hypothesis|st|lmdb|rich|pytest|_pytest|blake3|starlette|uvicorn|wasmtime|cryptography"
_STDLIB = (
    "_thread|abc|argparse|asyncio|builtins|collections|concurrent|contextlib|dataclasses|enum|functools|inspect|io|json|mmap"
    "|os|pathlib|random|re|socket|subprocess|threading|types|typing|xml"
)
_PLAIN = (
    "_R|_T|Any|BinaryIO|Build|Callable|Final|Form|Generator|IO|Iterable|Iterator|Json|Look|Map|Mapping|Path|Protocol"
    "|Reply|Sequence|TextIO|Trap|WasmtimeError"
)
_PRIVATE = r"gritstone(_conformance)?\.(\w+\.)*_[A-Z]\w*"  # type variables, aliases and classes that a module keeps
nitpick_ignore_regex = [
    ("py:.*", rf"({_OTHERS}|{_STDLIB})(\..*)?"),
    ("py:.*", rf"({_PLAIN}|optional)"),
    ("py:.*", _PRIVATE),
]
autodoc_typehints = "description"
autodoc_member_order = "bysource"
autodoc_use_type_comments = False
toc_object_entries = False  # thousands of entries would be copied into the navigation of every page
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True  # one description of an attribute, whatever the class is made of
napoleon_attr_annotations = False  # the signature has the types, and links them without guessing

html_theme = "furo"
html_title = "gritstone"
html_static_path = ["_static"]
html_css_files = ["gritstone.css"]


def setup(app: Sphinx) -> None:
    """Add a page of the source of each Python module if the tag ``source`` is set, which takes as long as the rest."""
    if app.tags.has("source"):
        app.setup_extension("sphinx.ext.viewcode")
