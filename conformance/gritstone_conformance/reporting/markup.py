"""Markup: elements of HTML and SVG with safe text.

Elements are those of the standard library's tree, which escapes when it writes. Control characters and direction
overrides become visible escapes first, so text from an implementation cannot be markup or reorder text.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, TypeAlias
from xml.etree import ElementTree as ET

from gritstone_conformance.text import printable

__all__ = [
    "Node",
    "digest_source",
    "element",
    "embedded",
    "joined",
    "page_head",
    "prose",
    "safe",
    "write_html",
    "write_xml",
]

Node: TypeAlias = ET.Element

_FLOWING: Final = frozenset(
    {*("a", "b", "button", "circle", "code", "i", "input", "kbd", "label", "line", "output", "path", "pre", "rect")}
    | {"select", "small", "span", "strong", "sub", "sup", "svg", "td", "text", "th", "title"}
)
"""Elements without a line end after them; all others have one, so that pages can be compared by line."""

_NOT_XML: Final = dict.fromkeys((65534, 65535))


def safe(text: str) -> str:
    """Return a text with escapes for everything that could mislead a reader or break a document."""
    return printable(text, max(len(text), 1)).translate(_NOT_XML)


def element(tag: str, attributes: Mapping[str, object] | None = None, *children: Node | str | None) -> Node:
    """Return an element.

    Args:
        tag: its name.
        attributes: names to values; None and False omit an attribute, True is the empty text.
        children: elements and texts, in order; None is left out.
    """
    node = ET.Element(tag)
    for name, value in (attributes or {}).items():
        if value is not None and value is not False:
            node.set(name, "" if value is True else safe(str(value)))
    joined(node, children)
    if tag not in _FLOWING:
        node.tail = "\n"
    return node


def joined(node: Node, children: Iterable[Node | str | None]) -> Node:
    """Add children to an element and return it."""
    for child in children:
        if isinstance(child, str):
            _add_text(node, safe(child))
        elif child is not None:
            node.append(child)
    return node


def _add_text(node: Node, text: str) -> None:
    if len(node):
        node[-1].tail = (node[-1].tail or "") + text
    else:
        node.text = (node.text or "") + text


_INLINE: Final = re.compile(r"``(?P<code>[^`]+)``|:(?P<role>[a-z]+):`(?P<text>[^`]*)`")


def prose(text: str) -> Iterator[Node | str]:
    """Yield a text of the spec with its inline markup as elements."""
    at = 0
    for match in _INLINE.finditer(text):
        yield text[at : match.start()]
        at = match.end()
        if match["code"] is not None:
            yield element("code", {}, match["code"])
        elif match["role"] in ("sub", "sup"):
            yield element(match["role"], {}, match["text"])
        else:
            yield f"RFC {match['text']}" if match["role"] == "rfc" else match["text"]
    yield text[at:]


def embedded(tag: str, source: str) -> Node:
    """Return a ``style`` or ``script`` from the suite; its text is written unchanged."""
    node = ET.Element(tag)
    node.text = source
    node.tail = "\n"
    return node


def digest_source(source: str) -> str:
    """Return the source expression of an embedded text for a content security policy."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"


def page_head(title: str, style: str, script: str | None = None) -> Node:
    """Return the head of a page that loads nothing: only the embedded style and script may be used."""
    policy = f"default-src 'none'; style-src {digest_source(style)}; "
    policy += f"script-src {digest_source(script)}; " if script is not None else ""
    return element(
        "head",
        {},
        element("meta", {"charset": "utf-8"}),
        element(
            "meta",
            {
                "http-equiv": "Content-Security-Policy",
                "content": f"{policy}base-uri 'none'; form-action 'none'",
            },
        ),
        element("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        element("meta", {"name": "color-scheme", "content": "light dark"}),
        element("meta", {"name": "referrer", "content": "no-referrer"}),
        element("title", {}, title),
        embedded("style", style),
    )


def write_html(root: Node) -> str:
    """Return the text of a page."""
    return f"<!DOCTYPE html>\n{ET.tostring(root, encoding='unicode', method='html').rstrip()}\n"


def write_xml(root: Node) -> str:
    """Return the text of an XML document, with its declaration."""
    text = ET.tostring(root, encoding="unicode", short_empty_elements=True)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text.rstrip()}\n'
