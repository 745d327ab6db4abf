"""Attribution: the rule that a wrong answer violates, if the answer shows that it is not the rule of the case.

A case about one rule also depends on other rules. If the answer shows which of them is violated, that rule is reported:

- If ``grit.encode`` writes a map in the order of the request, the violated rule is the one about the order of keys,
  whatever the rule of the case is.
- The same applies to a bundle from ``grit.export`` or ``grit.transcode`` in which only the order of keys is wrong.
- A golden bundle of a free schedule that differs in its bytes and is a legal history violates the rule on injecting:
  every step of an actor follows from its mail, so the difference is in the steps of the agent. An illegal history
  violates the rule that the history checker names.
- If ``wit.step`` refuses a valid proposal as invalid, or accepts an invalid one, the violated rule is the one on
  proposals, whatever the code of the actor does.
- If the list of ``flow.check`` lacks a defect or has a wrong one, the code of this defect decides: ``guard`` has a rule
  of its own, all others have the rule on the list. If ``flow.check`` refuses, that is the violation.
- If a rule is about what earlier requests must not change, and the shrunk case has no earlier request, the violated
  rule is that of the request itself: the narrowest one that refuses the bytes, or that of the id or the decoded object.

The functions are pure: they read the request, the expected answer and the received answer.
"""

from __future__ import annotations

from typing import Final

from gritstone_conformance.attachment.base64url import NotCanonicalError, decode_bytes
from gritstone_conformance.cases import CaseStep
from gritstone_conformance.judge import Difference
from gritstone_conformance.model.bundle import scan
from gritstone_conformance.model.evidence import has_history
from gritstone_conformance.model.formats import FORMATS, FRAMED_SHA256
from gritstone_conformance.model.framed import decode_in_any_order
from gritstone_conformance.model.history import check_history
from gritstone_conformance.model.limits import Limits
from gritstone_conformance.model.refusals import Refusal
from gritstone_conformance.model.values import to_json
from gritstone_conformance.replies import Json

__all__ = ["attributed_rule", "rule_alone"]

_ORDER: Final = frozenset({"grit.tree.key-order", "grit.header.order", "grit.mailbox.key-order"})
_ABOUT_CHECKS: Final = frozenset({"flow.check.defects", "flow.check.guard", "flow.check.total"})
_ABOUT_EARLIER: Final = frozenset(
    {
        "harness.hello.any-time",
        "harness.hello.in-force",
        "harness.hello.refused",
        "harness.process.stays",
        "harness.reply.repeatable",
        "harness.state.isolated",
        "harness.state.sequential",
        "harness.store.dir-only",
        "harness.store.reopen",
    }
)
_ABOUT_CODE: Final = ("wit.puppet.", "wit.transition.", "wit.update.", "wit.frozen.")


def attributed_rule(rule: str, step: CaseStep, difference: Difference) -> str:
    """Return the rule that a difference violates.

    Args:
        rule: the rule of the step, or of its case.
        step: the request.
        difference: the first difference in its answer.
    """
    if step.op == "grit.encode" and difference.path == "/bytes":
        return _order_rule(step.args, difference.got) or rule
    if step.op in ("grit.export", "grit.transcode") and difference.path in ("/bytes", "/bundle"):
        unordered = _unordered_rule(difference.got)
        if unordered is not None:
            return unordered
    if step.op == "grit.export" and difference.path == "/bytes" and rule == "runtime.history.bundle":
        return _history_rule(difference.got) or rule
    if step.op == "flow.check" and rule in _ABOUT_CHECKS:
        return _check_rule(rule, step, difference)
    if step.op == "wit.step" and rule.startswith(_ABOUT_CODE) and rule != "wit.transition.class":
        codes = [_code(side, difference.path) for side in (difference.expected, difference.got)]
        if codes.count("proposal") == 1:
            return "wit.proposal.valid"
    return rule


def rule_alone(rule: str, step: CaseStep, difference: Difference, limits: Limits) -> str:
    """Return the rule that the only request of a shrunk case violates.

    Args:
        rule: the rule of the failure.
        step: the only request.
        difference: the first difference in its reply.
        limits: the limits of the implementation.
    """
    if rule not in _ABOUT_EARLIER or step.op not in ("grit.decode", "grit.id"):
        return rule
    try:
        fmt, data = FORMATS[step.args["format"]], decode_bytes(step.args["bytes"])
        fmt.check_size(data, limits.object_bytes)
        if step.op == "grit.decode":
            fmt.decode_within(data, limits.object_bytes)
    except (KeyError, TypeError, NotCanonicalError):
        return rule
    except Refusal as refusal:
        return refusal.defects[0].rule
    return "grit.id.whole" if difference.path == "/id" else "grit.object.round-trip"


def _check_rule(rule: str, step: CaseStep, difference: Difference) -> str:
    """Return the rule that a wrong reply to ``flow.check`` violates, by the codes that it lacks or has too many."""
    wanted = step.expect.get("ok", {}).get("defects")
    got = difference.whole.get("defects") if isinstance(difference.whole, dict) else None
    if not isinstance(got, list):
        return "flow.check.total" if not difference.path else rule
    sides = [{tuple(each) for each in side if isinstance(each, list)} for side in (wanted or [], got)]
    codes = {each[-1] for each in sides[0] ^ sides[1] if each}
    if rule == "flow.check.guard" and "guard" in codes:
        return rule
    return "flow.check.guard" if codes == {"guard"} else "flow.check.defects"


def _code(side: Json, path: str) -> Json:
    if path == "/refused/code":
        return side
    return side.get("code") if isinstance(side, dict) and not path else None


def _history_rule(got: Json) -> str | None:
    """Return the rule that a bundle violates as a history at rest; if it is legal, the rule on injecting."""
    try:
        bundle = scan(decode_bytes(got)) if isinstance(got, str) else None
    except NotCanonicalError:
        return None
    if bundle is None or bundle.defects or not has_history(bundle):
        return None
    findings = check_history(bundle, at_rest=True).findings
    return findings[0].rule if findings else "runtime.agent.inject"


def _order_rule(args: dict[str, Json], got: Json) -> str | None:
    """Return the rule on order that a ``framed-sha256`` encoding violates if its keys are in the request's order."""
    if args.get("format") != FRAMED_SHA256.name or not isinstance(got, str):
        return None
    try:
        value, out_of_order = decode_in_any_order(decode_bytes(got))
    except (NotCanonicalError, Refusal):
        return None
    is_kept = out_of_order and _keys(to_json(value)) == _keys(args.get("object"))
    return out_of_order[0].rule if is_kept else None


def _unordered_rule(got: Json) -> str | None:
    """Return the rule that the objects of a bundle violate if only the order of their keys is wrong."""
    try:
        bundle = scan(decode_bytes(got), lenient=True) if isinstance(got, str) else None
    except NotCanonicalError:
        return None
    if bundle is None or bundle.defects or not bundle.unordered:
        return None
    return next(iter(bundle.unordered.values())).rule


def _keys(value: Json) -> list[Json]:
    """Return the keys of each map in the JSON form of an object, in their order."""
    maps = [value.get(name) for name in ("entries", "headers")] if isinstance(value, dict) else []
    return [[pair[0] for pair in each] for each in maps if isinstance(each, list)]
