"""The ladder of ``gritstone doctor``: simple checks (*rungs*) in order, from the start of the adapter to its restart.

For a bad rung the request, the reply and advice are shown, so that the user can distinguish a fault of the adapter from
one of the implementation. The run continues after a wrong reply, because its author may be unable to change it. It ends
only if no further request is possible: no start, no ``hello``, no claim, or a second request that hangs. No result is a
verdict.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Final, TypeVar

from gritstone_conformance import SPEC_VERSIONS
from gritstone_conformance.attachment.connection import Address
from gritstone_conformance.attachment.settings import AttachSettings
from gritstone_conformance.attachment.subject import Subject
from gritstone_conformance.attachment.target import Target
from gritstone_conformance.cases import CaseStep
from gritstone_conformance.doctor.actor_rungs import actor_rungs
from gritstone_conformance.doctor.flow_rungs import flow_rungs
from gritstone_conformance.doctor.guest_rungs import guest_rungs
from gritstone_conformance.doctor.image_rungs import image_rungs
from gritstone_conformance.doctor.rungs import Rung, reopening, rungs_for
from gritstone_conformance.doctor.sandbox_rungs import sandbox_rungs
from gritstone_conformance.doctor.session_rungs import session_rungs
from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.folders import fresh_folder, remove_folder
from gritstone_conformance.judge import Difference, compare, substitute
from gritstone_conformance.replies import Json
from gritstone_conformance.reporting.messages import subject_line
from gritstone_conformance.results.excerpts import show_difference, show_request
from gritstone_conformance.text import printable, unfolded

__all__ = ["ADVICE", "GRACE", "BadRungError", "UnaskedRung", "climb"]

_T = TypeVar("_T")
ADVICE: Final = {
    "harness.frame.stdout-clean": "logs and banners belong on stderr; stdout carries replies only",
    "harness.frame.flush": "flush stdout after each reply; buffered output waits for more",
    "harness.frame.line": "write one JSON object per line, UTF-8, ended by one LF, without CR or BOM",
    "harness.frame.limit": "no reply line may be longer than `frame_bytes`",
    "harness.json.plain": "no fractions, no integers beyond 2^53-1, each member once",
    "harness.reply.order": "copy `seq` from the request; reply in the order of the requests",
    "harness.reply.one": "write exactly one reply per request and nothing else",
    "harness.reply.one-answer": "a reply has `seq` and exactly one of ok, refused, unsupported, error",
    "harness.reply.class-closed": "the classes are malformed, invalid, missing, rejected, exhausted",
    "harness.bytes.canonical": "base64url without padding, ids as 64 lower-case hex digits",
    "harness.hello.any-time": "compare the reply to `hello` with reply-ok.schema.json, member by member",
    "harness.hello.closed": "also claim the profiles and features on which each of them depends",
    "harness.hello.limits": "each limit has a floor; `object_bytes` must fit in `frame_bytes`",
    "harness.hello.honest": "claim only operations that the adapter supports",
    "harness.hello.stable": "each process of the command must answer `hello` equally",
    "sandbox.hello.floor": "claim at least one `sandbox.abi.*`, and `sandbox.fuel` or `sandbox.time`",
    "harness.process.ends": "after `bye`, or at the end of stdin, exit with code 0 within 5 s",
    "harness.process.group": "keep the processes that you start in your process group, and end them before you end",
}
_CAUSES: Final = (
    ("dead:", "the process exited: see the end of stderr; run the command by hand and type a request line"),
    ("hung:partial", "the reply has no LF at its end, or the rest of it was not flushed"),
    ("hung:spinning", "it computes without end: see the last request"),
    ("hung:", "no reply: read stdin line by line, and flush stdout after each reply"),
    ("late", "the reply was too late: `--deadline-scale` gives more time for debugging"),
    ("adapter", "it answered `error`: the adapter reports a fault of its own"),
    ("memory", "it uses more memory than `--max-rss` allows"),
)
GRACE: Final = 0.2  # of a deadline: how late a reply would arrive is not measured here
_BASES: Final = frozenset(("grit", "sandbox", "flow.pure"))  # one of which every useful claim has
_LONG: Final = 65_535  # characters of arguments: more than some line readers accept
_PATIENCE_S: Final = 3.0  # before the reason for waiting is printed


_MOST_HANGS: Final = 2  # rungs without a reply
_RUNGS: Final = (rungs_for, actor_rungs, guest_rungs, session_rungs, flow_rungs, image_rungs, sandbox_rungs)


class BadRungError(Exception):
    """A rung is bad.

    Attributes:
        lines: the observation, and advice.
        cause: the cause if the implementation broke, or None if its reply was wrong.
        is_lacking: whether it answered ``unsupported``.
    """

    def __init__(self, *lines: str, cause: str | None = None, is_lacking: bool = False) -> None:
        super().__init__(lines[0])
        self.lines = lines
        self.cause = cause
        self.is_lacking = is_lacking


@dataclass(frozen=True, slots=True)
class UnaskedRung:
    """A rung that was not run, with the reason."""

    why: str


def climb(target: Target, attach_settings: AttachSettings) -> Iterator[tuple[str, str | BadRungError | UnaskedRung]]:
    """Yield each rung with its result; raise BadRungError if no further request is possible."""
    yield "start", _start(target)
    with _reported_delay(attach_settings):
        subject = _guarded("hello", lambda: Subject(target.opener(), attach_settings))
    try:
        yield "hello", _hello_words(subject)
        yield "flush", _flush(subject)
        if not _BASES.intersection(subject.claims.profiles + subject.claims.features):
            raise BadRungError(*_unclaimed(subject))
        hangs = 0
        for name, ask in _questions(subject):
            if hangs == _MOST_HANGS or subject.given_up is not None:
                yield name, UnaskedRung(subject.given_up or f"{hangs} rungs hung")
                continue
            try:
                yield name, ask()
            except BadRungError as bad:
                hangs += bad.cause is not None and bad.cause.startswith(("hung:", "late"))
                subject.kill()  # the next rung starts in a fresh process, without the open stores of this one
                yield name, bad
    finally:
        subject.close()


def _questions(subject: Subject) -> Iterator[tuple[str, Callable[[], str]]]:
    """Yield the rungs for an implementation with claims; each raises BadRungError if it is bad."""
    for rung in chain(*(rungs(subject.claims) for rungs in _RUNGS)):
        yield rung.name, partial(_ask, subject, rung)
    yield "restart", partial(_restart, subject)


def _start(target: Target) -> str:
    opener = target.opener()
    if isinstance(opener, Address):
        return f"will connect to {opener}"
    process = opener.open()
    ended = process.wait_exit(0.1)
    word = process.kill()
    if ended:
        advice = _advice(f"dead:{word}", None)
        raise BadRungError(f"start BAD: it exited ({word}) before the first request", *advice)
    return f"{opener}"


@contextmanager
def _reported_delay(attach_settings: AttachSettings) -> Iterator[None]:
    """Print the reason for waiting, and the maximum time, after a delay."""
    deadline_s = attach_settings.deadline_s("hello", 0)
    longest = "without limit" if deadline_s is None else f"up to {deadline_s * (1 + attach_settings.grace):.0f} s"
    words = f"   no reply to hello yet, waiting {longest}: flush stdout after each reply"
    timer = threading.Timer(_PATIENCE_S, print, (words,), {"flush": True})
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _hello_words(subject: Subject) -> str:
    breaches = [fault for fault in subject.faults if fault.rule is not None]
    if breaches:
        raise BadRungError(f"hello BAD: {breaches[0]}", *_advice(breaches[0].cause, breaches[0].rule))
    return "   ".join((subject_line(subject.claims.raw), *subject.notes))


def _unclaimed(subject: Subject) -> tuple[str, ...]:
    raw = subject.claims.raw
    if _BASES.intersection(raw["profiles"] + raw["features"]):
        versions = " or ".join(f'"{version}"' for version in SPEC_VERSIONS)
        return (
            "claims BAD: this suite supports no version in `spec`, so nothing is claimed",
            f"add {versions} to `spec`",
        )
    return (
        "claims BAD: profile grit is not claimed",
        "advice    all requests were answered correctly. To be tested, claim `grit` in `profiles` with its limits,",
        "          answer grit.id, and run the doctor again: it shows the first wrong replies",
    )


def _flush(subject: Subject) -> str:
    for _ in range(3):
        _guarded("flush", lambda: subject.ask("ping", {}))
    _guarded("flush", lambda: subject.ask_many([("ping", {})] * subject.claims.limits["window"]))
    return f"requests sent one at a time, then {subject.claims.limits['window']} at once"


def _restart(subject: Subject) -> str:
    faults = len(subject.faults)
    directory = fresh_folder()
    try:
        durable = reopening(subject.claims, directory)
        if durable is not None:
            _ask(subject, Rung("restart", durable[0], "a durable store is created in the given directory"))
        _guarded("restart", lambda: subject.ask("bye", {}))
        after = durable[1] if durable is not None else (CaseStep("ping", {}, {"ok": {}}),)
        _ask(subject, Rung("restart", after, "the next process must find confirmed data"))
    finally:
        remove_folder(directory)
    broken = subject.faults[faults:]
    if broken:
        raise BadRungError(f"restart BAD: {broken[0]}", *_advice(broken[0].cause, broken[0].rule))
    return "bye, a new process, hello again" + (", references still there" if durable is not None else "")


def _ask(subject: Subject, rung: Rung) -> str:
    bindings: dict[str, Json] = {}
    for asked in rung.steps:
        step = replace(asked, args=substitute(asked.args, bindings))
        reply = _guarded(rung.name, partial(subject.ask, step.op, step.args), step, rung.silence)
        difference = compare(step.expect, reply, bindings)
        if difference is not None:
            lacking = isinstance(difference.got, dict) and "unsupported" in difference.got
            raise BadRungError(*_difference_lines(rung, step, difference, lacking=lacking), is_lacking=lacking)
    return ""


def _difference_lines(rung: Rung, step: CaseStep, difference: Difference, *, lacking: bool) -> Sequence[str]:
    sides = _outcomes(difference) or show_difference(difference.path, difference.expected, difference.got, 100)
    seen = [f"{label:<9} {text}" for label, text in sides]
    seen += [f"message   {printable(difference.message)}"] if difference.message else []
    advice = f"a claim in `hello` requires {step.op}: implement it, or remove the claim" if lacking else rung.advice
    if isinstance(difference.got, dict) and "error" in difference.got:
        advice = "`error` means that the adapter failed or rejected the arguments: see its message"
    first = f"{rung.name} BAD: {show_request(step.op, step.args, 100)}"
    return first, *seen, f"advice    {advice}", *_rule_line(step.rule)


def _outcomes(difference: Difference) -> list[tuple[str, str]]:
    """Return the expected outcomes of a sandbox and the received one; empty if the difference is another one."""
    match difference.expected, difference.got:
        case {"any": [*options]}, {"ok": {"outcome": str(outcome)}}:
            known = [option["ok"]["outcome"] for option in options if "outcome" in option.get("ok", {})]
            if len(known) == len(options) and outcome not in known:
                return [("path", "/outcome"), ("expected", " or ".join(known)), ("got", printable(outcome))]
    return []


def _rule_line(rule: str | None) -> tuple[str, ...]:
    return (f"rule      {rule}: `gritstone show {rule}`",) if rule else ()


def _guarded(name: str, ask: Callable[[], _T], step: CaseStep | None = None, silence: str = "") -> _T:
    try:
        return ask()
    except SubjectFault as fault:
        asked = () if step is None else (f"asked     {show_request(step.op, step.args, 100)}",)
        advice = _advice(fault.cause, fault.rule)
        if fault.rule is None and step is not None and len(str(step.args)) > _LONG:
            advice = ("advice    a line may be as long as `frame_bytes`: check the limit of your line reader",)
        elif fault.rule is None and step is not None and silence and fault.cause.startswith(("dead:", "hung:", "late")):
            advice = (f"advice    {silence}", *_rule_line(step.rule))
        raise BadRungError(*unfolded(f"{name} BAD: {fault}"), *asked, *advice, cause=fault.cause) from fault


def _advice(cause: str, rule: str | None) -> tuple[str, ...]:
    if rule in ADVICE:
        return (f"advice    {ADVICE[rule]}", *_rule_line(rule))
    return tuple(f"advice    {words}" for start, words in _CAUSES if cause.startswith(start))[:1]
