"""A script in place of Java that prints what TLC would print, and small tables of a model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gritstone_conformance.model_checking.tlc import Tlc

__all__ = ["CLEAN", "FIRST", "LONG_RUN", "VIOLATED", "fake_tlc", "write_tables"]

CLEAN = """\
Model checking completed. No error has been found.
12 states generated, 7 distinct states found, 0 states left on queue.
The depth of the complete state graph search is 3.
"""
VIOLATED = """\
Error: Invariant Sent is violated.
Error: The behavior up to this point is:
State 1: <Initial predicate>
/\\ present = {}
/\\ left = [operations |-> 1]

State 2: <Put line 5, col 1 to line 9, col 9 of module Store>
/\\ present = {"step"}
/\\ left = [operations |-> 0]

3 states generated, 2 distinct states found, 1 states left on queue.
"""
LONG_RUN = VIOLATED.replace("Invariant Sent is violated", "Temporal properties were violated")
FIRST = "Error: Invariant Sent is violated by the initial state:\n/\\ present = {}\n/\\ left = 1\n\nFinished in 00s\n"


def fake_tlc(folder: Path, output: str = CLEAN, **broken: str) -> Tlc:
    """Return a TLC that prints ``output``, or another text for a configuration with that value of ``Broken``."""
    cases = ""
    for name, text in {**broken, "none": output}.items():
        (folder / f"{name}.txt").write_text(text, "utf-8")
        cases += f"if grep -q 'Broken = \"{name}\"' *.cfg; then cat '{folder}/{name}.txt'; exit 0; fi\n"
    java = folder / "java"
    java.write_text(f"#!/bin/sh\necho \"$@\" >> '{folder}/arguments'\n{cases}", "utf-8")
    java.chmod(0o755)
    return Tlc(str(java), folder / "tlc.jar")


def write_tables(folder: Path, *, rules: tuple[str, ...] = ("wit.one",), **changes: Any) -> Path:
    """Write the tables of a model with one run, one promise and one mutant; ``changes`` replaces tables."""
    promise = {"name": "Sent", "kind": "S", "module": "Store", "rules": list(rules), "sentence": "It was sent."}
    run = {
        "about": "One run.",
        "module": "Store",
        "gate": {"Kills": 1, "states": 7, "depth": 3},
        "nightly": {"Kills": 2},
    }
    tables: dict[str, Any] = {
        "invariants": {"invariants": [promise], "excused": {}},
        "bounds": {"defaults": {"Store": {"Broken": "none"}}, "runs": {"store": run}},
        "mutants": '[[mutant]]\nguard = "fence"\nrun = "store"\ninvariant = "Sent"\nrules = ["wit.one"]\n',
        "profiles-invariants": {"invariants": [], "excused": {}},
        "profiles-bounds": {"defaults": {}, "runs": {}, "witnesses": []},
        "profiles-mutants": "mutant = []\n",
    }
    for name, value in {**tables, **{key.replace("_", "-"): value for key, value in changes.items()}}.items():
        suffix = "toml" if name.endswith("mutants") else "json"
        (folder / f"{name}.{suffix}").write_text(value if isinstance(value, str) else json.dumps(value), "utf-8")
    return folder
