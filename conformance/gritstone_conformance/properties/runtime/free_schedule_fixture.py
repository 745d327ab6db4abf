"""The free-schedule fixture: a store of the subject with a runtime, and the list of injected messages.

The runtime chooses its schedule itself; the result is judged by the history alone: see ``judging``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gritstone_conformance.model.continuing import Sent
from gritstone_conformance.model.evidence import History
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.history import Verdict
from gritstone_conformance.model.refusals import ok, refused
from gritstone_conformance.model.values import to_base64
from gritstone_conformance.properties.runtime.judging import StoreFacts, check_export, export
from gritstone_conformance.properties.runtime.lockstep import MOST_STEPS, StartOptions, start_args
from gritstone_conformance.properties.runtime.situations import note_situations
from gritstone_conformance.replies import Json
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.scenarios import Injection, Scenario
from gritstone_conformance.trial import Asked, SubjectLike, Trial

__all__ = ["RAN", "FreeScheduleFixture", "StoreOptions"]

RAN: Final = {"any": [ok(cause=cause, steps={"$": "any"}, parked={"$": "any"}) for cause in ("max-steps", "rest")]}
"""The reply to a run with ``max_steps``: it stopped after about that number of steps, or was at rest before."""

_SENT = {"any": [ok(message={"$": "any"}), refused("rejected")]}


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """How the fixture opens its store.

    Attributes:
        directory: the directory of a durable store; None for a store in memory.
        process: the process that opens the store; None for the subject of the trial.
        handle: the handle of the store.
        create: whether the store is created.
    """

    directory: str | None = None
    process: SubjectLike | None = None
    handle: str = "s"
    create: bool = True


class FreeScheduleFixture:
    """One store with a runtime.

    Attributes:
        sent: the injected messages that were accepted, in order.
        last: the history of the last export, or None.
    """

    def __init__(
        self,
        trial: Trial,
        fmt: Format,
        terms: StartOptions | None = None,
        opening: StoreOptions | None = None,
        *,
        rule: str | None = None,
    ) -> None:
        self.trial = trial
        self.fmt = fmt
        self.terms = terms if terms is not None else StartOptions()
        opening = opening if opening is not None else StoreOptions()
        self.directory = directory = opening.directory
        self.process = opening.process
        self.handle = handle = opening.handle
        self.sent: list[Sent] = []
        self.last: History | None = None
        self._waiting: list[Asked] = []
        backend: dict[str, Json] = (
            {"backend": "memory"} if directory is None else {"backend": "durable", "dir": directory}
        )
        self.ask("grit.open", {"store": handle, "format": fmt.name, **backend, "create": opening.create}, ok(), rule)

    @property
    def runtime(self) -> str:
        """The handle of the runtime."""
        return f"r-{self.handle}"

    def start(self, runtime: str | None = None) -> None:
        """Start a runtime."""
        args = start_args(self.terms, self.handle, runtime or self.runtime)
        self.ask("runtime.start", args, ok(agent={"$": "any"}), "runtime.agent.bootstrap")

    def put(self, graph: Graph) -> None:
        """Put the objects of a graph."""
        for identity, data in graph.encodings.items():
            args: dict[str, Json] = {"store": self.handle, "bytes": to_base64(data)}
            self.ask("grit.put", args, ok(id=identity.hex()))

    def inject(self, injections: Iterable[Injection], runtime: str | None = None) -> None:
        """Send messages from outside, pipelined, and record the accepted ones."""
        self.flush()
        listed = list(injections)
        requests: list[Asked] = []
        for each in listed:
            about = {"to": each.to.hex(), "content": each.content.hex(), "mode": each.mode}
            headers: list[Json] = [[*pair] for pair in each.headers]
            args = {"runtime": runtime or self.runtime, **about, "headers": headers}
            requests.append(("runtime.inject", args, _SENT, "runtime.agent.inject"))
        for each, value in zip(listed, self.trial.expect_many(requests, on=self.process), strict=True):
            if "message" in value:
                message = bytes.fromhex(value["message"])
                self.sent.append(Sent(each.to, each.headers, each.content, each.mode, message))

    def run(self, runtime: str | None = None) -> dict[str, Json]:
        """Run the runtime to rest; return its reply."""
        self.flush()
        args = {"runtime": runtime or self.runtime, "max_steps": MOST_STEPS}
        rest = ok(cause="rest", steps={"$": "any"}, parked={"$": "any"})
        return self.trial.expect("runtime.run", args, rest, on=self.process, rule="runtime.route.rest")

    def stop(self, how: str = "drain", runtime: str | None = None) -> None:
        """Stop a runtime."""
        self.ask("runtime.stop", {"runtime": runtime or self.runtime, "how": how}, ok(), "runtime.stop.clean")

    def close(self) -> None:
        """Close the store."""
        self.ask("grit.close", {"store": self.handle}, ok())
        self.flush()

    def run_scenario(self, scenario: Scenario) -> None:
        """Send all messages of a scenario, with its pauses, and run to rest."""
        note_situations(self.trial, scenario)
        self.put(scenario.graph)
        batch: list[Injection] = []
        for number, injection in enumerate(scenario.injections):
            batch.append(injection)
            if number in scenario.pauses:
                self.inject(batch)
                self.run()
                batch = []
        self.inject(batch)
        self.run()

    def check(
        self,
        *,
        at_rest: bool = True,
        is_whole: bool = True,
        rules: Mapping[str, str] | None = None,
        names: Sequence[str] | None = None,
    ) -> Verdict:
        """Export, and judge the history and its continuation of the last export.

        Args:
            at_rest: whether the runtime is at rest.
            is_whole: whether nothing of the history was cut.
            rules: as in ``check_export``.
            names: the references that are exported, or None for all.
        """
        self.flush()
        verdict = check_export(
            self.trial,
            export(self.trial, self.handle, self.process, names=names),
            at_rest=at_rest,
            known=StoreFacts(self.terms.config.max_attempts, is_whole, self.sent, self.last),
            rules=rules,
        )
        self.last = verdict.history
        return verdict

    def ask(self, op: str, args: dict[str, Json], expect: dict[str, Json], rule: str | None = None) -> None:
        """Add a request."""
        self._waiting.append((op, args, expect, rule))

    def flush(self) -> None:
        """Send the pending requests."""
        waiting, self._waiting = self._waiting, []
        if waiting:
            self.trial.expect_many(waiting, on=self.process)
