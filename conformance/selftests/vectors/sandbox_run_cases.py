"""Cases of one run: results, outcomes, and limits of pages and of tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gritstone_conformance.strategies import sandbox_defects as defects
from gritstone_conformance.strategies import sandbox_probes as probes
from gritstone_conformance.strategies import sandbox_states as states
from gritstone_conformance.strategies.endings import CAUSES
from gritstone_conformance.strategies.sandbox_probes import Prediction, predict
from gritstone_conformance.strategies.sandbox_wasi import ending_at_the_end
from gritstone_conformance.strategies.sandbox_work import working
from selftests.vectors.sandbox_scripts import (
    ENDED,
    FULL_STACK,
    LIMITS,
    SHORT,
    STOPPED,
    UNRESOLVED,
    Draft,
    Script,
    done,
    runs,
    slug,
)

__all__ = ["limit_drafts", "module_drafts", "outcome_drafts", "result_drafts"]


def module_drafts() -> Iterator[Draft]:
    whole = probes.every_word(2)
    valid = whole, predict(whole)[0]
    for name, build in defects.defective(whole).items():
        yield Draft(f"module/{slug(name)}", ("module.unresolved",), runs(valid, (build, UNRESOLVED)))
    for name, build in defects.FLOOR.items():
        yield done(f"module/{slug(name)}", build, "module.floor")


def result_drafts() -> Iterator[Draft]:
    for name, build in probes.semantics():
        yield done(f"result/{slug(name)}", build, "result.exact", "module.floor")
    for count in (0, 1, 4, 256):
        yield done(f"result/{count}-words", probes.every_word(count), "result.whole")
    yield done("result/bytes-around-the-size", probes.bordered, "result.whole")
    at_end = runs((ending_at_the_end, Prediction("done", (9, 9))))
    yield Draft("result/from-the-end-of-the-memory", ("result.whole",), at_end, abis=("wasi",))


def _codes() -> Iterator[Draft]:
    """Yield the cases of entries that end with a number."""
    results = ("extism", "grit")
    for code in (0, 1, 2, 125, 255, 65_536, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF):
        exits = probes.exiting(code)
        expected = predict(exits)[0]
        given = runs((exits, expected))
        if code <= 125:
            yield Draft(f"outcome/exit-{code}", ("outcome.exit", "outcome.class"), given, abis=("wasi",))
        either = runs((exits, (expected, "failed") if code else expected))
        yield Draft(f"outcome/result-{code}", ("outcome.class",), either, abis=results)
        if code:
            yield Draft(f"trap/result-{code}", ("outcome.trap",), given, ("traps",), abis=results)


def _traps() -> Iterator[Draft]:
    word = probes.every_word(1)
    valid = word, predict(word)[0]
    for trap, causes in CAUSES.items():
        if trap == "stack-overflow":
            continue
        first = next(iter(causes))
        given = runs(valid, (probes.trapping(trap, first), Prediction(f"failed:trap:{trap}")))
        yield Draft(f"outcome/{trap}", ("outcome.class",), given)
        for cause in causes:
            given = runs(valid, (probes.trapping(trap, cause), (f"failed:trap:{trap}",)))
            yield Draft(f"trap/{trap}-{slug(cause)}", ("outcome.trap",), given, ("traps",))


def _loops() -> Iterator[Draft]:
    word = probes.every_word(1)
    valid = word, predict(word)[0]
    given = runs(valid, (*valid, {**LIMITS, "fuel": None}), (*valid, {**LIMITS, "ms": None}))
    yield Draft("outcome/without-a-limit", ("outcome.class",), given)
    given = runs((working("calls", 1 << 31), STOPPED, SHORT), valid)
    yield Draft("outcome/more-work-than-the-limit", ("outcome.class",), given)
    for kind in states.RECURSIONS:
        given = runs((states.recursing(kind), FULL_STACK), valid)
        yield Draft(f"stack/{slug(kind)}", ("stack.bound",), given)
    for kind in states.LOOPS:
        given = runs((states.endless(kind), STOPPED, SHORT), valid)
        yield Draft(f"stop/{slug(kind)}", ("stop.any", "outcome.class"), given)


def _forgeries() -> Iterator[Draft]:
    for number, text in enumerate(defects.TEXTS):
        for ending, (build, neutral) in defects.forgeries(text).items():
            expected, limits = (STOPPED, SHORT) if ending == "loop" else (predict(neutral)[0], LIMITS)
            given = runs((neutral, expected, limits), (build, expected, limits))
            yield Draft(f"outcome/text-{number}-{slug(ending)}", ("outcome.unforged",), given)


def outcome_drafts() -> Iterator[Draft]:
    """Yield the cases of how a run ends."""
    yield from _codes()
    yield from _traps()
    yield from _loops()
    yield from _forgeries()


def _pages() -> Iterator[Draft]:
    for pages in (16, 32):
        within = {**LIMITS, "pages": pages}
        beyond = predict(probes.grows(pages + 4), 1, pages)[0]
        exact = predict(probes.grows(pages - 1), 1, pages)[0]
        yield Draft(
            f"pages/grown-beyond-{pages}",
            ("pages.bound",),
            runs((probes.grows(pages + 4), (beyond, *ENDED), within)),
        )
        yield Draft(
            f"pages/grown-to-{pages}",
            ("pages.reached",),
            runs((probes.grows(pages - 1), exact, within)),
        )
        first = predict(states.sized(pages), 1, pages)[0]
        full = predict(states.growing(pages), 1, pages)[0]
        yield Draft(
            f"pages/one-more-than-an-initial-{pages}",
            ("pages.bound",),
            runs((states.growing(pages), (full, *ENDED), within)),
        )
        yield Draft(f"pages/initial-{pages}", ("pages.reached",), runs((states.sized(pages), first, within)))
        yield Draft(
            f"pages/initial-beyond-{pages}",
            ("pages.bound",),
            runs(
                (states.sized(pages - 1), predict(states.sized(pages - 1), 1, pages)[0], within),
                (states.sized(pages + 1), (*UNRESOLVED, *ENDED), within),
            ),
        )


_DECLARED: Final = predict(states.growing(15, 100), 1, 16)[0]
_REFUSED: Final = (Prediction("done", (0xFFFFFFFF, 16)), *ENDED)


def _pages_declared_maximum(script: Script) -> Script:
    return script.run(states.growing(15, 100), _DECLARED, "a").again("a", _REFUSED)


def _limits_of_each_call(script: Script) -> Script:
    return (
        script.run(states.growing(15), _DECLARED, "a")
        .again("a", _REFUSED)
        .run(states.growing(15), _DECLARED, "b")
        .again("b", Prediction("done", (16, 17)), {**LIMITS, "pages": 32})
        .run(states.growing(15), _DECLARED, "c", {**LIMITS, "pages": 64})
        .again("c", _REFUSED)
    )


def _table_elements(script: Script) -> Script:
    return script.run(states.tables(40), predict(states.tables(40))[0], limits={**LIMITS, "table": 40}).run(
        states.tables(41), (*UNRESOLVED, "exhausted:table", "failed"), limits={**LIMITS, "table": 40}
    )


_LIMITS: Final = (
    Draft("pages/declared-maximum", ("pages.bound",), _pages_declared_maximum, ("keep",)),
    Draft("limits/of-each-call", ("limits.own",), _limits_of_each_call, ("keep",)),
    Draft("table/elements", ("table.bound",), _table_elements, ("table",)),
)


def limit_drafts() -> Iterator[Draft]:
    """Yield the cases of limits of pages and of tables."""
    yield from _pages()
    yield from _LIMITS
