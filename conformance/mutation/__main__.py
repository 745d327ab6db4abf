"""Automatic mutation: change one place of an implementation, run the suite on it, and check whether a case notices.

Without ``--all``: a sample. Mutants are drawn by the seed until the time is over. For a mutant with a recorded result,
the case that noticed it is run again; the others are judged by the cases of their topic. The exit code is 1 if a
mutant that was noticed is no longer noticed, or if a decision is stale.

With ``--all``: every mutant without a recorded result is judged by all cases that reach it, and the results are
written. It can be stopped at any time and continues where it stopped.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import random
import sys
import tempfile
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

from .mutants import Mutant, Result, read_decisions, read_results, stale, write_results
from .playing import Bench, Work, in_parallel, planned, read_reach
from .scores import print_scores, print_unnoticed
from .targets import HERE, TARGETS


def _topics(target: str, mutants: Sequence[Mutant]) -> Mapping[str, Sequence[str]]:
    globs: Mapping[str, Sequence[str]] = tomllib.loads((HERE / "topics.toml").read_text())[target]
    files = {mutant.file for mutant in mutants}
    return {file: next((rules for glob, rules in globs.items() if fnmatchcase(file, glob)), ()) for file in files}


def _record_reach(bench: Bench, path: Path, jobs: int) -> None:
    """Write a line for each case: its name, its seconds, the names of the mutants that it reaches."""
    unfinished = path.with_suffix(".part")
    with unfinished.open("w") as out:
        for line in in_parallel(bench, Bench.reach, sorted(bench.items), jobs):
            out.write(json.dumps(line) + "\n")
    unfinished.rename(path)


def _all(
    bench: Bench, drawn: Sequence[Mutant], recorded: Mapping[str, Result], options: argparse.Namespace
) -> tuple[int, Mapping[str, Result]]:
    """Judge the mutants without a result by the cases that reach them; return the exit code and all results."""
    digest = hashlib.sha256(" ".join([*(mutant.name for mutant in bench.mutants), *bench.items]).encode()).hexdigest()
    path = options.work / f"{options.target}-{digest[:12]}.reach"
    if not path.exists():
        print(f"recording which cases reach which mutants, in {path}", flush=True)
        _record_reach(bench, path, options.jobs)
    cases, seconds = read_reach(path)
    bench = replace(bench, seconds=seconds)
    works = [Work(mutant, cases.get(mutant.name, ())) for mutant in drawn if mutant.name not in recorded]
    results = dict(recorded)
    for count, result in enumerate(in_parallel(bench, Bench.judge, works, options.jobs)):
        if result is not None:
            results[result.name] = result
        if count % 50 == 0 or count == len(works) - 1:
            write_results(options.results, results.values())
    print_unnoticed(bench.mutants, results, read_decisions(options.decisions))
    return 0, results


def _sample(
    bench: Bench, drawn: Sequence[Mutant], recorded: Mapping[str, Result], options: argparse.Namespace
) -> tuple[int, Mapping[str, Result]]:
    """Judge drawn mutants until the time is over; return the exit code and the results of the sample."""
    decisions = read_decisions(options.decisions)
    works = []
    for mutant in drawn:
        before = recorded.get(mutant.name)
        if mutant.name in decisions or (before is not None and before.case is None):
            continue
        names = bench.of_topic(mutant) if before is None or before.case not in bench.items else [str(before.case)]
        works.append(Work(mutant, names))
    results: dict[str, Result] = {}
    lost: list[Mutant] = []
    for work, result in zip(works, in_parallel(bench, Bench.judge, works, options.jobs), strict=True):
        if result is None:
            break
        results[result.name] = result
        if result.verdict == "survived" and work.mutant.name in recorded:
            again = replace(bench, until=math.inf).judge(Work(work.mutant, bench.of_topic(work.mutant)))
            results[result.name] = again or result
            lost += [work.mutant] if again is None or again.verdict == "survived" else []
    print_unnoticed(bench.mutants, results, decisions)
    for mutant in lost:
        print(f"{mutant.name} {mutant.file}:{mutant.line} was noticed by {recorded[mutant.name].case}, and is no more")
    return (1 if lost else 0), results


def main() -> int:
    """Read the command line, mutate and run; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m mutation", description=__doc__.partition("\n")[0])
    parser.add_argument("target", nargs="?", choices=sorted(TARGETS), default="javascript")
    parser.add_argument("--all", action="store_true", help="judge every mutant without a result, and write the results")
    parser.add_argument("--part", default="0/1", help="K/N: only every N-th mutant, from the K-th")
    parser.add_argument("--files", default="*", help="only files that match")
    parser.add_argument("--seconds", type=float, help="begin no mutant after so many seconds")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds of cases that a mutant is given")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--work", type=Path, help="keep the build and what is reached here")
    options = parser.parse_args()
    options.results = HERE / "results" / f"{options.target}.jsonl"
    options.decisions = HERE / "decisions" / f"{options.target}.toml"
    with tempfile.TemporaryDirectory() as folder:
        options.work = options.work or Path(folder)
        options.work.mkdir(parents=True, exist_ok=True)
        target = TARGETS[options.target]
        build = options.work / options.target
        mutants = target.build(build, options.files)
        until = time.monotonic() + options.seconds if options.seconds else math.inf
        topics = _topics(options.target, mutants)
        bench = Bench(target, build, mutants, topics, planned(), limit_s=options.limit, until=until)
        if options.files == "*" and (old := stale(options.decisions, mutants)):
            print(f"{options.decisions}: no mutant is named {', '.join(old)}: its line has changed; decide again")
            return 1
        drawn = list(mutants)
        random.Random(options.seed).shuffle(drawn)
        part, parts = map(int, options.part.split("/"))
        recorded = read_results(options.results)
        recorded = {mutant.name: recorded[mutant.name] for mutant in mutants if mutant.name in recorded}
        code, results = (_all if options.all else _sample)(bench, drawn[part::parts], recorded, options)
        print_scores(bench, results, read_decisions(options.decisions))
        return code


if __name__ == "__main__":
    sys.exit(main())
