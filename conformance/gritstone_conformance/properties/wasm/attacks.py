"""Attacks: whatever a module or a host call tries, its call ends as the text says, and the host is none the worse."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.refusals import ok
from gritstone_conformance.model.values import to_base64
from gritstone_conformance.model.wasm.admission import NotAdmitted, admit
from gritstone_conformance.properties.grit.registry import is_first
from gritstone_conformance.properties.wasm.bench import GuestBench, of_executors
from gritstone_conformance.properties.wit.registry import tape
from gritstone_conformance.replies import Json
from gritstone_conformance.strategies.abuse import SMALL, pointer_attacks
from gritstone_conformance.strategies.attacks import Attack, module_attacks
from gritstone_conformance.strategies.guests import guest
from gritstone_conformance.strategies.host_calls import PAGE, script_guest
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Property, Trial

__all__ = ["PROPERTIES"]

_ALIVE: Final = "wasm.host.alive"
_SURVIVES: Final = "wasm.call.survives"
_BOUNDED: Final = "wasm.host.bounded"
_GROUP: Final = 12  # attacks between two looks at the counter
_MOST_RSS: Final = 67_108_864  # bytes
_PAGES: Final = 64


class AttackBench:
    """A bench with an actor that counts in its memory, and that no other actor may touch."""

    def __init__(self, trial: Trial, fmt: Format) -> None:
        self.trial = trial
        self.bench = GuestBench(trial, fmt)
        self.counter = self.bench.run(guest("counter"), {"image": True, "pages": 4}, title=b"counter", rule=_ALIVE)

    def count(self) -> None:
        """Run the counter, next to a new one, and send what waits."""
        self.counter.tell(self.bench.stage.blob(b""), rule=_SURVIVES)
        self.bench.run(guest("counter"), title=b"new", rule=_SURVIVES)
        self.bench.flush()
        self.trial.expect("ping", {}, ok(), rule=_ALIVE)


def modules(kinds: tuple[str, ...], trial: Trial, fmt: Format) -> None:
    """Every module ends as the text says; between them, and afterwards, a counter counts as if nothing had been."""
    target = AttackBench(trial, fmt)
    attacks = [attack for attack in module_attacks() if attack.kind in kinds]
    attacks = attacks if is_first(trial, fmt) else attacks[::5]
    for number, attack in enumerate(attacks):
        _run(target, attack, number)
        if number % _GROUP == 0:
            target.count()
    target.count()
    trial.remark = f"{len(attacks)} attacks"


def _run(target: AttackBench, attack: Attack, number: int) -> None:
    manifest = {"pages": _PAGES, **attack.manifest}
    target.bench.run(attack.module, manifest, title=b"%d" % number, rule=_ALIVE)


def pointers(trial: Trial, fmt: Format) -> None:
    """Every range of every host call that does not lie in memory is the trap, also by wrapping; nothing is written."""
    target = AttackBench(trial, fmt)
    actor = target.bench.run(script_guest(1), {"fuel": 50_000_000, "pages": 8}, title=b"script", rule=_ALIVE)
    attacks = list(pointer_attacks(PAGE))
    attacks = attacks if is_first(trial, fmt) else attacks[::7]
    for number, (_, script) in enumerate(attacks):
        head = actor.head
        message = actor.send(target.bench.stage.blob(script.data()), signal=True)
        target.bench.step(actor.identity, head, [(target.bench.outside, message)], rule="wasm.abi.range")
        if number % (10 * _GROUP) == 0:
            target.count()
    target.count()
    trial.remark = f"{len(attacks)} attacks"


def permuted(trial: Trial, fmt: Format, tape: Tape) -> None:
    """In whatever order bad guests and good ones run, each ends as it would have ended alone."""
    target = AttackBench(trial, fmt)
    cheap = [attack for attack in module_attacks() if attack.kind not in ("bomb", "compile")]
    for number in range(tape.within(3, 10)):
        _run(target, tape.pick(cheap), number)
        if tape.below(2):
            target.count()
    target.count()


def small(trial: Trial, fmt: Format) -> None:
    """A module of a few bytes that states counts of millions is refused without memory for them, and at once."""
    _bounded(trial, lambda: _admit_all(trial))


def _admit_all(trial: Trial) -> None:
    for module in SMALL.values():
        try:
            admit(module, "wit", _PAGES)
            expect = ok()
        except NotAdmitted as problem:
            expect = {"refused": "rejected", "code": f"unresolved:{problem.code}"}
        args: dict[str, Json] = {"module": to_base64(module), "entry": "wit", "pages": _PAGES}
        trial.expect("wasm.admit", args, expect, rule=_BOUNDED)


def _bounded(trial: Trial, work: Callable[[], None]) -> None:
    """Do work and fail where it took more memory than it may."""
    work()  # what a host loads once is no part of it
    is_reset = trial.subject.reset_peak_rss()
    before = trial.subject.peak_rss_bytes()
    work()
    after = trial.subject.peak_rss_bytes()
    if not is_reset or before is None or after is None:
        trial.remark = "memory could not be read"
        return
    if after - before > _MOST_RSS:
        trial.fail(f"at most {_MOST_RSS} bytes more", after - before, words="refusing takes memory", rule=_BOUNDED)


def _modules(name: str, *kinds: str, cost: float) -> tuple[Property, ...]:
    return of_executors(f"wasm/attack/{name}", partial(modules, kinds), _ALIVE, _SURVIVES, cost=cost, once=True)


PROPERTIES: Final = (
    *_modules("starts", "start", "import", "export", cost=300),
    *_modules("names", "name", cost=300),
    *_modules("bombs", "bomb", "recursion", cost=600),
    *_modules("compilations", "compile", cost=600),
    *of_executors("wasm/attack/pointers", pointers, _ALIVE, "wasm.abi.range", cost=600, once=True),
    *of_executors(
        "wasm/attack/permuted",
        permuted,
        _SURVIVES,
        _ALIVE,
        reach={"wit.step refused": 0.12},
        given=tape(60),
        examples=8,
        once=True,
    ),
    *of_executors("wasm/attack/small", small, _BOUNDED),
)
