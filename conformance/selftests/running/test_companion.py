"""The trials of a run share one further process, and what they made there is closed with them."""

from __future__ import annotations

from gritstone_conformance.replies import Json, Ok, Reply
from gritstone_conformance.running.ledger import Ledger, ObservedSubject
from gritstone_conformance.trial import Trial
from selftests.fakes.subject import FakeSubject

_RUN = ("sandbox.run", {"keep": True}, {"ok": {"$": "any"}})


class _Host(FakeSubject):
    """A host whose instances are numbered, and which counts its further processes."""

    def __init__(self) -> None:
        super().__init__(self._reply)
        self.spawned: list[_Host] = []
        self.handles: list[str] = []
        self.made = 0

    def _reply(self, op: str, args: dict[str, Json]) -> Reply:
        if op == "sandbox.close":
            self.handles.remove(str(args["handle"]))
            return Ok({})
        self.made += 1
        self.handles.append(f"i{self.made}")
        return Ok({"instance": f"i{self.made}"})

    def spawn(self) -> _Host:
        self.spawned.append(_Host())
        return self.spawned[-1]

    def apart(self) -> _Host:
        return self.spawn()


def test_trials_share_one_process_that_ends_with_the_run() -> None:
    host = _Host()
    observed = ObservedSubject(host, Ledger())
    for turn in range(3):
        trial = Trial(observed, "sandbox.run.apart", observed.spawn, None, observed.companion)
        for on in (None, trial.other(), trial.other()):
            trial.expect(*_RUN, on=on)
        assert not trial.is_replayable
        assert len(host.spawned) == 1
        assert (host.handles, host.spawned[0].handles) == ([f"i{turn + 1}"], [f"i{2 * turn + 1}", f"i{2 * turn + 2}"])
        trial.finish()
        assert (host.handles, host.spawned[0].handles) == ([], [])
        assert not host.spawned[0].closed
    observed.close()
    assert host.closed
    assert host.spawned[0].closed


def test_closed_instances_are_not_closed_again() -> None:
    host = _Host()
    observed = ObservedSubject(host, Ledger())
    trial = Trial(observed, "sandbox.run.apart", observed.spawn, None, observed.companion)
    other = trial.other()
    trial.expect(*_RUN, on=other)
    trial.expect("sandbox.close", {"handle": "i1"}, {"ok": {}}, on=other)
    trial.finish()
    assert host.spawned[0].asked[-1] == ("sandbox.close", {"handle": "i1"})
    assert len(host.spawned[0].asked) == 2


def test_other_is_a_new_process_without_a_companion() -> None:
    host = _Host()
    trial = Trial(host, "sandbox.run.apart", host.spawn)
    assert trial.other() is not trial.other()
    trial.finish()
    assert all(each.closed for each in host.spawned)
