"""The audits of images: legal histories, and the same with the newest operation forged.

    python -m selftests.vectors.image_audits

writes ``vectors/audit/image.json``. A test compares the file with what this module makes. A forger is careful: what is
altered is consistent with the record and the journal, as far as the fault allows it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from gritstone_conformance.attachment.base64url import encode_bytes
from gritstone_conformance.bundled import vectors_dir
from gritstone_conformance.model.formats import FORMATS, FRAMED_SHA256, Format
from gritstone_conformance.model.image.record import COMMITTED
from gritstone_conformance.model.values import Mailbox, Message, Step
from gritstone_conformance.strategies.image import ops
from selftests.vectors.image_histories import ImageHistory
from selftests.vectors.vector_writer import origin_of

__all__ = ["audits_text"]

Script = Callable[[ImageHistory], object]
_JOURNAL: Final = (17, "journal")
_OPERATION: Final = (18, "operation")


@dataclass(frozen=True, slots=True)
class _Forgery:
    """One history and its twin.

    Attributes:
        check: the number of the check and the fault of its finding.
        rule: the rule of the finding, without ``image.``.
        common: makes the operations that both have.
        legal: makes the rest of the legal history.
        forged: makes the rest of the forged one; by default that of the legal one, which ``alter`` alters.
        alter: alters the newest operation.
        path: where an auditor finds the fault: ``record``, the name of a reference, or a letter and a path of its step.
        comment: what is wrong.
        letters: the actors of the image.
    """

    check: tuple[int, str]
    rule: str
    comment: str
    legal: Script
    alter: Script
    path: str = "record"
    common: Script = lambda history: None
    forged: Script | None = None
    letters: str = "ABC"

    def histories(self, fmt: Format) -> tuple[ImageHistory, ImageHistory]:
        """Return the legal history and the forged one."""
        legal, forged = (ImageHistory(fmt, self.letters) for _ in range(2))
        for history in (legal, forged):
            self.common(history)
        self.legal(legal)
        (self.forged or self.legal)(forged)
        self.alter(forged)
        return legal, forged

    def place(self, history: ImageHistory) -> str:
        """Return the path of the finding."""
        if self.path == "record":
            return f"heads/{history.kernel.hex()}~0/core/op"
        if self.path == "agent":
            return f"heads/{history.agent.hex()}"
        space, _, rest = self.path.partition("/")
        if space == "failed":
            return f"failed/{history.actors[rest].hex()}"
        return f"heads/{history.actors[space].hex()}~0/{rest}"


def _nothing(history: ImageHistory) -> None:
    """Leave the history as it is."""


def _play(text: str, ends: str = COMMITTED) -> Script:
    def script(history: ImageHistory) -> None:
        found = history.play(text)
        assert found == ends, f"{text}: {found}"

    return script


def _both(*scripts: Script) -> Script:
    def script(history: ImageHistory) -> None:
        for each in scripts:
            each(history)

    return script


# --- check 17: the journal ---------------------------------------------------------------------------------------


def _other_start(history: ImageHistory) -> None:
    """Make R send a second message in operation 0."""
    last = history.step_of(history.agent)
    other = history.stage.actor("other")
    history.fill()
    message = history.add(Message(None, (("mt", "genesis"),), other))
    outbox = {**history.shelf.mail(last.outbox), other: message}
    history.set_head(history.agent, history.add(replace(last, outbox=history.mailbox(outbox))))


def _two_records(history: ImageHistory) -> None:
    """Make R send K a second record in the same step, which K does not read."""
    last = history.step_of(history.agent)
    outbox = dict(history.shelf.mail(last.outbox))
    message = history.shelf.message(outbox[history.kernel])
    outbox[history.kernel] = history.add(Message(outbox[history.kernel], message.headers, message.content))
    history.set_head(history.agent, history.add(replace(last, outbox=history.mailbox(outbox))))


def _more_sent(history: ImageHistory) -> None:
    """Make R send a post in an operation that has a root."""
    actor = history.actors["B"]
    previous = history.shelf.mail(history.step_of(history.agent).outbox)[actor]
    content = history.stage.draft().seal()
    history.fill()
    message = history.add(Message(previous, (("mt", "run"),), content))
    history.rewrite(sends={actor: message})


def _agent_alone(history: ImageHistory) -> None:
    """Make R take a step that no record has."""
    last, actor = history.step_of(history.agent), history.actors["B"]
    outbox = dict(history.shelf.mail(last.outbox))
    content = history.stage.draft().seal()
    history.fill()
    outbox[actor] = history.add(Message(outbox[actor], (("mt", "run"),), content))
    step = Step(history.head(history.agent), history.agent, last.inbox, history.mailbox(outbox), last.core)
    history.set_head(history.agent, history.add(step))


def _marked(history: ImageHistory) -> None:
    """Mark the actor that has an unread post."""
    actor = history.actors["B"]
    tip = history.shelf.mail(history.step_of(history.agent).outbox)[actor]
    mark = history.add(Mailbox(((history.agent, tip),)))
    history.store.references[f"failed/{actor.hex()}"] = mark


def _older_head(history: ImageHistory) -> None:
    """Make the line ``head`` begin one step earlier."""
    ((actor, old, new),) = history.record.heads
    assert old is not None
    history.rewrite(heads=((actor, history.shelf.step(old).previous, new),))


_POST: Final = _play("A{post B{x=1}}")
_FORGERIES: Final[dict[str, _Forgery]] = {
    "start": _Forgery(
        _JOURNAL, "start.made", "R sends a second message in operation 0", _nothing, _other_start, letters=""
    ),
    "pairs": _Forgery(_JOURNAL, "op.one-step", "R sends the record twice in one step", _play("A{x=1}"), _two_records),
    "record-number": _Forgery(
        _JOURNAL,
        "op.record",
        "the record has the number of the next operation",
        _play("A{x=1}"),
        lambda history: history.rewrite(seq=history.record.seq + 1),
    ),
    "record-text": _Forgery(
        _JOURNAL,
        "op.record",
        "the record has a blank more",
        _play("A{x=1}"),
        lambda history: history.rewrite(history.record.encode().replace(b"seq ", b"seq  ")),
    ),
    "record-order": _Forgery(
        _JOURNAL,
        "op.record",
        "the lines `head` are descending",
        _play("A{x=1 join B{x=1}}"),
        lambda history: history.rewrite(heads=history.record.heads[::-1]),
    ),
    "clock-back": _Forgery(
        _JOURNAL,
        "clock.forward",
        "the clock goes back",
        _play("A{x=1}"),
        lambda history: history.rewrite(clock=999),
        common=lambda history: history.image.clock(1000),
    ),
    "clock-in-an-operation": _Forgery(
        _JOURNAL,
        "clock.forward",
        "an operation with a root moves the clock",
        _play("A{x=1}"),
        lambda history: history.rewrite(clock=1),
    ),
    "fold": _Forgery(
        _JOURNAL,
        "serial.chain",
        "a line `head` begins at an older step",
        _play("A{x=2}"),
        _older_head,
        common=_play("A{x=1}"),
    ),
    "sends": _Forgery(
        _JOURNAL, "op.one-step", "R sends a post in an operation with a root", _play("A{x=1}"), _more_sent
    ),
    "side": _Forgery(
        _JOURNAL, "op.only-writer", "R makes a step that no record has", _play("A{x=1}"), _agent_alone, path="agent"
    ),
    "mark": _Forgery(
        _JOURNAL,
        "runtime.run",
        "an actor is marked as failed",
        lambda history: history.post("B", history.stage.draft().seal()),
        _marked,
        path="failed/B",
    ),
}


# --- check 18: the operations --------------------------------------------------------------------------------------


def _crowd(history: ImageHistory) -> None:
    """Merge the two steps of B into one that reads both messages."""
    actor = history.actors["B"]
    last = history.step_of(actor)
    assert last.previous is not None
    history.replace_step(actor, replace(last, previous=history.shelf.step(last.previous).previous))


def _timers(*contents: str) -> Script:
    def script(history: ImageHistory) -> None:
        draft = history.stage.draft()
        for content in contents:
            draft.join(ops.ACTOR, "image.timer", history.stage.text(content))
        assert history.order("A", draft) == COMMITTED

    return script


def _denied(letter: str, mt: str) -> Script:
    """Return a request to C, which has no capability, or to A, whose message B does not admit."""

    def script(history: ImageHistory) -> None:
        draft = history.stage.draft().write("y", "1").join(history.actors["B"], mt, history.stage.empty())
        history.order(letter, draft)

    return script


def _to_c(history: ImageHistory) -> None:
    draft = history.stage.draft().write("y", "1").join(history.actors["C"], "job", history.stage.empty())
    assert history.order("A", draft) == "rejected/entry"


def _escalating(history: ImageHistory) -> None:
    stage, owner = history.stage, history.actors["A"]
    other = stage.actor("other", owner=history.actors["B"], granter=owner)
    assert history.order("A", stage.draft().write("y", "1").join(other, "genesis", other)) == "rejected/escalation"


def _located(history: ImageHistory) -> None:
    assert history.order("A", history.stage.draft().write("y", "1").write("code/x", "1")) == "rejected/location"


def _stale(history: ImageHistory) -> None:
    program = history.stage.draft().write("y", "1").seal()
    found = history.request((history.actors["A"], "run", program), expect=history.actors["B"].hex())
    assert found == "rejected/stale", found


def _nested(history: ImageHistory) -> None:
    program = history.stage.draft().write("y", "1").seal()
    for _ in range(17):
        program = history.stage.draft().save(ops.ACTOR, "run", program).seal()
    assert history.request((history.actors["A"], "run", program)) == "exhausted/depth"


def _many_timers(history: ImageHistory) -> None:
    draft = history.stage.draft().write("y", "1")
    for _ in range(101):
        draft.join(ops.ACTOR, "image.timer", history.stage.text("9 tick"))
    assert history.order("A", draft) == "exhausted/timers"


def _outcome(rule: str, comment: str, legal: Script, letter: str = "A") -> _Forgery:
    """Return an operation that has to fail, and is recorded as one that committed."""
    return _Forgery(_OPERATION, rule, comment, legal, lambda history: history.as_committed(letter))


_FORGERIES.update(
    {
        "crowded": _Forgery(
            _OPERATION,
            "op.step",
            "one step reads two messages",
            _play("A{join B{x+1} join B{x+1}}"),
            _crowd,
            path="B/inbox",
        ),
        "next-post": _Forgery(
            _OPERATION,
            "post.order",
            "the second post runs before the first one",
            lambda history: history.image.run(1),
            _nothing,
            common=_play("A{post B{x=1} post C{x=1}}"),
            forged=lambda history: history.run_post(1),
        ),
        "timer-not-due": _Forgery(
            _OPERATION,
            "timer.due",
            "a timer fires before it is due",
            lambda history: history.image.clock(50),
            _nothing,
            common=_timers("50 tick"),
            forged=lambda history: history.fire("A", 0),
        ),
        "timer-out-of-order": _Forgery(
            _OPERATION,
            "timer.order",
            "the timer that is due later fires first",
            lambda history: history.fire("A", 0),
            _nothing,
            common=_both(_timers("9 tick", "5 tick"), lambda history: history.image.clock(50)),
            forged=lambda history: history.fire("A", 1),
        ),
        "root-with-a-mode": _Forgery(
            _OPERATION,
            "op.roots",
            "a request has the header `op`",
            lambda history: history.request_with("A", history.stage.draft().write("x", "1").seal()),
            _nothing,
            forged=lambda history: history.request_with("A", history.stage.draft().write("x", "1").seal(), op="join"),
        ),
        "sent-without-a-capability": _outcome(
            "cap.send", "C has no capability, and its operation commits", _denied("C", "run"), "C"
        ),
        "given-more-than-held": _outcome(
            "cap.attenuate", "A creates an actor of another owner, and its operation commits", _escalating
        ),
        "not-admitted": _outcome("entry.declared", "C does not admit A, and the operation commits", _to_c),
        "reserved-path": _outcome("location.reserved", "a program writes to code, and its operation commits", _located),
        "stale": _outcome("op.expect", "another core is expected, and the operation commits", _stale),
        "out-of-fuel": _outcome(
            "fuel.exact",
            "the operation needs more fuel than its limit, and commits",
            _play("A{y=1 ~100000}", "exhausted/fuel"),
        ),
        "above-a-quota": _outcome("quota.hard", "the timers are above the quota", _many_timers),
        "too-deep": _outcome("op.limits", "17 savepoints are within each other", _nested),
        "fails-by-itself": _outcome(
            "op.report", "the program fails, and its operation commits", _play("A{y=1 !}", "rejected/failed")
        ),
        "denied-without-a-reason": _Forgery(
            _OPERATION,
            "cap.send",
            "the operation commits, and is recorded as denied",
            _play("A{x=1}"),
            lambda history: history.as_failed("rejected/capability"),
        ),
        "other-failure": _Forgery(
            _OPERATION,
            "op.report",
            "another code of the failure is recorded",
            _play("A{x=1 !}", "rejected/failed"),
            lambda history: history.as_failed("rejected/limit"),
        ),
        "fuel": _Forgery(
            _OPERATION,
            "fuel.exact",
            "the record has a unit of fuel less",
            _play("A{x=1}"),
            lambda history: history.rewrite(fuel=history.record.fuel - 1),
        ),
        "savepoint": _Forgery(
            _OPERATION,
            "op.report",
            "the line of a savepoint is missing",
            _play("A{save B{!}}"),
            lambda history: history.rewrite(savepoints=()),
        ),
        "failure-step": _Forgery(
            _OPERATION,
            "op.failure-step",
            "the failure step changes the core",
            _play("A{x=1 !}", "rejected/failed"),
            lambda history: history.alter("A", "x", b"1"),
            path="A/core/x",
        ),
        "step": _Forgery(
            _OPERATION,
            "history.operation",
            "the program writes 1, the core has 2",
            _play("A{x=1}"),
            lambda history: history.alter("A", "x", b"2"),
            path="A/core/x",
        ),
        "read": _Forgery(
            _OPERATION,
            "history.operation",
            "the line of a core that was read is missing",
            lambda history: history.order("A", history.stage.draft().read(history.actors["B"], "name", "x")),
            lambda history: history.rewrite(reads=()),
        ),
        "left": _Forgery(
            _OPERATION,
            "op.rest",
            "a message of R is a join that is not read",
            lambda history: history.post("A", history.stage.draft().seal()),
            _nothing,
            forged=lambda history: history.post("A", history.stage.draft().seal(), op="join"),
        ),
    }
)


# --- legal histories that an auditor cannot verify whole --------------------------------------------------------------


def _erase_program(history: ImageHistory) -> None:
    message = history.shelf.message(history.root()[2])
    history.store.erase(history.shelf.names(message.content)["program"])


def _erase_record(history: ImageHistory) -> None:
    history.store.erase(history.shelf.names(history.step_of(history.kernel).core)["op"])


def _genesis_fails(history: ImageHistory) -> None:
    actor = history.stage.actor("new", limits={"fuel": 0})
    assert history.request((actor, "genesis", actor)) == "exhausted/fuel"


_UNVERIFIED: Final[dict[str, tuple[Script, str, str, int]]] = {
    "erased-program": (
        _both(_play("A{x=1}"), _erase_program),
        "history.operation",
        "the program of a request was erased after it had run",
        1,
    ),
    "erased-record": (
        _both(_play("A{x=1}"), _erase_record),
        "history.journal",
        "the newest record was erased",
        1,
    ),
    "genesis-that-failed": (
        _genesis_fails,
        "history.operation",
        "R did not send the root, a genesis, because the operation failed",
        1,
    ),
    "everything": (
        _both(
            _play("A{x=1 save B{y=1 !} post C{z=1} join B{y=2}}"),
            _timers("5 tick"),
            lambda history: history.image.clock(9),
            lambda history: history.image.run(99),
            lambda history: history.image.rollback(1),
        ),
        "history.operation",
        "a savepoint that failed, a post, a timer and a rollback",
        0,
    ),
}


def _audits(fmt: Format) -> Iterator[dict[str, Any]]:
    suffix = "" if fmt is FRAMED_SHA256 else "-in-cbor"
    for name, forgery in _FORGERIES.items():
        legal, forged = forgery.histories(fmt)
        number, fault = forgery.check
        rule = f"image.{forgery.rule}"
        check = f"image.history.{fault}"
        shared = {
            "rules": [*dict.fromkeys((rule, check))],
            "format": fmt.name,
            "origin": origin_of("image_audits"),
        }
        twin = {"name": f"audit/image/{name}-legal{suffix}", "finding": None, "comment": "not forged"}
        yield {**shared, **twin, "bundle": encode_bytes(legal.bundle())}
        finding = {"check": number, "fault": fault, "rule": rule, "path": forgery.place(forged)}
        named = {"name": f"audit/image/{name}{suffix}", "finding": finding, "twin": twin["name"]}
        yield {**shared, **named, "bundle": encode_bytes(forged.bundle()), "comment": forgery.comment}
    for name, (script, rule, comment, unverified) in _UNVERIFIED.items():
        history = ImageHistory(fmt)
        script(history)
        yield {
            "name": f"audit/image/{name}{suffix}",
            "rules": [f"image.{rule}"],
            "format": fmt.name,
            "finding": None,
            "unverified": unverified,
            "origin": origin_of("image_audits"),
            "comment": comment,
            "bundle": encode_bytes(history.bundle()),
        }


def audits_text() -> str:
    """Return the file."""
    audits = [audit for fmt in FORMATS.values() for audit in _audits(fmt)]
    head = {"$schema": "urn:gritstone:schema:0.6:audits", "spec": "0.6", "topic": "image", "count": len(audits)}
    return json.dumps({**head, "audits": audits}, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(not (vectors_dir() / "audit/image.json").write_text(audits_text(), encoding="utf-8"))
