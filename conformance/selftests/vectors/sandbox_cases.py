"""The vectors of the profile ``sandbox``: probes of each ABI, with what the suite's interpreter says about them.

    python -m selftests.vectors.sandbox_cases

writes ``vectors/sandbox`` and the texts of its probes. A test compares the files with what this module makes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from gritstone_conformance.bundled import vectors_dir
from gritstone_conformance.cases import Case, CaseStep, Requires
from gritstone_conformance.model.values import to_base64
from gritstone_conformance.replies import Json
from gritstone_conformance.strategies import sandbox_defects as defects
from gritstone_conformance.strategies import sandbox_probes as probes
from gritstone_conformance.strategies import sandbox_states as states
from gritstone_conformance.strategies import sandbox_wide as wide
from gritstone_conformance.strategies.endings import CAUSES
from gritstone_conformance.strategies.sandbox_abi import ABIS, write_words
from gritstone_conformance.strategies.sandbox_probes import Build, Prediction, predict
from gritstone_conformance.strategies.sandbox_wasi import ending_at_the_end
from gritstone_conformance.strategies.sandbox_work import counting, working
from gritstone_conformance.vectors.files import VectorFile
from selftests.vectors.sandbox_texts import FOLDER, probe_texts

__all__ = ["sandbox_files"]

LIMITS: Final[dict[str, Json]] = {"fuel": 1_000_000_000, "pages": 16, "table": 1_000, "ms": 10_000}
SHORT: Final[dict[str, Json]] = {**LIMITS, "fuel": 1_000_000, "ms": 100}
"""The limits of a call that does not end."""

ANY: Final[dict[str, Json]] = {"$": "any"}
UNRESOLVED: Final = tuple(f"unresolved:{what}" for what in ("module", "import", "export", "limit"))
STOPPED: Final = ("exhausted:fuel", "timeout")
ENDED: Final = ("exhausted:memory", "failed")
"""The outcomes of a call that a host ends because the memory would grow beyond the limit."""

FULL_STACK: Final = ("exhausted:stack", "failed:trap:stack-overflow", "failed", *STOPPED)
Expected = Prediction | Sequence[str | Prediction]


@dataclass(slots=True)
class Script:
    """The requests of one case to a host with one ABI.

    Attributes:
        abi: the ABI.
        steps: the requests so far.
    """

    abi: str
    steps: list[CaseStep] = field(default_factory=list)

    def run(
        self,
        probe: Build | bytes,
        expected: Expected,
        keep: str | None = None,
        limits: dict[str, Json] = LIMITS,
        rule: str | None = None,
        *,
        suspend: bool = False,
    ) -> Script:
        """Run a probe; ``keep`` names the handle of its instance, and ``suspend`` keeps the call."""
        module = probe if isinstance(probe, bytes) else probe(self.abi)
        instance: Json = None if keep is None else {"$": keep}
        args: dict[str, Json] = {"module": to_base64(module), "limits": limits, "grants": {}, "keep": keep is not None}
        args |= {"suspend": True} if suspend else {}
        return self._ask("sandbox.run", args, self._reported(expected, {"instance": instance}), rule)

    def again(
        self,
        instance: str,
        expected: Expected,
        limits: dict[str, Json] = LIMITS,
        rule: str | None = None,
        *,
        suspend: bool = False,
    ) -> Script:
        """Call an instance again, or continue its call."""
        args: dict[str, Json] = {"instance": {"$": instance}, "limits": limits}
        args |= {"suspend": True} if suspend else {}
        return self._ask("sandbox.again", args, self._reported(expected, {}), rule)

    def copy(self, op: str, member: str, source: str, result: str, name: str, rule: str | None = None) -> Script:
        """Make a copy under a name: ``op`` takes ``member`` and answers with ``result``."""
        return self._ask(f"sandbox.{op}", {member: {"$": source}}, {"ok": {result: {"$": name}}}, rule)

    def snapshot(self, instance: str, name: str) -> Script:
        """Make a snapshot."""
        return self.copy("snapshot", "instance", instance, "snapshot", name)

    def resume(self, snapshot: str, name: str) -> Script:
        """Make an instance of a snapshot."""
        return self.copy("resume", "snapshot", snapshot, "instance", name)

    def export(self, snapshot: str, name: str, fuel: int | None) -> Script:
        """Export a snapshot with some fuel."""
        args: dict[str, Json] = {"snapshot": {"$": snapshot}, **({} if fuel is None else {"fuel": fuel})}
        return self._ask("sandbox.export", args, {"ok": {"bytes": {"$": name}}}, None)

    def too_much(self, snapshot: str, fuel: int) -> Script:
        """Export a snapshot with more fuel than is left."""
        args: dict[str, Json] = {"snapshot": {"$": snapshot}, "fuel": fuel}
        return self._ask("sandbox.export", args, {"refused": "exhausted"}, None)

    def close(self, handle: str) -> Script:
        """Drop a copy."""
        return self._ask("sandbox.close", {"handle": {"$": handle}}, {"ok": {}}, None)

    def missing(self, op: str, member: str, handle: str, rule: str | None = None) -> Script:
        """Use a handle that is not valid."""
        args: dict[str, Json] = {member: {"$": handle}}
        if op == "again":
            args["limits"] = LIMITS
        return self._ask(f"sandbox.{op}", args, {"refused": "missing"}, rule)

    def _ask(self, op: str, args: dict[str, Json], expect: dict[str, Json], rule: str | None) -> Script:
        self.steps.append(CaseStep(op, args, expect, rule))
        return self

    def _reported(self, expected: Expected, more: dict[str, Json]) -> dict[str, Json]:
        forms: list[dict[str, Json]] = []
        for one in [expected] if isinstance(expected, Prediction) else expected:
            output: Json = ANY
            if isinstance(one, Prediction) and one.outcome == "done":
                output = to_base64(write_words(self.abi, one.words))
            names = _spelled(one.outcome) if isinstance(one, Prediction) else (one,)
            forms += [{"ok": {"outcome": name, "output": output, "used": ANY, **more}} for name in names]
        return _one_of(forms)


def _spelled(outcome: str) -> tuple[str, ...]:
    """Return the outcomes that a host may report, whether or not it names traps."""
    if outcome == "failed:trap:stack-overflow":
        return FULL_STACK
    return (outcome, "failed") if outcome.startswith("failed:trap:") else (outcome,)


def _one_of(expected: list[dict[str, Json]]) -> dict[str, Json]:
    return expected[0] if len(expected) == 1 else {"any": expected}


@dataclass(frozen=True, slots=True)
class Draft:
    """A case before it has an ABI.

    Attributes:
        name: topic and slug.
        rules: the rules that it tests.
        write: writes its requests.
        features: what it needs, without ``sandbox.``.
        abis: the ABIs in which it is possible.
        comment: what it shows.
    """

    name: str
    rules: tuple[str, ...]
    write: Callable[[Script], Script]
    features: tuple[str, ...] = ()
    abis: tuple[str, ...] = ABIS
    comment: str = ""

    def case(self, abi: str) -> Case:
        """Return the case for an ABI."""
        topic, slug = self.name.split("/")
        needed = tuple(f"sandbox.{feature}" for feature in (f"abi.{abi}", *self.features))
        requires = Requires((), needed, ("sandbox",))
        rules = tuple(f"sandbox.{rule}" for rule in self.rules)
        steps = tuple(self.write(Script(abi)).steps)
        return Case(f"sandbox/{topic}/{abi}-{slug}", rules, requires, steps, comment=self.comment)


def _runs(*runs: tuple[Any, ...]) -> Callable[[Script], Script]:
    """Return what writes some runs: of a probe, what is expected, and perhaps the limits."""

    def write(script: Script) -> Script:
        for probe, expected, *limits in runs:
            script.run(probe, expected, limits=limits[0] if limits else LIMITS)
        return script

    return write


def _slug(words: str) -> str:
    return "-".join("".join(each if each.isalnum() else " " for each in words.lower()).split())


def _modules() -> Iterator[Draft]:
    whole = probes.every_word(2)
    valid = whole, predict(whole)[0]
    for name, build in defects.defective(whole).items():
        yield Draft(f"module/{_slug(name)}", ("module.unresolved",), _runs(valid, (build, UNRESOLVED)))
    for name, build in defects.FLOOR.items():
        yield _done(f"module/{_slug(name)}", build, "module.floor")


def _done(name: str, build: Build, *rules: str) -> Draft:
    """Return a case of one run, which ends as the interpreter says."""
    return Draft(name, rules, _runs((build, predict(build)[0])))


def _results() -> Iterator[Draft]:
    for name, build in probes.semantics():
        yield _done(f"result/{_slug(name)}", build, "result.exact", "module.floor")
    for count in (0, 1, 4, 256):
        yield _done(f"result/{count}-words", probes.every_word(count), "result.whole")
    yield _done("result/bytes-around-the-size", probes.bordered, "result.whole")
    at_end = _runs((ending_at_the_end, Prediction("done", (9, 9))))
    yield Draft("result/from-the-end-of-the-memory", ("result.whole",), at_end, abis=("wasi",))


def _codes() -> Iterator[Draft]:
    """Yield the cases of entries that end with a number."""
    results = ("extism", "grit")
    for code in (0, 1, 2, 125, 255, 65_536, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF):
        exits = probes.exiting(code)
        expected = predict(exits)[0]
        runs = _runs((exits, expected))
        if code <= 125:
            yield Draft(f"outcome/exit-{code}", ("outcome.exit", "outcome.class"), runs, abis=("wasi",))
        either = _runs((exits, (expected, "failed") if code else expected))
        yield Draft(f"outcome/result-{code}", ("outcome.class",), either, abis=results)
        if code:
            yield Draft(f"trap/result-{code}", ("outcome.trap",), runs, ("traps",), abis=results)


def _outcomes() -> Iterator[Draft]:
    word = probes.every_word(1)
    valid = word, predict(word)[0]
    for trap, causes in CAUSES.items():
        if trap == "stack-overflow":
            continue
        first = next(iter(causes))
        runs = _runs(valid, (probes.trapping(trap, first), Prediction(f"failed:trap:{trap}")))
        yield Draft(f"outcome/{trap}", ("outcome.class",), runs)
        for cause in causes:
            runs = _runs(valid, (probes.trapping(trap, cause), (f"failed:trap:{trap}",)))
            yield Draft(f"trap/{trap}-{_slug(cause)}", ("outcome.trap",), runs, ("traps",))
    runs = _runs((working("calls", 1 << 31), STOPPED, SHORT), valid)
    yield Draft("outcome/more-work-than-the-limit", ("outcome.class",), runs)
    for kind in states.RECURSIONS:
        runs = _runs((states.recursing(kind), FULL_STACK), valid)
        yield Draft(f"stack/{_slug(kind)}", ("stack.bound",), runs)
    for kind in states.LOOPS:
        runs = _runs((states.endless(kind), STOPPED, SHORT), valid)
        yield Draft(f"stop/{_slug(kind)}", ("stop.any", "outcome.class"), runs)
    for number, text in enumerate(defects.TEXTS):
        for ending, (build, neutral) in defects.forgeries(text).items():
            expected, limits = (STOPPED, SHORT) if ending == "loop" else (predict(neutral)[0], LIMITS)
            runs = _runs((neutral, expected, limits), (build, expected, limits))
            yield Draft(f"outcome/text-{number}-{_slug(ending)}", ("outcome.unforged",), runs)


def _instances() -> Iterator[Draft]:
    counts = predict(probes.counter, 8)
    left = predict(states.leaving, 2)
    word = probes.every_word(1)
    done = predict(word)[0]
    yield Draft(
        "run/fresh",
        ("run.fresh",),
        lambda script: (
            script.run(probes.counter, counts[0])
            .run(states.leaving, left[0])
            .run(probes.counter, counts[0])
            .run(states.leaving, left[0])
        ),
    )
    yield Draft(
        "run/interleaved",
        ("run.apart",),
        lambda script: (
            script.run(probes.counter, counts[0], "a")
            .run(states.leaving, left[0], "b")
            .run(probes.counter, counts[0], "c")
            .again("a", counts[1])
            .again("b", left[1])
            .again("c", counts[1])
            .again("a", counts[2])
            .again("b", left[1])
        ),
        ("keep",),
    )
    yield Draft(
        "keep/counts",
        ("keep.state",),
        lambda script: (
            script.run(probes.counter, counts[0], "a")
            .again("a", counts[1])
            .again("a", counts[2])
            .run(states.leaving, left[0], "b")
            .again("b", left[1])
        ),
        ("keep",),
    )
    yield Draft(
        "keep/closed",
        ("keep.closed",),
        lambda script: (
            script.run(probes.counter, counts[0], "a")
            .run(probes.counter, counts[0], "b")
            .again("a", counts[1])
            .close("a")
            .missing("again", "instance", "a")
            .missing("close", "handle", "a")
            .again("b", counts[1])
            .run(probes.counter, counts[0], "c")
            .missing("again", "instance", "a")
        ),
        ("keep",),
    )
    large, small = {**LIMITS, "pages": 64}, {**LIMITS, "pages": 32}
    unsteady = predict(states.unsteady, 2, 64)
    trap = Prediction("failed:trap:unreachable")
    yield Draft(
        "fail/apart",
        ("fail.apart",),
        lambda script: (
            script.run(probes.counter, counts[0], "a")
            .run(states.failing, trap)
            .again("a", counts[1])
            .run(states.endless("branch"), STOPPED, limits=SHORT)
            .again("a", counts[2])
            .run(states.recursing("direct"), FULL_STACK)
            .again("a", counts[3])
            .run(states.unsteady, unsteady[0], limits=large)
            .run(word, done)
        ),
        ("keep",),
    )
    yield Draft(
        "fail/atomic",
        ("fail.atomic",),
        lambda script: (
            script.run(states.unsteady, unsteady[0], "a", large)
            .again("a", trap, small)
            .again("a", trap, small)
            .again("a", unsteady[1], large)
        ),
        ("keep", "atomic"),
        comment="The failed calls have written to the memory, set a global and grown the memory.",
    )
    yield Draft(
        "fail/atomic-first",
        ("fail.atomic",),
        lambda script: script.run(states.unsteady, trap, "a").again("a", unsteady[0], large),
        ("keep", "atomic"),
    )


def _limits() -> Iterator[Draft]:
    for pages in (16, 32):
        within = {**LIMITS, "pages": pages}
        beyond = predict(probes.grows(pages + 4), 1, pages)[0]
        exact = predict(probes.grows(pages - 1), 1, pages)[0]
        yield Draft(
            f"pages/grown-beyond-{pages}",
            ("pages.bound",),
            _runs((probes.grows(pages + 4), (beyond, *ENDED), within)),
        )
        yield Draft(
            f"pages/grown-to-{pages}",
            ("pages.reached",),
            _runs((probes.grows(pages - 1), exact, within)),
        )
        first = predict(states.sized(pages), 1, pages)[0]
        full = predict(states.growing(pages), 1, pages)[0]
        yield Draft(
            f"pages/one-more-than-an-initial-{pages}",
            ("pages.bound",),
            _runs((states.growing(pages), (full, *ENDED), within)),
        )
        yield Draft(f"pages/initial-{pages}", ("pages.reached",), _runs((states.sized(pages), first, within)))
        yield Draft(
            f"pages/initial-beyond-{pages}",
            ("pages.bound",),
            _runs(
                (states.sized(pages - 1), predict(states.sized(pages - 1), 1, pages)[0], within),
                (states.sized(pages + 1), (*UNRESOLVED, *ENDED), within),
            ),
        )
    declared = predict(states.growing(15, 100), 1, 16)[0]
    refused = (Prediction("done", (0xFFFFFFFF, 16)), *ENDED)
    yield Draft(
        "pages/declared-maximum",
        ("pages.bound",),
        lambda script: script.run(states.growing(15, 100), declared, "a").again("a", refused),
        ("keep",),
    )
    yield Draft(
        "limits/of-each-call",
        ("limits.own",),
        lambda script: (
            script.run(states.growing(15), declared, "a")
            .again("a", refused)
            .run(states.growing(15), declared, "b")
            .again("b", Prediction("done", (16, 17)), {**LIMITS, "pages": 32})
            .run(states.growing(15), declared, "c", {**LIMITS, "pages": 64})
            .again("c", refused)
        ),
        ("keep",),
    )
    yield Draft(
        "table/elements",
        ("table.bound",),
        lambda script: script.run(states.tables(40), predict(states.tables(40))[0], limits={**LIMITS, "table": 40}).run(
            states.tables(41), (*UNRESOLVED, "exhausted:table", "failed"), limits={**LIMITS, "table": 40}
        ),
        ("table",),
    )


def _snapshots() -> Iterator[Draft]:
    counts = predict(probes.counter, 8)
    left = predict(states.leaving, 2)
    trap = Prediction("failed:trap:unreachable")
    unsteady = predict(states.unsteady, 2, 64)
    large = {**LIMITS, "pages": 64}
    yield Draft(
        "fork/counts",
        ("fork.apart", "snapshot.fixed"),
        lambda script: (
            script.run(probes.counter, counts[0], "parent")
            .snapshot("parent", "s")
            .resume("s", "x")
            .resume("s", "y")
            .again("x", counts[1])
            .again("x", counts[2])
            .again("y", counts[1])
            .again("x", counts[3])
            .again("parent", counts[1])
            .again("y", counts[2])
            .resume("s", "z")
            .again("z", counts[1], rule="sandbox.snapshot.fixed")
        ),
        ("snapshot",),
    )
    turned = predict(states.turning, 3)
    yield Draft(
        "snapshot/globals",
        ("snapshot.globals",),
        lambda script: (
            script.run(states.turning, turned[0], "a")
            .snapshot("a", "s")
            .resume("s", "b")
            .again("b", turned[1])
            .snapshot("b", "t")
            .resume("t", "c")
            .again("c", turned[2])
        ),
        ("snapshot",),
    )
    yield Draft(
        "snapshot/memory",
        ("snapshot.memory", "snapshot.globals"),
        lambda script: script.run(states.leaving, left[0], "a").snapshot("a", "s").resume("s", "b").again("b", left[1]),
        ("snapshot",),
    )
    yield Draft(
        "snapshot/before-the-first-change",
        ("snapshot.quiet", "fork.equal"),
        lambda script: (
            script.run(probes.counter, counts[0], "a")
            .snapshot("a", "s")
            .resume("s", "b")
            .snapshot("b", "t")
            .resume("t", "c")
            .again("c", counts[1])
            .again("a", counts[1])
        ),
        ("snapshot",),
    )
    yield Draft(
        "snapshot/of-a-closed-instance",
        ("snapshot.fixed", "keep.closed"),
        lambda script: (
            script.run(probes.counter, counts[0], "a")
            .snapshot("a", "s")
            .close("a")
            .resume("s", "b")
            .close("s")
            .again("b", counts[1])
            .missing("resume", "snapshot", "s", "sandbox.keep.closed")
            .missing("snapshot", "instance", "a", "sandbox.keep.closed")
            .again("b", counts[2])
        ),
        ("snapshot",),
    )
    yield Draft(
        "snapshot/after-a-failed-child",
        ("snapshot.fixed",),
        lambda script: (
            script.run(states.unsteady, unsteady[0], "a", large)
            .snapshot("a", "s")
            .resume("s", "b")
            .again("b", trap, {**LIMITS, "pages": 32})
            .resume("s", "c")
            .again("c", unsteady[1], large)
        ),
        ("snapshot",),
    )
    yield Draft(
        "snapshot/kinds-of-handles",
        ("keep.closed",),
        lambda script: (
            script.run(probes.counter, counts[0], "a")
            .snapshot("a", "s")
            .missing("again", "instance", "s")
            .missing("resume", "snapshot", "a")
            .missing("snapshot", "instance", "s")
            .again("a", counts[1])
        ),
        ("snapshot",),
    )
    yield Draft(
        "export/same-process",
        ("export.complete",),
        lambda script: (
            script.run(states.leaving, left[0], "a")
            .snapshot("a", "s")
            .copy("export", "snapshot", "s", "bytes", "data")
            .close("a")
            .close("s")
            .copy("import", "bytes", "data", "snapshot", "t")
            .resume("t", "b")
            .again("b", left[1])
        ),
        ("export",),
    )
    yield Draft(
        "export/of-closed",
        ("keep.closed",),
        lambda script: (
            script.run(probes.counter, counts[0], "a")
            .snapshot("a", "s")
            .copy("export", "snapshot", "s", "bytes", "data")
            .close("s")
            .missing("export", "snapshot", "s")
            .missing("export", "snapshot", "a")
            .again("a", counts[1])
        ),
        ("export",),
    )


def _tanks() -> Iterator[Draft]:
    """Amounts are the host's own, so these cases are about calls that need far less than a limit, or have no end."""
    counts, turned = predict(probes.counter, 4), predict(states.once, 1)
    rest: dict[str, Json] = {**LIMITS, "fuel": None}
    spent = ("exhausted:fuel",)
    yield Draft(
        "tank/rest",
        ("tank.carried",),
        lambda script: (
            script.run(probes.counter, counts[0], "a")
            .again("a", counts[1], rest)
            .run(states.once, turned[0], "b", {**LIMITS, "fuel": 1_000_000})
            .again("b", spent, rest)
        ),
        ("tank",),
        comment="The first call of the second probe ends, and the next one does not.",
    )
    yield Draft(
        "tank/of-a-fork",
        ("tank.carried",),
        lambda script: (
            script.run(states.once, turned[0], "a", {**LIMITS, "fuel": 1_000_000})
            .snapshot("a", "s")
            .resume("s", "b")
            .snapshot("b", "t")
            .resume("t", "c")
            .again("c", spent, rest)
            .run(probes.counter, counts[0], "d")
            .snapshot("d", "u")
            .resume("u", "e")
            .again("e", counts[1], rest)
            .again("d", counts[1], rest)
        ),
        ("tank",),
    )
    yield Draft(
        "tank/of-an-export",
        ("tank.moved",),
        lambda script: (
            script.run(probes.counter, counts[0], "a")
            .snapshot("a", "s")
            .export("s", "some", 100_000_000)
            .copy("import", "bytes", "some", "snapshot", "t")
            .resume("t", "b")
            .again("b", counts[1], rest)
            .again("a", counts[1], rest)
            .export("s", "none", None)
            .copy("import", "bytes", "none", "snapshot", "u")
            .resume("u", "c")
            .again("c", spent, rest)
        ),
        ("tank", "export"),
        comment="The second export carries no fuel.",
    )
    yield Draft(
        "tank/more-than-is-left",
        ("tank.moved",),
        lambda script: (
            script.run(probes.counter, counts[0], "a")
            .snapshot("a", "s")
            .export("s", "most", 900_000_000)
            .too_much("s", 100_000_001)
            .again("a", counts[1], rest)
            .again("a", counts[2])
            .snapshot("a", "t")
            .export("t", "other", 900_000_000)
            .too_much("s", 100_000_001)
        ),
        ("tank", "export"),
        comment="The first tank had 1,000,000,000 units. A call with a number has a tank of its own.",
    )
    yield Draft(
        "tank/without-a-limit",
        ("tank.carried", "tank.moved"),
        lambda script: (
            script.run(probes.counter, counts[0], "a", rest)
            .again("a", counts[1], rest, rule="sandbox.tank.carried")
            .snapshot("a", "s")
            .export("s", "none", None)
            .copy("import", "bytes", "none", "snapshot", "t")
            .resume("t", "b")
            .again("b", counts[2], rest, rule="sandbox.tank.moved")
        ),
        ("tank", "export"),
    )


WIDE_ABIS: Final = ("memory", "wasi", "extism")
"""Those of hosts that can claim ``sandbox.wide``; the bridge has the language of ``wasm``."""


def _wide() -> Iterator[Draft]:
    counts = predict(wide.starting(), 4, wide=True)
    word = probes.every_word(1)
    valid = word, predict(word)[0]
    runs = _runs((wide.starting(), counts[0]), (wide.starting(), counts[0]))
    yield Draft("wide/start-runs-once", ("module.wide", "run.fresh"), runs, ("wide",), WIDE_ABIS)
    trapping = wide.starting(["unreachable"])
    runs = _runs(valid, (trapping, predict(trapping, wide=True)[0]), (wide.starting(), counts[0]))
    yield Draft("wide/start-traps", ("outcome.class", "module.wide"), runs, ("wide",), WIDE_ABIS)
    endless = wide.starting([("loop", None, [("br", 0)])])
    runs = _runs((endless, STOPPED, SHORT), (wide.starting(), counts[0]))
    yield Draft("wide/start-loops", ("stop.any", "outcome.class"), runs, ("wide",), WIDE_ABIS)
    yield Draft(
        "wide/start-and-again",
        ("keep.state", "module.wide"),
        lambda script: (
            script.run(wide.starting(), counts[0], "a")
            .again("a", counts[1])
            .run(wide.starting(), counts[0], "b")
            .again("a", counts[2])
            .again("b", counts[1])
        ),
        ("wide", "keep"),
        WIDE_ABIS,
    )
    yield Draft(
        "wide/start-and-resume",
        ("snapshot.quiet",),
        lambda script: (
            script.run(wide.starting(), counts[0], "a")
            .snapshot("a", "s")
            .resume("s", "b")
            .again("b", counts[1])
            .again("a", counts[1])
            .snapshot("b", "t")
            .resume("t", "c")
            .again("c", counts[2])
        ),
        ("wide", "snapshot"),
        WIDE_ABIS,
    )
    yield Draft(
        "wide/start-and-import",
        ("snapshot.quiet", "export.complete"),
        lambda script: (
            script.run(wide.starting(), counts[0], "a")
            .snapshot("a", "s")
            .copy("export", "snapshot", "s", "bytes", "data")
            .copy("import", "bytes", "data", "snapshot", "t")
            .resume("t", "b")
            .again("b", counts[1])
            .again("b", counts[2])
        ),
        ("wide", "export"),
        WIDE_ABIS,
    )
    for number, bits in enumerate(wide.BITS):
        yield _floats(number, wide.floating(*bits))


def _floats(number: int, build: Build) -> Draft:
    """Return a case of globals with certain bits, called from one instance and from copies of it."""
    found = predict(build, 4, wide=True)
    return Draft(
        f"wide/float-globals-{number}",
        ("snapshot.globals", "module.wide"),
        lambda script: (
            script.run(build, found[0], "a", rule="sandbox.module.wide")
            .snapshot("a", "s")
            .again("a", found[1], rule="sandbox.keep.state")
            .resume("s", "b")
            .again("b", found[1])
            .again("b", found[2])
            .snapshot("b", "t")
            .resume("t", "c")
            .again("c", found[3])
        ),
        ("wide", "snapshot"),
        WIDE_ABIS,
    )


def _suspended() -> Iterator[Draft]:
    counts, rounds = predict(probes.counter, 2), 10_000_000
    long, counted = counting(rounds), Prediction("done", (rounds,))
    short: dict[str, Json] = {**LIMITS, "fuel": 100_000}
    waits = ("suspended",)
    yield Draft(
        "suspend/kept",
        ("suspend.kept",),
        lambda script: (
            script.run(probes.counter, counts[0], "a", suspend=True)
            .run(states.endless("branch"), waits, "b", short, suspend=True)
            .again("b", waits, short, suspend=True)
            .again("a", counts[1], suspend=True)
            .again("b", ("exhausted:fuel",), short)
        ),
        ("suspend",),
    )
    yield Draft(
        "suspend/continued",
        ("suspend.equal",),
        lambda script: (
            script.run(long, counted)
            .run(long, waits, "a", short, suspend=True)
            .again("a", waits, short, suspend=True)
            .again("a", counted)
            .again("a", waits, short, suspend=True)
            .again("a", counted, suspend=True)
        ),
        ("suspend",),
    )
    yield Draft(
        "suspend/copied",
        ("suspend.equal",),
        lambda script: (
            script.run(long, waits, "a", short, suspend=True)
            .snapshot("a", "s")
            .again("a", counted)
            .copy("export", "snapshot", "s", "bytes", "data")
            .copy("import", "bytes", "data", "snapshot", "t")
            .resume("t", "b")
            .again("b", waits, short, suspend=True)
            .again("b", counted)
            .resume("s", "c")
            .again("c", counted)
        ),
        ("suspend", "export"),
    )


def sandbox_files() -> list[VectorFile]:
    """Return all files of vectors of the profile."""
    drafts = [
        *_modules(),
        *_results(),
        *_codes(),
        *_outcomes(),
        *_instances(),
        *_limits(),
        *_snapshots(),
        *_tanks(),
        *_suspended(),
        *_wide(),
    ]
    topics: dict[str, list[Case]] = {}
    for draft in drafts:
        for abi in draft.abis:
            topics.setdefault(draft.name.split("/")[0], []).append(draft.case(abi))
    return [
        VectorFile(f"sandbox/{topic}.json", "0.6", "sandbox", topic, "accept", {}, tuple(cases))
        for topic, cases in sorted(topics.items())
    ]


def main(root: Path) -> int:
    """Write the files and the texts of their probes."""
    files = sandbox_files()
    for file in files:
        (root / file.path).parent.mkdir(exist_ok=True)
        (root / file.path).write_text(file.to_text(), encoding="utf-8", newline="\n")
        print(f"{file.path}: {len(file.cases)} cases")
    folder = root / FOLDER
    folder.mkdir(exist_ok=True)
    for left in folder.iterdir():
        left.unlink()
    for name, (_, text) in probe_texts(files).items():
        (folder / name).write_text(text, encoding="ascii", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(vectors_dir()))
