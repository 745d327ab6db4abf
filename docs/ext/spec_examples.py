"""Sphinx: the ``example`` directive of the spec.

An example is data: a format, the bytes in hex, and either the id and the object or the refusal class. The page shows
it; the selftests run every one of them against the suite's codec.
"""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


class ExampleDirective(SphinxDirective):
    """``.. example:: name``: ``key: value`` lines, shown as they are."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return a titled literal block."""
        box = nodes.admonition(classes=["example"])
        box += nodes.title("", f"Example: {self.arguments[0]}")
        text = "\n".join(self.content)
        box += nodes.literal_block(text, text, language="text")
        return [box]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("example", ExampleDirective)
    return {"parallel_read_safe": True}
