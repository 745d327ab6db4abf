"""Sphinx: the ``rule`` directive and the ``:rule:`` role.

A rule is a plain object type: one directive that makes an anchor, one role that links to it, an index. The sources are
also read without Sphinx (``gritstone_conformance.rules``); the build fails when the exported ``rules.json`` is stale,
so the two readings cannot drift.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from model_tables import promises_by_rule
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.builders import Builder
from sphinx.domains import Domain, ObjType
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.roles import XRefRole
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_refnode

from gritstone_conformance.bundled import spec_dir
from gritstone_conformance.errors import SuiteError
from gritstone_conformance.rules import export_rules, scan_rules


def anchor(rule_id: str) -> str:
    """Return the HTML anchor of a rule: stable, because ids are."""
    return "rule-" + rule_id.replace(".", "-")


class RuleDirective(SphinxDirective):
    """``.. rule:: id``: one requirement, shown with its id, level and the features it binds."""

    required_arguments = 1
    has_content = True
    option_spec: ClassVar[dict[str, Any]] = {
        "level": directives.unchanged_required,
        "since": directives.unchanged_required,
        "needs": directives.unchanged,
        "untested": directives.unchanged,
        "unproven": directives.unchanged,
    }

    def run(self) -> list[nodes.Node]:
        """Return the rule as an anchored admonition."""
        rule_id = self.arguments[0]
        box = nodes.admonition(ids=[anchor(rule_id)], classes=["rule", f"rule-{self.options['level'].lower()}"])
        title = nodes.title("", "")
        title += nodes.literal("", rule_id)
        words = f" · {self.options['level']} · since {self.options['since']}"
        if self.options.get("needs"):
            words += " · for implementations that claim " + ", ".join(self.options["needs"].split())
        title += nodes.Text(words)
        title += nodes.reference("", "¶", refid=anchor(rule_id), classes=["headerlink"])
        box += title
        self.state.nested_parse(self.content, self.content_offset, box)
        if promises := promises_by_rule().get(rule_id):
            words = ", ".join(f"``{name}``" for name in promises)
            box += self.parse_text_to_nodes(f"Checked in the :doc:`formal model </docs/model>`: {words}.")
        domain = self.env.get_domain("spec")
        assert isinstance(domain, RuleDomain)
        domain.note_rule(rule_id, self.env.docname)
        return [box]


class RuleRole(XRefRole):
    """``:rule:`id```, usable in every page and docstring without the domain's prefix."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Resolve in the domain of the specification, whatever the primary domain is."""
        self.name = "spec:rule"
        return super().run()


class RuleDomain(Domain):
    """Rules as objects of the documentation."""

    name = "spec"
    label = "Specification"
    object_types: ClassVar[dict[str, ObjType]] = {"rule": ObjType("rule", "rule")}
    roles: ClassVar[dict[str, Any]] = {"rule": XRefRole()}
    initial_data: ClassVar[dict[str, Any]] = {"rules": {}}

    def note_rule(self, rule_id: str, docname: str) -> None:
        """Record where a rule stands."""
        self.data["rules"][rule_id] = docname

    def clear_doc(self, docname: str) -> None:
        """Forget the rules of a page that is read again."""
        self.data["rules"] = {rule: page for rule, page in self.data["rules"].items() if page != docname}

    def merge_domaindata(self, docnames: Any, otherdata: dict[str, Any]) -> None:
        """Take over what a parallel reader found."""
        self.data["rules"].update({rule: page for rule, page in otherdata["rules"].items() if page in docnames})

    def get_objects(self) -> Iterator[tuple[str, str, str, str, str, int]]:
        """Yield every rule for the index and the search."""
        for rule_id, docname in self.data["rules"].items():
            yield rule_id, rule_id, "rule", docname, anchor(rule_id), 1

    def resolve_xref(
        self,
        env: BuildEnvironment,
        fromdocname: str,
        builder: Builder,
        typ: str,
        target: str,
        node: pending_xref,
        contnode: nodes.Element,
    ) -> nodes.reference | None:
        """Link to the rule; an unknown id stays unresolved, which fails a nitpicky build."""
        docname = self.data["rules"].get(target)
        return make_refnode(builder, fromdocname, docname, anchor(target), contnode, target) if docname else None

    def resolve_any_xref(self, *_: Any) -> list[tuple[str, nodes.reference]]:
        """Rules are only linked by their own role."""
        return []


def check_export(_app: Sphinx) -> None:
    """Fail the build when ``rules.json`` is not what the text says."""
    try:
        current = export_rules(scan_rules(spec_dir()))
    except SuiteError as problem:
        raise ExtensionError(str(problem)) from problem
    if (spec_dir() / "rules.json").read_text(encoding="utf-8") != current:
        raise ExtensionError("spec/rules.json is stale: run `python -m gritstone_conformance.rules --write`")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register directive, role and domain."""
    app.add_domain(RuleDomain)
    app.add_directive("rule", RuleDirective)
    app.add_role("rule", RuleRole())
    app.connect("builder-inited", check_export)
    return {"parallel_read_safe": True}
