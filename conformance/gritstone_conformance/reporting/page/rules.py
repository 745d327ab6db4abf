"""Rules on a page: by profile, each with its text, its verdict and the cases that judge it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from gritstone_conformance.attachment.claims import PROFILES
from gritstone_conformance.reporting.markup import Node, element, prose
from gritstone_conformance.reporting.page.material import Material, duration
from gritstone_conformance.results.outcomes import Outcome
from gritstone_conformance.rules import Rule
from gritstone_conformance.text import counted

__all__ = ["SIGNS", "in_order", "rules_section"]

SIGNS: Final = {"fail": "✗", "error": "!", "known": "○", "pass": "✓", "skip": "–"}
"""Verdicts to signs, worst first; the word is always shown next to the sign."""

_ORDER: Final = ("harness", *PROFILES)


def in_order(profiles: Sequence[str]) -> list[str]:
    """Return the names of profiles, each after those that it depends on."""
    return sorted(profiles, key=lambda name: (_ORDER.index(name) if name in _ORDER else len(_ORDER), name))


def rules_section(material: Material) -> Node:
    """Return the section of all judged rules; with a claim, also of all other rules that bind the claimer."""
    bound = material.judgement.required.values() if material.judgement.conforms else ()
    asked = {*material.by_rule, *(rule for rules in bound for rule in rules)}
    rules = [material.book.rules.get(rule) or _unknown(material, rule) for rule in sorted(asked)]
    profiles = in_order(list({rule.profile for rule in rules}))
    groups = [_group(material, name, [rule for rule in rules if rule.profile == name]) for name in profiles]
    head = element("h2", {"id": "rules-head"}, "Rules")
    return element("section", {"id": "rules", "aria-labelledby": "rules-head"}, head, *groups)


def _unknown(material: Material, rule: str) -> Rule:
    """Return a placeholder for a rule of another suite."""
    words = "This rule is unknown to the suite that made this page."
    return Rule(rule, material.by_rule[rule][0].level, "?", (), words, "", "")


def _group(material: Material, profile: str, rules: Sequence[Rule]) -> Node:
    verdicts = {rule.id: _verdict(material, rule) for rule in rules}
    tally = Counter(verdicts.values())
    words = ", ".join(f"{tally[verdict]} {verdict}" for verdict in (*SIGNS, "not tested") if tally[verdict])
    shown = sorted(rules, key=lambda rule: (_rank(verdicts[rule.id]), rule.id))
    return element(
        "details",
        {"class": "profile", "id": f"profile-{profile}", "open": any(tally[bad] for bad in ("fail", "error"))},
        element("summary", {}, element("h3", {}, profile), " ", element("span", {"class": "quiet"}, words)),
        *(_rule(material, rule, verdicts[rule.id]) for rule in shown),
    )


def _verdict(material: Material, rule: Rule) -> str:
    """Return the verdict on a rule; a failure whose every case is expected is a known one."""
    verdict = material.judgement.rules.get(rule.id, "not tested")
    if verdict not in ("fail", "error"):
        return verdict
    against = [each for each in material.by_rule.get(rule.id, ()) if each.verdict == verdict]
    return "known" if against and all(each.expected is not None for each in against) else verdict


def _rank(verdict: str) -> int:
    return {"fail": 0, "error": 1, "known": 2}.get(verdict, 3)


def _rule(material: Material, rule: Rule, verdict: str) -> Node:
    cases = sorted(material.by_rule.get(rule.id, ()), key=lambda outcome: (_rank(outcome.verdict), outcome.case))
    about = [rule.level, f"since {rule.since}", *(f"needs {need}" for need in rule.needs)]
    about += [] if material.book.scores(rule.id) else [f"not in the list of spec {material.book.spec}: not counted"]
    about.append(counted(len(cases), "case"))
    return element(
        "details",
        {
            "class": "rule",
            "id": f"rule-{rule.id}",
            "data-verdict": verdict,
            "data-level": rule.level,
            "data-profile": rule.profile,
        },
        element(
            "summary",
            {},
            element("span", {"class": f"verdict {verdict.split(maxsplit=1)[0]}"}, _sign(verdict), " ", verdict),
            " ",
            element("span", {"class": "rule-id"}, rule.id),
            " ",
            element("span", {"class": "quiet about"}, " · ".join(about)),
            element("span", {"class": "sentence"}, *prose(rule.text)),
        ),
        element("p", {"class": "quiet"}, f"Not tested: {rule.untested}") if rule.untested else None,
        element("ul", {"class": "cases"}, *map(_case, cases)) if cases else None,
    )


def _case(outcome: Outcome) -> Node:
    verdict = "known" if outcome.expected is not None and outcome.verdict in ("fail", "error") else outcome.verdict
    why = outcome.reason or outcome.signature or outcome.cause
    return element(
        "li",
        {"class": verdict},
        None if verdict == "pass" else f"{_sign(verdict)} {verdict} ",
        outcome.case,
        element("i", {}, duration(outcome.seconds) if outcome.requests else ""),
        element("small", {}, why) if why else None,
    )


def _sign(verdict: str) -> str:
    return SIGNS.get(verdict, "·")
