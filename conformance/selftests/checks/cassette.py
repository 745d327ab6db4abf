"""Record the replies of the honest reference to a property, and run the property on them again without a process.

Replies are recorded in order. The second run must send the same requests. A property whose oracle has a fault reports a
recorded right reply as wrong, or it sends other requests (it *deviates*), which proves nothing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gritstone_conformance.replies import Claims, Json, Reply
from gritstone_conformance.trial import Divergence, Property, SubjectLike
from selftests.checks.probes import DeviatedError
from selftests.properties.model_runs import run_on_model

__all__ = ["Cassette"]

_Request = tuple[str, Json]


@dataclass(slots=True)
class Cassette:
    """The replies of the honest reference to the requests of a property.

    Attributes:
        prop: the property.
        examples: how many of its examples were recorded.
        claims: the claims of the reference.
        tape: pairs of a request, with its file system paths replaced, and its reply, in order.
    """

    prop: Property
    examples: int
    claims: Claims
    tape: list[tuple[_Request, Reply]] = field(default_factory=list)

    @classmethod
    def record(cls, prop: Property, subject: SubjectLike, examples: int) -> Cassette:
        """Run some examples of a property on a subject and record them; raises Divergence if one fails."""
        cassette = cls(prop, examples, subject.claims)

        def answer(requests: Sequence[tuple[str, dict[str, Json]]]) -> list[Reply]:
            replies = subject.ask_many(requests)
            asked = ((op, _placeless(args)) for op, args in requests)
            cassette.tape.extend(zip(asked, replies, strict=True))
            return replies

        run_on_model(prop, _Deck(subject.claims, answer, subject.kill), examples)  # type: ignore[arg-type]
        return cassette

    def replay(self) -> str | None:
        """Run the same examples on the recorded replies; returns the first difference, or None."""
        tape = iter(self.tape)

        def answer(requests: Sequence[tuple[str, dict[str, Json]]]) -> list[Reply]:
            replies = []
            for op, args in requests:
                asked, reply = next(tape, (None, None))
                if asked != (op, _placeless(args)) or reply is None:
                    raise DeviatedError(f"{op} differs from the recorded request")
                replies.append(reply)
            return replies

        try:
            run_on_model(self.prop, _Deck(self.claims, answer, lambda: None), self.examples)  # type: ignore[arg-type]
        except Divergence as divergence:
            return str(divergence)
        return None


class _Deck:
    """A subject that replies by a function and cannot start other processes."""

    def __init__(
        self,
        claims: Claims,
        answer: Callable[[Sequence[tuple[str, dict[str, Json]]]], list[Reply]],
        kill: Callable[[], None],
    ) -> None:
        self.claims = claims
        self.ask_many = answer
        self.kill = self.close = kill

    def spawn(self) -> _Deck:
        raise DeviatedError("the property starts further processes")

    def ask(self, op: str, args: dict[str, Json]) -> Reply:
        return self.ask_many([(op, args)])[0]

    def allow_guests(self, seconds: float) -> None:
        """Do nothing, because recorded replies take no time."""

    def peak_rss_bytes(self) -> None:
        return None

    def reset_peak_rss(self) -> bool:
        return False

    def cpu_seconds(self) -> None:
        return None


def _placeless(value: Json) -> Json:
    """Return a request with each temporary path replaced by the same word."""
    if isinstance(value, dict):
        return {key: _placeless(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_placeless(item) for item in value]
    return "<place>" if isinstance(value, str) and value.startswith(tempfile.gettempdir()) else value
