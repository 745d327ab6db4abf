"""An implementation inside this process whose replies are a function, for tests of planning, running and judging.

It records the requests for tests. If the function returns a fault, the later requests get no reply, as with a real
process.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from gritstone_conformance.cases import Case, CaseStep, Requires
from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.replies import Claims, Json, Ok, Refused, Reply
from gritstone_conformance.rules import Rule, RuleBook, text_digest

Answer = Reply | SubjectFault
Request = tuple[str, dict[str, Json]]

HELLO: dict[str, Json] = {
    "protocol": 1,
    "implementation": {"name": "fake", "version": "1", "language": "python"},
    "spec": ["0.6"],
    "formats": ["framed-sha256"],
    "profiles": ["grit"],
    "features": [],
    "limits": {
        "object_bytes": 1 << 20,
        "tree_depth": 1024,
        "cas_names": 64,
        "refs": 10_000,
        "window": 64,
        "frame_bytes": 16 << 20,
    },
}


def fake_claims(**changes: Any) -> Claims:
    raw = {**HELLO, **changes}
    return Claims(
        name="fake",
        version="1",
        language="python",
        formats=tuple(raw["formats"]),
        profiles=tuple(raw["profiles"]),
        features=tuple(raw["features"]),
        limits=raw["limits"],
        raw=raw,
    )


class FakeSubject:
    """A subject that replies with ``answer(op, args)``; a fault other than ``late`` ends its process."""

    def __init__(self, answer: Callable[[str, dict[str, Json]], Answer], claims: Claims | None = None) -> None:
        self.claims = claims or fake_claims()
        self.answer = answer
        self.asked: list[Request] = []
        self.faults: list[SubjectFault] = []
        self.strays: list[SubjectFault] = []
        self.restarts = 0
        self.attached = False
        self.kills = self.deaths = self.log_bytes = 0
        self.closed = False

    def cpu_seconds(self) -> float | None:
        return None

    def queued_seconds(self) -> float | None:
        return None

    def ask(self, op: str, args: dict[str, Json]) -> Reply:
        return self.ask_many([(op, args)])[0]

    def ask_many(self, requests: Sequence[Request]) -> list[Reply]:
        replies: list[Reply] = []
        for answer in self.ask_each(requests):
            if isinstance(answer, SubjectFault):
                raise answer
            replies.append(answer)
        return replies

    def ask_each(self, requests: Sequence[Request]) -> list[Answer]:
        answers: list[Answer] = []
        for op, args in requests:
            self.asked.append((op, args))
            answer = Ok({}) if op == "grit.close" else self.answer(op, args)
            answers.append(answer)
            if isinstance(answer, SubjectFault):
                self.faults.append(answer)
                self.deaths += answer.is_sigkill
                if answer.cause != "late":
                    self.restarts += 1
                    break
        return answers

    def unsent(self, op: str) -> SubjectFault | None:
        return None

    def spawn(self) -> FakeSubject:
        return FakeSubject(self.answer, self.claims)

    def apart(self) -> FakeSubject:
        return self.spawn()

    def hurry(self, *, on: bool) -> None:
        pass

    def allow_guests(self, seconds: float) -> None:
        pass

    def kill(self) -> None:
        self.kills += 1
        self.deaths += 1

    def kill_from_thread(self) -> None:
        self.kills += 1
        self.deaths += 1

    def close(self) -> None:
        self.closed = True

    def peak_rss_bytes(self) -> int | None:
        return None

    def reset_peak_rss(self) -> bool:
        return False

    def lines(self) -> list[str]:
        return [json.dumps(request, sort_keys=True) for request in self.asked]


RULES = (
    "grit.tree.key-order",
    "grit.blob.any",
    "grit.store.flat",
    "harness.frame.line",
    "harness.reply.order",
)


def fake_book(rules: Sequence[str] = RULES, **levels: str) -> RuleBook:
    """Return a rule book; ``levels`` maps the last segment of an id (``_`` for ``-``) to a level other than MUST."""
    made = {}
    for rule in sorted(rules):
        level = levels.get(rule.rsplit(".", 1)[1].replace("-", "_"), "MUST")
        text = f"An implementation {level} keep {rule}."
        made[rule] = Rule(rule, level, "0.1", (), text, text_digest(text), "grit/objects")
    return RuleBook("0.1", made, {}, "0" * 64)


def accept(name: str = "grit/tree/good", *, rule: str = "grit.tree.key-order", value: Json = 1, **members: Any) -> Case:
    """Return a case of one step that expects ``ok`` with a value; the request contains the name of the case."""
    step = CaseStep("grit.id", {"n": name}, {"ok": {"id": value}})
    return Case(name, (rule,), members.pop("requires", Requires()), members.pop("steps", (step,)), **members)


def reject(name: str = "grit/tree/bad", *, twin: str = "grit/tree/good", rule: str = "grit.tree.key-order") -> Case:
    """Return a case of one step that expects a refusal."""
    step = CaseStep("grit.id", {"n": name}, {"refused": "invalid"})
    edit: dict[str, Json] = {"step": 0, "arg": "n", "path": "", "was": twin, "now": name}
    return Case(name, (rule,), Requires(), (step,), twin=twin, edit=edit)


def honest(op: str, args: dict[str, Json]) -> Answer:
    """Reply to the cases of :func:`accept` and :func:`reject` as expected."""
    del op
    return Refused("invalid") if "bad" in str(args.get("n")) else Ok({"id": 1})
