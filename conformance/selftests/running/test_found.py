"""Saved counterexamples: small, stored as vectors, and replayed by their requests alone."""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from gritstone_conformance.attachment.launcher import Launcher
from gritstone_conformance.bundled import vectors_dir
from gritstone_conformance.cli import main
from gritstone_conformance.planning.plan import Selection
from gritstone_conformance.planning.settings import RunSettings
from gritstone_conformance.planning.suite import SuiteData, load_data, plan_run
from gritstone_conformance.results.outcomes import Outcome
from gritstone_conformance.running.ledger import Ledger, ObservedSubject
from gritstone_conformance.running.outcome_builder import OutcomeBuilder
from gritstone_conformance.running.plan_runner import run_item
from gritstone_conformance.trial import Property
from gritstone_conformance.vectors.files import load_vectors
from selftests.mutants.mutate import Mutant, find_mutant

ONE_REQUEST = (
    "framed-tree-takes-any-order",
    "framed-tree-lets-the-last-of-two-names-win",
    "framed-takes-a-leading-zero",
    "framed-takes-zero-ids",
    "cbor-takes-long-heads",
    "cbor-ignores-trailing-bytes",
    "cbor-replaces-invalid-utf8",
    "cbor-takes-an-indefinite-map-of-headers",
    "cbor-joins-chunks",
    "cbor-sorts-names-as-texts",
    "cbor-map-lets-the-last-of-two-win",
    "cbor-skips-tags",
    "cbor-takes-undefined-for-null",
    "cbor-takes-text-for-bytes",
    "framed-drops-what-is-not-ascii",
    "framed-mailbox-lets-the-last-of-two-win",
    "framed-writes-nothing-for-no-headers",
    "framed-headers-come-in-any-order",
    "cbor-takes-false-for-null",
    "framed-mailbox-comes-in-any-order",
)
"""Twenty faults that one request shows."""

SAMPLE = ONE_REQUEST[:1]
REFERENCE = (sys.executable, "-m", "gritstone.harness")


@cache
def data() -> SuiteData:
    return load_data()


def adapter(mutant: Mutant) -> tuple[str, ...]:
    return mutant.command("gritstone.harness")


def shrunk(mutant: Mutant, home: Path, command: tuple[str, ...] | None = None) -> Outcome | None:
    """Return the first failure of a property under the mutant's rule, shrunk and saved."""
    items = plan_run(data(), Selection(rule=mutant.violates), 1).items
    subject = ObservedSubject(Launcher.for_command(command or adapter(mutant)).start(), Ledger())
    recorder = OutcomeBuilder(data().book)
    try:
        for item in sorted(items, key=lambda item: (item.rules[0] != mutant.violates, len(item.rules), item.name)):
            claims = subject.claims
            missing = item.requires.missing_from(claims.formats, claims.features, claims.profiles)
            if not isinstance(item.source, Property) or item.source.kind != "property" or missing is not None:
                continue
            outcome = run_item(item, subject, recorder, RunSettings(home=home, shrink_s=10.0))
            if outcome.verdict == "fail" and outcome.rule == mutant.violates:
                return outcome
    finally:
        subject.close()
    return None


def size(name: str, home: Path) -> int | None:
    """Return the number of requests to which a mutant's fault is shrunk; None: no property found it."""
    outcome = shrunk(find_mutant(name), home)
    return outcome.divergence.steps if outcome is not None and outcome.divergence is not None else None


@pytest.mark.rule("suite.found.small")
def test_fault_of_a_single_request_is_shrunk_to_one(tmp_path: Path) -> None:
    """A sample; ``smallness.py`` measures all twenty at night."""
    assert {name: size(name, tmp_path) for name in SAMPLE} == dict.fromkeys(SAMPLE, 1)


@pytest.mark.rule("suite.found.replays")
def test_promoted_vector_fails_on_its_mutant_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mutant = find_mutant("framed-writes-nothing-for-no-headers")
    outcome = shrunk(mutant, tmp_path)
    assert outcome is not None
    assert outcome.found is not None
    root = tmp_path / "vectors"
    shutil.copytree(vectors_dir() / "schema", root / "schema")
    (root / "grit").mkdir()
    for name in ("blob.json", "headers.json", "headers.reject.json"):
        shutil.copy(vectors_dir() / "grit" / name, root / "grit")
    assert main(["vectors", "--root", str(root), "--digest", "--write"]) == 0
    found = str(tmp_path / outcome.found)
    arguments = ["--rules", mutant.violates, "--comment", "a header that was left out"]
    assert main(["vectors", "--root", str(root), "--add", found, *arguments]) == 0, capsys.readouterr()
    assert main(["vectors", "--root", str(root), "--lint"]) == 0, capsys.readouterr()
    (promoted,) = [file for file in load_vectors(root).files if file.cases[0].origin.get("from") == outcome.case]
    assert promoted.path == f"grit/found/{promoted.cases[0].identity()[:16]}.json"
    assert replayed(root / promoted.path, adapter(mutant)) == (1, "FAILS")
    assert replayed(root / promoted.path, REFERENCE) == (0, "FIXED")


def replayed(file: Path, command: tuple[str, ...]) -> tuple[int, str]:
    """Replay a file where the engine that drew it is not importable; return the exit code and the first word."""
    program = (
        "import sys; sys.modules['hypothesis'] = None; from gritstone_conformance.cli import main; sys.exit(main())"
    )
    argv = [sys.executable, "-c", program, "replay", str(file), "--iut", " ".join(command)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, cwd=file.parent)
    return done.returncode, done.stdout.split(maxsplit=1)[0] if done.stdout else done.stderr
