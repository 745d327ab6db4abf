"""Automatic mutation: change one place of an implementation, run the suite on it, and check whether a case notices.

Without ``--all``: a sample. Mutants are drawn by the seed until the time is over, first those with a recorded result.
The case that noticed such a mutant is run again; the others are judged by the cases of their topic. The exit code is 1
if more than one in fifty (and more than one) of those noticed before is no longer noticed, because faults of timing are
noticed by chance. A decision about a line that has changed since is printed.

With ``--all``: every mutant without a recorded result is judged by all cases that reach it, and the results are
written. It can be stopped at any time and continues where it stopped. It refuses to begin while a decision is stale.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import random
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from .mutants import Mutant, Result, read_decisions, read_results, stale, write_results
from .playing import Bench, Work, in_parallel, planned, read_reach, write_reach
from .scores import HERE, generated, print_scores, print_unnoticed, read_topics, score, write_generated
from .targets import TARGETS


def _all(
    bench: Bench, drawn: Sequence[Mutant], recorded: Mapping[str, Result], options: argparse.Namespace
) -> tuple[int, Mapping[str, Result]]:
    """Judge the mutants without a result by the cases that reach them; return the exit code and all results."""
    digest = hashlib.sha256(" ".join([*(mutant.name for mutant in bench.mutants), *bench.items]).encode()).hexdigest()
    path = options.work / f"{options.target}-{digest[:12]}.reach"
    if not path.exists():
        print(f"recording which cases reach which mutants, in {path}", flush=True)
        write_reach(bench, path, options.jobs)
    reach = read_reach(path)
    bench = replace(bench, seconds=reach.seconds())
    decisions = read_decisions(options.decisions)
    known = {name for name, each in recorded.items() if each.verdict not in options.again or name in decisions}
    new = [mutant for mutant in drawn if mutant.name not in known][: options.most]
    works = [Work(mutant, reach.cases(bench.target.places(mutant))) for mutant in new]
    results = dict(recorded)
    for count, result in enumerate(in_parallel(bench, Bench.judge, works, options.jobs)):
        if result is not None:
            results[result.name] = result
        if count % 50 == 0 or count == len(works) - 1:
            write_results(options.results, results.values())
    if options.files == "*":
        write_generated(options.results.parent, options.target, generated(bench.mutants))
    print_unnoticed(bench.mutants, results, read_decisions(options.decisions))
    return 0, results


def _sample(
    bench: Bench, drawn: Sequence[Mutant], recorded: Mapping[str, Result], options: argparse.Namespace
) -> tuple[int, Mapping[str, Result]]:
    """Judge drawn mutants until the time is over, first those with a result; return the exit code and the results.

    A recorded result of a mutant that no case noticed is taken as it is.
    """
    decisions = read_decisions(options.decisions)
    cases = {name: [str(result.case)] for name, result in recorded.items() if result.case in bench.items}
    settled = {name: result for name, result in recorded.items() if result.case is None}
    order = sorted(drawn, key=lambda mutant: mutant.name not in recorded)
    of_topic = {file: bench.of_topic(file) for file in bench.topics}
    works = [Work(each, cases.get(each.name) or of_topic[each.file]) for each in order if each.name not in settled]
    judged = in_parallel(bench, Bench.judge, works, options.jobs)
    results: dict[str, Result] = {}
    lost: list[Mutant] = []
    for mutant in order:
        result = settled[mutant.name] if mutant.name in settled else next(judged)
        if result is None:
            break
        if result.verdict == "survived" and mutant.name in cases:
            result = replace(bench, until=math.inf).judge(Work(mutant, of_topic[mutant.file])) or result
            lost += [mutant] if result.verdict == "survived" else []
        results[mutant.name] = result
    print_unnoticed(bench.mutants, results, decisions)
    for mutant in lost:
        before = recorded[mutant.name].case
        print(f"{mutant.name} {mutant.file}:{mutant.line} is no longer noticed by {before} or a case of its topic")
    again = sum(1 for name in results if name in cases)
    return (1 if len(lost) > max(1, again // 50) else 0), results


def main() -> int:
    """Read the command line, mutate and run; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m mutation", description=__doc__.partition("\n")[0])
    parser.add_argument("target", nargs="?", choices=sorted(TARGETS), default="javascript")
    parser.add_argument("--all", action="store_true", help="judge every mutant without a result, and write the results")
    parser.add_argument("--part", default="0/1", help="K/N: only every N-th mutant, from the K-th")
    parser.add_argument("--files", default="*", help="only files that match")
    parser.add_argument("--cases", default="*", help="only cases whose names match")
    parser.add_argument("--seconds", type=float, help="begin no mutant after so many seconds")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds of cases that a mutant is given")
    parser.add_argument("--again", nargs="*", default=[], help="with --all: judge those with these verdicts again, too")
    parser.add_argument("--most", type=int, help="with --all: judge at most so many mutants")
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
        topics = read_topics(options.target, {mutant.file for mutant in mutants})
        bench = Bench(target, build, mutants, topics, planned(options.cases), limit_s=options.limit, until=until)
        if options.files == "*" and (old := stale(options.decisions, mutants)):
            print(f"{options.decisions}: no mutant is named {', '.join(old)}: its line has changed; decide again")
            if options.all:
                return 1
        drawn = list(mutants)
        random.Random(options.seed).shuffle(drawn)
        part, parts = map(int, options.part.split("/"))
        recorded = read_results(options.results)
        if options.files == "*":  # results of mutants that are no longer made are dropped
            recorded = {mutant.name: recorded[mutant.name] for mutant in mutants if mutant.name in recorded}
        code, results = (_all if options.all else _sample)(bench, drawn[part::parts], recorded, options)
        print(f"{len(results)} of {len(mutants)} mutants have a result")
        print_scores(score(results.values(), topics, read_decisions(options.decisions), generated(mutants)))
        return code


if __name__ == "__main__":
    sys.exit(main())
