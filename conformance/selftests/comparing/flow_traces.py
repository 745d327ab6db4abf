"""Run drawn flows on implementations and the model in both formats; compare steps, answers, traces and replays.

    python -m selftests.comparing.flow_traces COUNT SEED COMMAND [COMMAND ...]

makes COUNT runs from SEED on. A run is a drawn program under a drawn policy with drawn messages, and its successor if
there is one. Each run is made in both formats on every adapter and on the model. It is printed if a reply is not that
of the model, or if the two formats log different events. It is not part of the gate: it is run by hand, with another
SEED each time.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from gritstone_conformance.attachment.launcher import Launcher
from gritstone_conformance.attachment.settings import AttachSettings
from gritstone_conformance.attachment.subject import Subject
from gritstone_conformance.model.flow.values import digest
from gritstone_conformance.model.formats import FORMATS, Format
from gritstone_conformance.properties.flow.conversation import GIVEN, REFS, Conversation
from gritstone_conformance.properties.flow.scene import FlowScene
from gritstone_conformance.replies import Json, Ok, Refused, Reply
from gritstone_conformance.strategies.flow_runs import draw_policy, draw_program
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Divergence, Trial

_TAPE = 500  # bytes
_AFTER = 2  # messages to flows that are not running

Request = tuple[str, dict[str, Json]]


class Together:
    """Several adapters as one subject: all get each request, and the first reply that differs from others is kept.

    Attributes:
        claims: those of the first adapter.
        differences: the requests whose replies differed.
    """

    def __init__(self, commands: Sequence[str]) -> None:
        self._subjects = [Launcher.for_command(each.split(), AttachSettings()).start() for each in commands]
        self._pool = ThreadPoolExecutor(len(commands))
        self.claims = self._subjects[0].claims
        self.differences: list[str] = []
        self.requests = 0

    def ask(self, op: str, args: dict[str, Json]) -> Reply:
        """Send one request."""
        return self.ask_many([(op, args)])[0]

    def ask_many(self, requests: Sequence[Request]) -> list[Reply]:
        """Send requests; returns the replies of the first adapter."""

        def asked(subject: Subject) -> list[Reply]:
            return subject.ask_many(requests)

        first, *others = self._pool.map(asked, self._subjects)
        self.requests += len(requests)
        for number, replies in enumerate(others, 1):
            for request, one, other in zip(requests, first, replies, strict=True):
                if _content(one) != _content(other):
                    self.differences.append(f"adapter {number}: {request}: {one} and {other}")
        return first

    def close(self) -> None:
        """End the processes."""
        for subject in self._subjects:
            subject.close()

    def __getattr__(self, name: str) -> Any:
        """Return the method of the first adapter: the runs use no others."""
        return getattr(self._subjects[0], name)


def _content(reply: Reply) -> object:
    match reply:
        case Ok():
            return reply.value
        case Refused():
            return type(reply), reply.kind, reply.code
        case _:
            return reply


def _run(subject: Together, fmt: Format, data: bytes) -> tuple[list[str], Counter[str]]:
    """Make a run in a format; returns the digests of the logs and traces, and how often each event was logged."""
    tape, trial = Tape(data), Trial(subject, "flow.step.function")
    seen: list[str] = []
    events: Counter[str] = Counter()
    try:
        scene = FlowScene(trial, fmt)
        program, policy = draw_program(tape), draw_policy(tape)
        talk = Conversation(scene.start(program, policy, GIVEN, REFS, rejected=None), tape)
        _note(talk.scene, seen, events)
        after = 0
        for _ in range(tape.within(8, 24)):
            after += talk.scene.state["at"] is None
            if after > _AFTER and "next" not in talk.scene.entries:
                break
            if "next" in talk.scene.entries and tape.below(2):
                _end(talk.scene, seen)
                talk = Conversation(talk.scene.successor(rule="replan.carries"), tape)
                talk.scene.read("replan.heir")
            else:
                talk.say("step.function")
            _note(talk.scene, seen, events)
        _end(talk.scene, seen)
        talk.scene.flush()
    finally:
        trial.finish()
    return seen, events


def _note(scene: FlowScene, seen: list[str], events: Counter[str]) -> None:
    seen.append(digest(scene.state["log"]))
    events.update(scene.log)
    events[scene.state["status"]] += 1


def _end(scene: FlowScene, seen: list[str]) -> None:
    """Ask for the trace, what is accepted, and a replay."""
    for name in ("trace", "state", "accepts"):
        scene.query(name, "query.state")
    assert scene.replay("replay.identical")["ok"]["differs"] is None, "the model replays its own steps"
    seen.append(scene.trace_hash)


def main(count: int, seed: int, commands: list[str]) -> int:
    """Make the runs; returns the number of runs with a difference."""
    subject, wrong, events = Together(commands), 0, Counter[str]()
    traces: set[str] = set()
    for number in range(seed, seed + count):
        data = random.Random(number).randbytes(_TAPE)
        found: list[list[str]] = []
        for fmt in FORMATS.values():
            try:
                seen, logged = _run(subject, fmt, data)
            except (Divergence, AssertionError) as problem:
                subject.differences.append(f"{fmt.name}: {problem!r}")
            else:
                found.append(seen)
                events += logged
        if any(each != found[0] for each in found):
            subject.differences.append("the formats log different events")
        traces.update(each[-1] for each in found)
        wrong += bool(subject.differences)
        for words in subject.differences:
            print(f"seed {number}: {words[:2_000]}", flush=True)
        subject.differences.clear()
    print(
        f"{count} runs from seed {seed}, {subject.requests} requests to each of {len(commands)} adapters and the model"
    )
    print(f"{len(traces)} different traces, {wrong} runs with a difference; {dict(events.most_common())}")
    subject.close()
    return wrong


if __name__ == "__main__":
    sys.exit(1 if main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]) else 0)
