"""Cases of wide modules: start functions, and mutable globals of float types."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gritstone_conformance.strategies import sandbox_probes as probes
from gritstone_conformance.strategies import sandbox_wide as wide
from gritstone_conformance.strategies.sandbox_probes import Build, predict
from selftests.vectors.sandbox_scripts import SHORT, STOPPED, WIDE_ABIS, Draft, Script, runs

__all__ = ["wide_drafts"]

_COUNTS: Final = predict(wide.starting(), 4, wide=True)


def _starts() -> Iterator[Draft]:
    word = probes.every_word(1)
    valid = word, predict(word)[0]
    given = runs((wide.starting(), _COUNTS[0]), (wide.starting(), _COUNTS[0]))
    yield Draft("wide/start-runs-once", ("module.wide", "run.fresh"), given, ("wide",), WIDE_ABIS)
    trapping = wide.starting(["unreachable"])
    given = runs(valid, (trapping, predict(trapping, wide=True)[0]), (wide.starting(), _COUNTS[0]))
    yield Draft("wide/start-traps", ("outcome.class", "module.wide"), given, ("wide",), WIDE_ABIS)
    endless = wide.starting([("loop", None, [("br", 0)])])
    given = runs((endless, STOPPED, SHORT), (wide.starting(), _COUNTS[0]))
    yield Draft("wide/start-loops", ("stop.any", "outcome.class"), given, ("wide",), WIDE_ABIS)


def _wide_start_and_again(script: Script) -> Script:
    return (
        script.run(wide.starting(), _COUNTS[0], "a")
        .again("a", _COUNTS[1])
        .run(wide.starting(), _COUNTS[0], "b")
        .again("a", _COUNTS[2])
        .again("b", _COUNTS[1])
    )


def _wide_start_and_resume(script: Script) -> Script:
    return (
        script.run(wide.starting(), _COUNTS[0], "a")
        .snapshot("a", "s")
        .resume("s", "b")
        .again("b", _COUNTS[1])
        .again("a", _COUNTS[1])
        .snapshot("b", "t")
        .resume("t", "c")
        .again("c", _COUNTS[2])
    )


def _wide_start_and_import(script: Script) -> Script:
    return (
        script.run(wide.starting(), _COUNTS[0], "a")
        .snapshot("a", "s")
        .copy("export", "snapshot", "s", "bytes", "data")
        .copy("import", "bytes", "data", "snapshot", "t")
        .resume("t", "b")
        .again("b", _COUNTS[1])
        .again("b", _COUNTS[2])
    )


_STARTED: Final = (
    Draft("wide/start-and-again", ("keep.state", "module.wide"), _wide_start_and_again, ("wide", "keep"), WIDE_ABIS),
    Draft("wide/start-and-resume", ("snapshot.quiet",), _wide_start_and_resume, ("wide", "snapshot"), WIDE_ABIS),
    Draft(
        "wide/start-and-import",
        ("snapshot.quiet", "export.complete"),
        _wide_start_and_import,
        ("wide", "export"),
        WIDE_ABIS,
    ),
)


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


def wide_drafts() -> Iterator[Draft]:
    """Yield the cases of wide modules."""
    yield from _starts()
    yield from _STARTED
    for number, bits in enumerate(wide.BITS):
        yield _floats(number, wide.floating(*bits))
