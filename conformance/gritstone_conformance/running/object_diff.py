"""The difference between the objects that two ids name: the first field that differs.

If a transition is wrong, the answer has another id than expected, which does not show what is wrong. So the case is
sent again, to a separate process and to the model. The received object is read from the implementation with
``grit.get``, the expected one from the model. If the first field that differs contains ids, the objects that they name
are compared next.

The result is text for the user: no verdict depends on it, and faults of the separate process are not reported.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from typing import Final, Protocol

from gritstone_conformance.cases import CaseStep
from gritstone_conformance.errors import DataError, SubjectFault
from gritstone_conformance.judge import Difference, compare, difference_of, substitute
from gritstone_conformance.model.formats import FORMATS, Format
from gritstone_conformance.model.limits import Limits
from gritstone_conformance.model.refusals import Refusal
from gritstone_conformance.model.values import Object, from_base64, kind_of, to_json
from gritstone_conformance.model.wasm_host import GuestHost
from gritstone_conformance.replies import Json, Ok, Refused, Reply
from gritstone_conformance.running.decoded_diff import field_difference
from gritstone_conformance.running.ledger import CannotRestartError, ObservedSubject
from gritstone_conformance.running.temporary_paths import TemporaryPaths, names_in
from gritstone_conformance.schemas import fits
from gritstone_conformance.text import printable

__all__ = ["first_different_field"]

_ID: Final = re.compile(r"[0-9a-f]{64}")
_MOST_STEPS: Final = 1_000  # of a case that is sent again
_MOST_SECONDS: Final = 10.0  # for each of the two sides
_MOST_OBJECTS: Final = 32  # that are compared, along a path of ids
_DIGITS: Final = 12  # of an id


def first_different_field(steps: Sequence[CaseStep], difference: Difference, subject: ObservedSubject) -> str | None:
    """Return text that names the first field in which the objects of two different ids differ.

    Args:
        steps: the case up to the request with the wrong answer.
        difference: the expected and the received value.
        subject: the subject of the run; its process is not used.

    Returns:
        None if the difference is not between two ids, if the last request names no store, and if the case cannot be
        sent again.
    """
    expected, got, store = difference.expected, difference.got, _store_of(steps)
    if not (_is_id(expected) and _is_id(got)) or store is None or len(steps) > _MOST_STEPS:
        return None
    try:
        process = subject.apart()
    except (CannotRestartError, SubjectFault):
        return None
    model, implementation = _Side(GuestHost(limits=Limits.of(subject.claims.limits))), _Side(process)
    try:
        again = implementation.send(steps)
        model.send(steps)
        if again is None or again.got != got:
            return None
        return "; ".join(_Comparison(model, implementation, *store).sentences(expected, got)) or None
    except SubjectFault:
        return None
    finally:
        model.places.remove()
        implementation.places.remove()
        process.refresh()


class _Asked(Protocol):
    def ask(self, op: str, args: dict[str, Json]) -> Reply:
        """Send one request and return its reply."""


class _Side:
    """The implementation or the model, with the values that a case bound."""

    def __init__(self, asked: _Asked) -> None:
        self.asked = asked
        self.places = TemporaryPaths()
        self._bindings: dict[str, Json] = {}

    def send(self, steps: Sequence[CaseStep]) -> Difference | None:
        """Send a case; return the difference at its last step, or None if there is none or the time is over."""
        until, found = time.monotonic() + _MOST_SECONDS, None
        for step in steps:
            if time.monotonic() > until:
                return None
            self.places.provide(names_in(step.args), self._bindings)
            try:
                args = substitute(step.args, self._bindings)
            except DataError:  # an earlier answer, which should bind the name, was different
                return None
            if fits("request", f"args.{step.op}", args):
                found = compare(step.expect, self.asked.ask(step.op, args), self._bindings)
        return found


class _Comparison:
    """Compares received objects with expected ones, by their ids."""

    def __init__(self, model: _Side, implementation: _Side, store: str, fmt: Format) -> None:
        self._model = model.asked
        self._implementation = implementation.asked
        self._store = store
        self._format = fmt

    def sentences(self, expected: str, got: str) -> Iterator[str]:
        """Yield one sentence for each pair of objects, from the given ids to the field that differs."""
        for _ in range(_MOST_OBJECTS):
            wanted, its = self._read(self._model, expected), self._read(self._implementation, got)
            if isinstance(wanted, str):
                wanted = self._read(self._implementation, expected)
            if isinstance(wanted, str):
                return
            if isinstance(its, str):
                yield f"the {kind_of(wanted)} {_short(expected)} was expected; {_short(got)} cannot be read: {its}"
                return
            if kind_of(wanted) != kind_of(its):
                yield f"{_short(expected)} is a {kind_of(wanted)}, {_short(got)} is a {kind_of(its)}"
                return
            found = difference_of(to_json(wanted), to_json(its))
            assert found is not None, "objects with two ids differ"
            path, one, other = found
            words = f"the {kind_of(its)} {_short(got)} (expected {_short(expected)}) differs at {path}"
            if not (_is_id(one) and _is_id(other)):
                yield f"{words}: {field_difference(path, one, other)}"
                return
            yield words
            expected, got = one, other

    def _read(self, asked: _Asked, identity: str) -> Object | str:
        """Return an object, or the reason why it cannot be read."""
        reply = asked.ask("grit.get", {"store": self._store, "id": identity})
        if isinstance(reply, Refused):
            return printable(f"refused {reply.kind} {reply.code or ''} {reply.message or ''}".strip())
        if not isinstance(reply, Ok):
            return "the answer to grit.get is neither ok nor refused"
        data = from_base64(reply.value["bytes"])
        if self._format.hash(data).hex() != identity:
            return "grit.get returned bytes with another id"
        try:
            return self._format.decode(data)
        except Refusal as refusal:
            return f"its bytes are not an object of {self._format.name}: {refusal.defects[0].words}"


def _store_of(steps: Sequence[CaseStep]) -> tuple[str, Format] | None:
    """Return the handle and the format of the store that the last request uses."""
    args = steps[-1].args
    handle = args.get("store")
    if "runtime" in args:
        started = [step.args for step in steps if step.op == "runtime.start"]
        handle = next((each["store"] for each in started if each.get("runtime") == args["runtime"]), None)
    opened = [step.args for step in steps if step.op == "grit.open" and step.args.get("store") == handle]
    fmt = FORMATS.get(str(opened[-1].get("format"))) if opened else None
    return None if handle is None or fmt is None else (handle, fmt)


def _is_id(value: Json) -> bool:
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def _short(identity: str) -> str:
    return f"{identity[:_DIGITS]}…"
