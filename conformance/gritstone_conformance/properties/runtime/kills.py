"""Killed and started again: how a script is run until its process dies, and what must hold after each death.

A *point* is one death. Its process runs the script on a new durable store, one request at a time, and is killed: by
itself at a durable write that it was armed for (feature ``fault.kill``), else by the suite. What was answered by then
is known. The process is started again, the store is opened as it is, and judged twice: as it was found, and after it
went on to rest and the rest of the script was asked of it. The request that was not answered is asked again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.model.bundle import scan
from gritstone_conformance.model.continuing import Sent
from gritstone_conformance.model.evidence import History, has_history, open_history
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.refusals import ok, refused
from gritstone_conformance.model.runtime import Config
from gritstone_conformance.model.values import to_base64
from gritstone_conformance.properties.runtime.free_schedule_fixture import FreeScheduleFixture, StoreOptions
from gritstone_conformance.properties.runtime.judging import StoreFacts, check_export, export
from gritstone_conformance.properties.runtime.lockstep import StartOptions
from gritstone_conformance.properties.runtime.remains import check_heals, check_pairs, check_removals
from gritstone_conformance.replies import Json
from gritstone_conformance.strategies.scripts import Script, ScriptStep
from gritstone_conformance.trial import Trial

__all__ = ["DEATH_RULES", "NEVER", "Ordeal"]

NEVER: Final = 1 << 40
"""More durable writes than anything here makes."""

_MOST_PROCESSES: Final = 500
"""More than any script needs, since each process makes more writes than the one before."""

_MOST_DEATHS: Final = 1000
"""Of a script that is killed before and after each of its writes, as the process counts them."""

_FOUND: Final = {
    "bundle": "runtime.recover.step",
    "unsent": "runtime.head.before-route",
    "cycle": "runtime.head.before-route",
    "mark": "runtime.recover.mark",
    "receipt": "runtime.recover.mark",
}
"""What a fault breaks in a store as a death left it; others break the rule that they break anywhere."""

_LATER: Final = {"lost": "runtime.recover.mail", "mark": "runtime.recover.mark", "receipt": "runtime.recover.mark"}
"""The same after the runtime that was started went on to rest."""

DEATH_RULES: Final = (
    *dict.fromkeys((*_FOUND.values(), *_LATER.values())),
    *("runtime.recover.injection", "runtime.recover.continue", "runtime.recover.unmark", "runtime.recover.collect"),
    "grit.ref.durable",
)
"""The rules that are judged after a death, in addition to those of any history."""

_ARGS: Final[dict[str, dict[str, Json]]] = {"prune": {"pins": []}}
_ANSWERS: Final = {
    "collect": ("removed",),
    "release": ("released",),
    "cut": ("step",),
    "prune": ("removed",),
    "import": ("objects", "refs"),
}


@dataclass(slots=True)
class _Known:
    """What is known of the store of one point.

    Attributes:
        sent: what was injected, answered or not.
        last: the history that was seen last, or None.
        listed: the references that were listed last, and heads that answered a query since.
    """

    sent: list[Sent] = field(default_factory=list)
    last: History | None = None
    listed: dict[str, bytes] = field(default_factory=dict)


class Ordeal:
    """A script, and the process that dies of it again and again.

    Attributes:
        points: how many deaths there were.
        writes: durable writes of the script when nothing ends it; None where they cannot be counted.
    """

    def __init__(self, trial: Trial, fmt: Format, script: Script) -> None:
        self.points = 0
        self.writes: int | None = None
        self._trial = trial
        self._fmt = fmt
        self._script = script
        self._victim = trial.spawn()
        self._terms = StartOptions(config=Config(1, 2, script.max_attempts))
        self._origin = open_history(scan(script.bundle))
        self._is_spread = False
        self._can_arm = "fault.kill" in trial.claims.features

    # --- deaths ----------------------------------------------------------------------------------------

    def rehearse(self) -> None:
        """Run the script unharmed: what fails here does not fail because of a kill."""
        fixture, known = self._begin()
        self._arm(NEVER, "before")
        before = self._count()
        self._run(fixture, known, self._script.acts, may_die=False)
        self.writes = None if before is None else (self._count() or 0) - before
        self._conclude(fixture, known, {})

    def every_write(self, most: int | None = None) -> None:
        """Die at the first durable write, the second and so on, before and after each, until none is left.

        Args:
            most: how many deaths there may be; where more are due, as many writes as that allows, spread evenly.
        """
        assert self.writes is not None, "it is rehearsed first"
        most = most or _MOST_DEATHS
        if 2 * self.writes > most:
            self._is_spread, numbers = True, most // 2
            for index in range(numbers):
                for when in ("before", "after"):
                    self._die_at(1 + index * (self.writes - 1) // (numbers - 1), when)
            return
        bound = 2 * self.writes + 50
        for when in ("before", "after"):
            number = 1
            while self._die_at(number, when):
                number += 1
                if number > bound:
                    words = "the script never ends unharmed"
                    self._trial.fail(f"at most {self.writes} writes", number, words=words, rule="harness.fault.exact")

    def every_answer(self) -> None:
        """Die after the first answer, the second and so on."""
        for count in range(1, len(self._script.acts) + 1):
            fixture, known = self._begin()
            self._run(fixture, known, self._script.acts[:count])
            self._victim.kill()
            self._survive(known, count)

    def at_times(self, share: int) -> None:
        """Die once, after some sixteenths of the time that the script takes."""
        fixture, known = self._begin()
        started = time.perf_counter()
        self._run(fixture, known, self._script.acts, may_die=False)
        delay_s = (time.perf_counter() - started) * share / 16
        self._conclude(fixture, known, {})
        fixture, known = self._begin()
        timer = threading.Timer(delay_s, self._victim.kill_from_thread)
        timer.start()
        try:
            index = self._run(fixture, known, self._script.acts)
        finally:
            timer.join()
        self._victim.kill()
        self._survive(known, len(self._script.acts) if index is None else index)

    def again_and_again(self, stride: int = 1) -> None:
        """Die at the first durable write, then, in the next process, ``stride`` later and so on, until the script ends.

        So a process also dies while it recovers from a death. A process that makes more writes than the one
        before always gets further in the end, however many writes a request takes.
        """
        fixture, known = self._begin()
        self._arm(1, "after")
        rest = self._script.acts
        index = self._run(fixture, known, rest)
        processes = 1
        while index is not None:
            rest, processes = rest[index:], processes + 1
            if processes > _MOST_PROCESSES:
                words = "the script never ends unharmed"
                self._trial.fail(
                    f"at most {_MOST_PROCESSES} processes", processes, words=words, rule="harness.fault.exact"
                )
            self._victim.kill()
            self.points += 1
            fixture = self._reopen(known)
            self._judge_found(fixture, known)
            self._arm(1 + stride * (processes - 1), ("before", "after")[processes % 2])
            rest = (ScriptStep("start"), ScriptStep("run"), *(act for act in rest if act.word != "start"))
            index = self._run(fixture, known, rest)
        self._arm(NEVER, "before")
        self._conclude(fixture, known)

    def remark(self) -> str:
        """Return what a report says of it."""
        if self.writes is None:
            return f"{self.points} deaths" if self._can_arm else f"{self.points} deaths, between requests"
        if self._is_spread:
            return f"{self.points} deaths, before and after {self.points // 2} durable writes, spread evenly"
        return f"{self.points} deaths, before and after every durable write"

    def _die_at(self, number: int, when: str) -> bool:
        """Die at a write; returns whether there was one to die at."""
        fixture, known = self._begin()
        self._arm(number, when)
        index = self._run(fixture, known, self._script.acts)
        if index is None:
            self._arm(NEVER, "before")
            fixture.close()
            return False
        self._victim.kill()
        self._survive(known, index)
        return True

    # --- one process ----------------------------------------------------------------------------------------

    def _begin(self) -> tuple[FreeScheduleFixture, _Known]:
        """Make a new store with what the script begins with."""
        trial, victim = self._trial, self._victim
        fixture = FreeScheduleFixture(
            trial, self._fmt, self._terms, StoreOptions(directory=trial.directory(), process=victim)
        )
        self._directory = fixture.directory
        known = _Known(last=self._origin if self._origin.agent is not None else None)
        data: dict[str, Json] = {"bytes": to_base64(self._script.bundle), "more": False}
        fixture.ask("grit.import", {"store": "s", **data}, ok(objects={"$": "any"}, refs={"$": "any"}))
        fixture.flush()
        return fixture, known

    def _run(
        self, fixture: FreeScheduleFixture, known: _Known, acts: tuple[ScriptStep, ...], *, may_die: bool = True
    ) -> int | None:
        """Ask request after request; returns the index of the one at which the process died, or None.

        Raises:
            SubjectFault: the process broke; also by SIGKILL, where it may not die.
        """
        for index, act in enumerate((*acts, None)):
            try:
                if act is None:
                    self._trial.expect("ping", {}, ok(), on=self._victim)
                else:
                    self._perform(fixture, known, act)
            except SubjectFault as fault:
                if not (may_die and fault.is_sigkill):
                    raise
                if act is not None and act.injection is not None:
                    each = act.injection
                    known.sent.append(Sent(each.to, each.headers, each.content, each.mode, None))
                return index
        return None

    def _perform(self, fixture: FreeScheduleFixture, known: _Known, act: ScriptStep) -> None:
        words: dict[str, Callable[[], object]] = {"start": fixture.start, "run": fixture.run}
        if act.injection is not None:
            fixture.sent = known.sent
            fixture.inject([act.injection])
        elif act.word in words:
            words[act.word]()
            fixture.flush()
        elif act.word == "look":
            known.listed = self._listed(fixture)
        elif act.word == "ask":
            args = {"runtime": fixture.runtime, **dict(act.args)}
            answers = [ok(step={"$": "any"}, result={"$": "any"}), refused("missing")]
            value = self._trial.expect("runtime.query", args, {"any": answers}, on=self._victim)
            if "step" in value:
                known.listed[f"heads/{args['actor']}"] = bytes.fromhex(value["step"])
        else:
            is_asked = act.word in ("collect", "release", "cut")
            handle = {"runtime": fixture.runtime} if is_asked else {"store": fixture.handle}
            op = f"{'runtime' if is_asked else 'grit'}.{act.word}"
            expect = ok(**{name: {"$": "any"} for name in _ANSWERS[act.word]})
            self._trial.expect(op, {**handle, **_ARGS.get(act.word, {}), **dict(act.args)}, expect, on=self._victim)

    def _listed(self, fixture: FreeScheduleFixture) -> dict[str, bytes]:
        args: dict[str, Json] = {"store": fixture.handle, "prefix": "", "after": None, "limit": 4096}
        expect = ok(refs={"$": "any"}, more=False)
        value = self._trial.expect("grit.refs", args, expect, on=self._victim)
        return {name: bytes.fromhex(target) for name, target in value["refs"]}

    # --- after a death ---------------------------------------------------------------------------------

    def _survive(self, known: _Known, index: int) -> None:
        """Start again after a death at a request, judge, go on, and judge again."""
        self.points += 1
        fixture = self._reopen(known)
        self._judge_found(fixture, known)
        self._perform(fixture, known, ScriptStep("start"))
        self._perform(fixture, known, ScriptStep("run"))
        rest = tuple(act for act in self._script.acts[index:] if act.word != "start")
        if rest:
            self._judge_later(fixture, known)
            for act in rest:
                self._perform(fixture, known, act)
        self._conclude(fixture, known)

    def _reopen(self, known: _Known) -> FreeScheduleFixture:
        """Open the store in a fresh process, as the death left it."""
        fixture = FreeScheduleFixture(
            self._trial,
            self._fmt,
            self._terms,
            StoreOptions(self._directory, self._victim, create=False),
            rule="runtime.recover.step",
        )
        fixture.flush()
        return fixture

    def _judge_found(self, fixture: FreeScheduleFixture, known: _Known) -> None:
        """Judge the store as a death left it: whole, nothing lost that was answered, nothing there in part."""
        trial, script = self._trial, self._script
        damage = "runtime.recover.collect" if script.mortals else "runtime.recover.step"
        data = export(trial, fixture.handle, self._victim, rule=damage)
        bundle = scan(data)
        if not bundle.defects and not has_history(bundle):
            if known.last is not None or known.sent or known.listed:
                trial.fail("a runtime's store", "none", words="an agent that was answered is gone", rule=damage)
            return
        if not bundle.defects:
            check_heals(trial, bundle.references, known.listed)
            check_removals(trial, bundle.references, known.listed, script.imported)
        verdict = check_export(
            trial,
            data,
            at_rest=False,
            known=StoreFacts(script.max_attempts, script.is_whole, known.sent, known.last),
            rules={**_FOUND, "bundle": damage, **script.found},
        )
        found = verdict.history
        assert found is not None
        self._check_listed(found, known)
        check_pairs(trial, found)
        known.last = found

    def _judge_later(self, fixture: FreeScheduleFixture, known: _Known, rules: Mapping[str, str] = _LATER) -> None:
        """Judge the store at rest; ``rules`` as in ``check_export``."""
        trial, script = self._trial, self._script
        verdict = check_export(
            trial,
            export(trial, fixture.handle, self._victim),
            at_rest=True,
            known=StoreFacts(script.max_attempts, script.is_whole, known.sent, known.last),
            rules=rules,
        )
        known.last = verdict.history

    def _conclude(self, fixture: FreeScheduleFixture, known: _Known, rules: Mapping[str, str] = _LATER) -> None:
        """Judge at the end of a script, and close the store."""
        self._perform(fixture, known, ScriptStep("run"))
        self._judge_later(fixture, known, rules)
        fixture.close()

    def _check_listed(self, found: History, known: _Known) -> None:
        """Every head that was listed is on the chain of the head that is there; names and tags are as they were."""
        chains = {actor.hex(): chain for actor, chain in found.chains.items()}
        for name, target in known.listed.items():
            space, _, rest = name.partition("/")
            if space == "heads" and f"gone/{rest}" not in found.references:
                if rest not in chains or target not in chains[rest].ids:
                    words = "a head that was answered is lost"
                    self._trial.fail(name, "another chain", path="heads/*", words=words, rule="runtime.recover.step")
            elif space not in ("heads", "failed") and found.references.get(name) != target:
                words = "a reference that was answered is lost"
                self._trial.fail(target.hex(), "another", path=name, words=words, rule="grit.ref.durable")

    # --- arming ----------------------------------------------------------------------------------------

    def _arm(self, number: int, when: str) -> None:
        if self._can_arm:
            self._trial.expect("fault.arm", {"writes": number, "when": when}, ok(), on=self._victim)

    def _count(self) -> int | None:
        if not self._can_arm:
            return None
        count: int = self._trial.expect("fault.count", {}, ok(writes={"$": "any"}), on=self._victim)["writes"]
        return count
