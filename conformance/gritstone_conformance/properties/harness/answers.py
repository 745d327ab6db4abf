"""Answers: every request gets one, in order, and a broken request is answered by an error, never by a refusal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from hypothesis import strategies as st

from gritstone_conformance.attachment.protocol import RawArgs
from gritstone_conformance.attachment.reply_shapes import REPLY_SHAPES
from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.judge import answer_of
from gritstone_conformance.properties.harness.probe import (
    ANSWERED,
    DONE,
    ERROR,
    ask_apart,
    claims_grit,
    mixed,
    process_of,
    spoilt,
)
from gritstone_conformance.properties.harness.samples import blob_of, every_request, format_of, opening
from gritstone_conformance.replies import Claims, Json, Trouble, Unsupported
from gritstone_conformance.schemas import fits
from gritstone_conformance.trial import Asked, Property, Trial

__all__ = ["PROPERTIES", "off_schema"]

_FAULT_IS_ERROR: Final = "harness.reply.fault-is-error"
_LATER: Final = frozenset({"image", "session", "flow"})  # profiles to come


def order(trial: Trial) -> None:
    """Replies come in request order with the seq of their request, also when the whole window is unanswered."""
    fmt = format_of(trial.claims)
    asked: list[Asked] = []
    for number in range(2 * trial.claims.limits["window"]):
        blob = blob_of(fmt, b"%d" % number)
        if number % 3 == 0:
            asked.append(("ping", {}, DONE))
        elif number % 3 == 1 or not claims_grit(trial):
            asked.append((f"grit.nothing-{number}", {}, {"unsupported": f"grit.nothing-{number}"}))
        else:
            asked.append(("grit.id", {"format": fmt.name, "bytes": blob.bytes}, {"ok": {"id": blob.id}}))
    trial.expect_many(asked)


_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_NEAR: Final = ("hello2", "pin", "bye.now", "grit", "grit.gett", "grit.i", "grit.open-store", "error", "ok", "x" * 64)
_SOME_ARGS: Final[tuple[dict[str, Json], ...]] = (
    {},
    {"store": "s"},
    {"bytes": "AB", "id": "ABC", "n": 2**53 - 1},
    {"": [[], {}, None, True, "\u0000\U0001f600"]},
    {"deep": [[[[[[[[[[{"a": {"b": {"c": 0}}}]]]]]]]]]]},
)


def _unknown_op(name: str) -> bool:
    return name not in REPLY_SHAPES and name.partition(".")[0] not in _LATER


def _unknown(claims: Claims) -> Mapping[str, st.SearchStrategy[Any]]:
    del claims
    words = st.text(_LETTERS, min_size=1, max_size=12)
    ops = st.builds("{}.{}".format, words, words) | words
    return {"op": st.sampled_from(_NEAR) | ops.filter(_unknown_op), "args": st.sampled_from(_SOME_ARGS)}


def unknown(trial: Trial, op: str, args: dict[str, Json]) -> None:
    """An unknown operation is answered ``unsupported`` with its own name, whatever its arguments are."""
    trial.expect("ping", {}, DONE)
    trial.reach("close to a known one", op in _NEAR)
    trial.reach("with arguments", args)
    reply = trial.observe(op, args)
    if not isinstance(reply, Unsupported):
        trial.fail({"unsupported": op}, answer_of(reply), words="expected unsupported got another answer")
    elif reply.feature != op:
        trial.fail(op, reply.feature, path="/unsupported/feature", words="expected the operation as the feature")


def known(trial: Trial) -> None:
    """Every request that fits the schema and whose claims are made is carried out or refused."""
    trial.expect_many([(op, args, ANSWERED) for op, args in _claimed(trial)])


def unclaimed(trial: Trial) -> None:
    """A request that needs a format or threads that are not claimed is answered ``unsupported`` with their name."""
    for op, args in _claimed(trial):
        named = [member for member, value in args.items() if isinstance(value, str) and value in trial.claims.formats]
        wanted = [({**args, member: _NO_FORMAT}, _NO_FORMAT) for member in named]
        if op == "runtime.start" and "threads" not in trial.claims.features:
            wanted.append(({**args, "workers": 2}, "threads"))
        for changed, feature in wanted:
            reply = trial.observe(op, changed)
            if not isinstance(reply, Unsupported):
                trial.fail({"unsupported": feature}, answer_of(reply), words="expected unsupported got another answer")
            elif reply.feature != feature:
                trial.fail(feature, reply.feature, path="/unsupported/feature", words="another feature is named")


_NO_FORMAT: Final = "no-format"


def fault_is_error(trial: Trial) -> None:
    """Arguments that do not fit the schema are answered ``error`` and never ``refused``; those that fit are not."""
    asked: list[Asked] = []
    well: list[Asked] = []
    before: dict[str, dict[str, Json]] = {}
    for op, args in _claimed(trial):
        asked += [(op, changed, ERROR) for changed in off_schema(op, args, before.get(op, {}))]
        well.append((op, args, ANSWERED))
        before[op] = args
    ask_apart(trial, asked)
    trial.expect_many(well)


def _claimed(trial: Trial) -> list[tuple[str, dict[str, Json]]]:
    hello = process_of(trial.subject).settings.hello_args()
    return every_request(trial.claims, hello, trial.directory(), trial.path())


_NOT_OBJECTS: Final = (None, "null", "[]", "[{}]", "0", '"{}"', "true", "false")
"""JSON texts in place of an object; None: the member is absent."""
_FEW_LEVELS: Final = 4
"""Levels of nested lists that every reader of JSON accepts."""
_LEVELS: Final = (200, 2_000, 20_000)
"""Levels of nested lists: readers of JSON give up at 64, 128, 1,000 or 10,000 levels."""


def bad_args(trial: Trial) -> None:
    """A known operation whose ``args`` are missing or are not an object is answered ``error``, and the talk goes on."""
    trial.expect("ping", {}, DONE)  # an adapter that ends whatever it is asked has another fault
    ops = dict(_claimed(trial))
    _expect_errors(trial, ((op, text) for op in ops for text in _NOT_OBJECTS), "args are not an object")
    if "durable" in trial.claims.features:
        directory = str(Path(trial.directory()) / "store")
        trial.expect(*opening("s", format_of(trial.claims), directory), DONE)
        among = [text for bad in _NOT_OBJECTS for text in (_PUT, _PUT, bad, _PUT)]
        _expect_errors(trial, (("grit.put", text) for text in among), "args are not an object")
    trial.expect_many([(op, args, ANSWERED) for op, args in _claimed(trial)])


_PUT: Final = '{"store":"s"}'  # without bytes: an error too, and it stands between puts that can be read together


def deep_args(trial: Trial) -> None:
    """A known operation whose ``args`` are nested too deeply to be read is answered ``error``, and the talk goes on.

    The same member with a few levels shows whether the adapter accepts it at any depth, which violates another rule.
    """
    trial.expect("ping", {}, DONE)
    ops = dict(_claimed(trial))
    deep = {levels: f'{{"store":{"[" * levels}{"]" * levels}}}' for levels in (_FEW_LEVELS, *_LEVELS)}
    few = [(op, deep[_FEW_LEVELS]) for op in ops]
    _expect_errors(trial, few, "args do not fit the schema", rule=_FAULT_IS_ERROR)
    asked = [(op, deep[levels]) for levels in _LEVELS[:-1] for op in ops]
    _expect_errors(trial, [*asked, ("ping", deep[_LEVELS[-1]])], "args are nested deeply")
    trial.expect("ping", {}, DONE)


def _expect_errors(
    trial: Trial, asked: Iterable[tuple[str, str | None]], what: str, *, rule: str | None = None
) -> None:
    requests = [(op, RawArgs(text)) for op, text in asked]
    try:
        replies = trial.observe_apart(requests)
    except SubjectFault as fault:
        if not fault.cause.startswith("dead:"):
            raise
        trial.fail("error", fault.cause, words=f"the process ended where {what}", rule=rule)
    for (op, args), reply in zip(requests, replies, strict=True):
        if not isinstance(reply, Trouble):
            trial.fail(
                "error",
                f"{type(reply).__name__.lower()} in reply to {op} {args.member()[1:]:.80}",
                words=f"expected error where {what}",
                rule=rule,
            )


def off_schema(op: str, args: dict[str, Json], other: dict[str, Json]) -> list[dict[str, Json]]:
    """Return arguments that do not fit the schema, each once: ``args`` with one place changed, or mixed with others.

    Args:
        op: the operation.
        args: arguments that fit.
        other: others of the same operation; or none.
    """
    found: dict[str, dict[str, Json]] = {}
    for changed in (*spoilt(args), mixed(args, other), mixed(other, args)):
        if repr(changed) not in found and not fits("request", f"args.{op}", changed):
            found[repr(changed)] = changed
    return list(found.values())


PROPERTIES = (
    Property("harness/reply/order", ("harness.reply.order", "harness.reply.one"), order, kind="wire"),
    Property(
        "harness/reply/unknown-op",
        ("harness.reply.total",),
        unknown,
        reach={"with arguments": 0.33},
        given=_unknown,
        examples=30,
    ),
    Property("harness/reply/unclaimed", ("harness.reply.unclaimed",), unclaimed, kind="wire"),
    Property("harness/reply/known-op", ("harness.hello.honest", "harness.reply.total"), known, kind="wire"),
    Property("harness/reply/bad-args", ("harness.reply.bad-args",), bad_args, kind="wire"),
    Property("harness/reply/deep-args", ("harness.reply.deep-args", _FAULT_IS_ERROR), deep_args, kind="wire"),
    Property("harness/reply/fault-is-error", (_FAULT_IS_ERROR,), fault_is_error, kind="wire"),
)
