"""The properties of ``wit`` and ``runtime``: the model passes them, and each planted fault is reported."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatch
from typing import Any

import pytest

from gritstone_conformance.bundled import spec_dir
from gritstone_conformance.model.formats import FRAMED_SHA256
from gritstone_conformance.model.host import ModelHost
from gritstone_conformance.model.refusals import ok, refused
from gritstone_conformance.model.values import from_base64, to_base64
from gritstone_conformance.properties import load_properties
from gritstone_conformance.properties.runtime import extremes, fanning
from gritstone_conformance.properties.runtime.collection import collected
from gritstone_conformance.properties.wit import channels, proposals
from gritstone_conformance.replies import Json
from gritstone_conformance.rules import scan_rules
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Divergence, Property, Trial
from selftests.properties.model_runs import SMALL, run_on_model

ALL = [prop for prop in load_properties() if prop.name.startswith(("wit/", "runtime/")) and prop.kind != "crash"]
TIMED = ("runtime/head/serial-*", "runtime/retry/delay-system-*", "runtime/receipt/out-of-time-*", "wit/channel/flat-*")
"""They measure time, and the model takes none, or as much as is easy to read."""
DURING = (
    *(
        "runtime/stop/bye-*",
        "runtime/away/meanwhile-*",
        "runtime/shared/collected-*",
        "runtime/shared/mark-then-update-*",
    ),
    "runtime/stop/drained-together-*",
)
"""They act while a run is in progress, and a run of the model takes no time."""

LEFT_OUT = (*TIMED, *DURING)
PROPERTIES = [prop for prop in ALL if prop.kind != "crash" and not any(fnmatch(prop.name, name) for name in LEFT_OUT)]
Answer = dict[str, Json]


@pytest.fixture(autouse=True)
def _smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reduce sizes that take seconds."""
    monkeypatch.setattr(channels, "MOST_UNREAD", 64)
    monkeypatch.setattr("gritstone_conformance.model.channels.MOST_UNREAD", 64)
    monkeypatch.setattr(fanning, "_MANY", 500)
    monkeypatch.setattr(proposals, "_MOST_MAIL", 64)
    monkeypatch.setattr(extremes, "_MOST_MAIL", 64)
    monkeypatch.setattr(extremes, "_SENT", 8)


@pytest.mark.parametrize("prop", PROPERTIES, ids=lambda prop: prop.name)
def test_model_passes(prop: Property) -> None:
    run_on_model(prop, ModelHost(limits=SMALL), 2)


def test_names_and_rules_are_sorted() -> None:
    known = {rule.id for rule in scan_rules(spec_dir())}
    names = [prop.name for prop in ALL]
    assert len(set(names)) == len(names)
    for prop in ALL:
        assert set(prop.rules) <= known, prop.name
        assert len(set(prop.rules)) == len(prop.rules), prop.name


BY_VECTORS = {
    "runtime.clock.due",
    "runtime.effect.list",
    "runtime.run.full-together",
    "runtime.run.waiting",
    "runtime.schedule.refused",
    "runtime.start.handle",
}
"""Rules about few inputs, which vectors list, or that permit something."""


def test_every_other_rule_has_a_property() -> None:
    rules = {rule for prop in load_properties() for rule in prop.rules}
    wanted = {rule.id for rule in scan_rules(spec_dir()) if rule.id.startswith(("wit.", "runtime."))}
    assert wanted - rules == BY_VECTORS


def test_collected_actors_leave_nothing_open() -> None:
    two_messages_before_a_genesis = bytes.fromhex("0102" + "0000" + 2 * "030001" + "0001")
    trial = Trial(ModelHost(limits=SMALL), "runtime.collect.collected")
    collected(trial, FRAMED_SHA256, Tape(two_messages_before_a_genesis))
    trial.finish()


class Planted(ModelHost):
    """A model with one fault, which may change the arguments, answer itself, or change the model's answer."""

    def __init__(self, fault: Callable[[Planted, str, dict[str, Any], Callable[[], Answer]], Answer]) -> None:
        super().__init__(limits=SMALL)
        self.fault = fault
        self.kept: dict[str, Any] = {}

    def spawn(self) -> Planted:
        other = Planted(self.fault)
        other.world = self.world
        return other

    def _answer(self, op: str, args: dict[str, Json]) -> Answer:
        return self.fault(self, op, args, lambda: super(Planted, self)._answer(op, args))


Ask = Callable[[], Answer]


def value_of(answer: Answer) -> dict[str, Any]:
    """Return the value of an answer, to be changed in place; an empty one if there is none."""
    found = answer.get("ok")
    return found if isinstance(found, dict) else {}


def lists_newest_first(host: Planted, op: str, args: dict[str, Any], ask: Ask) -> Answer:
    answer = ask()
    value_of(answer).get("ids", []).reverse()
    return answer


def knows_no_fresh_chain(host: Planted, op: str, args: dict[str, Any], ask: Ask) -> Answer:
    answer = ask()
    return ok(ids=value_of(answer)["ids"], fresh=False) if op == "wit.unread" and "ok" in answer else answer


def admits_everything(host: Planted, op: str, args: dict[str, Any], ask: Ask) -> Answer:
    if op != "wit.admit":
        return ask()
    try:
        return ask()
    except Exception:  # noqa: BLE001 - whatever the model rejects
        return ok()


def sees_one_attempt(host: Planted, op: str, args: dict[str, Any], ask: Ask) -> Answer:
    if op == "wit.step":
        args["attempt"] = 1
    return ask()


def knows_one_class(host: Planted, op: str, args: dict[str, Any], ask: Ask) -> Answer:
    answer = ask()
    return refused("rejected", "failed") if op == "wit.step" and "refused" in answer else answer


def merges_nothing(host: Planted, op: str, args: dict[str, Any], ask: Ask) -> Answer:
    answer = ask()
    return ok(core=args["update"]) if op == "wit.merge" and "ok" in answer else answer


def answers_every_query(host: Planted, op: str, args: dict[str, Any], ask: Ask) -> Answer:
    answer = ask()
    if op == "wit.query" and value_of(answer).get("result", "") is None:
        return ok(result=args["step"])
    return answer


def indents_documents(host: Planted, op: str, args: dict[str, Any], ask: Ask) -> Answer:
    answer = ask()
    if op == "wit.openapi" and "ok" in answer:
        return ok(document=to_base64(from_base64(value_of(answer)["document"]).replace(b":", b": ")))
    return answer


def a_query_sets_a_name(host: Planted, op: str, args: dict[str, Any], ask: Ask) -> Answer:
    if op == "wit.query":
        host._handles[args["store"]].store.references["tags/asked"] = bytes.fromhex(args["step"])
    return ask()


def rests_at_once(host: Planted, op: str, args: dict[str, Any], ask: Ask) -> Answer:
    return ok(cause="rest", steps=0, parked=[]) if op == "runtime.run" else ask()


def parks_nobody(host: Planted, op: str, args: dict[str, Any], ask: Ask) -> Answer:
    answer = ask()
    if op == "runtime.run":
        value_of(answer)["parked"] = []
    return answer


def starts_under_any_name(host: Planted, op: str, args: dict[str, Any], ask: Ask) -> Answer:
    if op == "runtime.start" and value_of(host.kept).get(args["store"]):
        args["agent"] = value_of(host.kept)[args["store"]]
    elif op == "runtime.start":
        host.kept.setdefault("ok", {})[args["store"]] = args["agent"]
    return ask()


def takes_receipts(host: Planted, op: str, args: dict[str, Any], ask: Ask) -> Answer:
    if op == "runtime.inject" and ["mt", "receipt"] in args["headers"]:
        args["headers"] = [["mt", "receipts"]]
    return ask()


def offers_mail_backwards(host: Planted, op: str, args: dict[str, Any], ask: Ask) -> Answer:
    answer = ask()
    value_of(answer).get("mail", []).reverse()
    return answer


def acknowledges_nothing(host: Planted, op: str, args: dict[str, Any], ask: Ask) -> Answer:
    return ok() if op == "runtime.ack" else ask()


def lists_choices_backwards(host: Planted, op: str, args: dict[str, Any], ask: Ask) -> Answer:
    answer = ask()
    value_of(answer).get("choices", []).reverse()
    return answer


def collects_nobody(host: Planted, op: str, args: dict[str, Any], ask: Ask) -> Answer:
    return ok(removed=[]) if op == "runtime.collect" else ask()


def answers_as_first(host: Planted, op: str, args: dict[str, Any], ask: Ask) -> Answer:
    answer = ask()
    if op == "runtime.query" and "ok" in answer:
        first: Answer = host.kept.setdefault(f"{args['actor']} {args['name']} {args['args']}", answer)
        return first
    return answer


def keeps_handles(host: Planted, op: str, args: dict[str, Any], ask: Ask) -> Answer:
    return ok() if op == "runtime.stop" else ask()


def has_no_clock(host: Planted, op: str, args: dict[str, Any], ask: Ask) -> Answer:
    return ok(due=0) if op == "runtime.time" else ask()


def offers_no_effects(host: Planted, op: str, args: dict[str, Any], ask: Ask) -> Answer:
    return ok(effects=[]) if op == "runtime.effects" else ask()


FAULTS = [
    (lists_newest_first, "wit.channel.unread", "wit/channel/unread-*"),
    (knows_no_fresh_chain, "wit.channel.superseded", "wit/channel/*"),
    *((admits_everything, rule, "wit/admit/*") for rule in ("wit.admit.previous", "wit.admit.outbox")),
    (admits_everything, "wit.admit.closed", "wit/admit/closures-*"),
    (sees_one_attempt, "wit.transition.attempt", "wit/transition/attempts-*"),
    (knows_one_class, "wit.transition.class", "wit/transition/classes-*"),
    (merges_nothing, "wit.update.merge", "wit/update/merges-*"),
    (answers_every_query, "wit.query.answers", "wit/query/answers-*"),
    (indents_documents, "wit.wut.openapi", "wit/wut/*"),
    (a_query_sets_a_name, "wit.query.pure", "wit/query/pure-*"),
    (rests_at_once, "runtime.route.rest", "runtime/history/*"),
    (parks_nobody, "runtime.fail.mark", "runtime/fail/marked-*"),
    (starts_under_any_name, "runtime.agent.name", "runtime/agent/name-*"),
    (takes_receipts, "runtime.receipt.reserved", "runtime/agent/refused-*"),
    (offers_mail_backwards, "runtime.agent.mail", "runtime/agent/acknowledged-*"),
    (acknowledges_nothing, "runtime.agent.mail", "runtime/agent/acknowledged-*"),
    (lists_choices_backwards, "runtime.schedule.exact", "runtime/schedule/exact-*"),
    (collects_nobody, "runtime.collect.collected", "runtime/collect/collected-*"),
    (answers_as_first, "runtime.query.rest", "runtime/query/rest-*"),
    (answers_as_first, "runtime.query.monotone", "runtime/query/meanwhile-*"),
    (keeps_handles, "runtime.stop.clean", "runtime/stop/handles-*"),
    (has_no_clock, "runtime.retry.delay", "runtime/retry/delay-*"),
    (offers_no_effects, "runtime.effect.open", "runtime/effect/*"),
]


@pytest.mark.parametrize(
    ("fault", "rule", "names"), FAULTS, ids=[f"{fault.__name__}-{rule}" for fault, rule, _ in FAULTS]
)
def test_planted_fault_is_reported_under_its_rule(fault: Any, rule: str, names: str) -> None:
    found = set()
    for prop in PROPERTIES:
        if fnmatch(prop.name, names) and rule not in found:
            try:
                run_on_model(prop, Planted(fault), 30)
            except Divergence as divergence:
                found.add(divergence.rule)
    assert rule in found


def constant(answer: Answer) -> Callable[..., Answer]:
    return lambda *_: dict(answer)


@pytest.mark.rule("suite.property.control", slow=True)
@pytest.mark.parametrize("prop", ALL, ids=lambda prop: prop.name)
def test_constant_answer_passes_no_property(prop: Property) -> None:
    for answer in (refused("invalid"), refused("missing"), ok()):
        with pytest.raises(Divergence):
            run_on_model(prop, Planted(constant(answer)), 3)
