"""What an implementation can see of the suite: nothing but ``hello`` names it, and ``--blind`` hides that, too.

Spec: :rule:`suite.request.neutral` and :rule:`suite.request.blind`.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gritstone_conformance import SUITE_VERSION
from gritstone_conformance.attachment.disguise import disguised, drawn_client
from gritstone_conformance.attachment.seqs import seq_number
from gritstone_conformance.cli import main
from selftests.paths import PLANTED

CASES = ("grit/store/put-strict-framed", "grit/damage/far-offsets-framed", "grit/bundle/by-path-framed")
TOKENS = re.compile(rb"gritstone|conformance|hypothesis|pytest|grit/(store|damage|bundle)/", re.IGNORECASE)
MAGIC = b"gritstone bundle 1\n"
"""The start of a bundle: its format, and not the suite."""


def run_of(folder: Path, *options: str) -> tuple[list[Any], list[Any], int]:
    """Return the requests of a run of the cases, what its processes saw, and the exit code."""
    seen, trace = folder / "seen", folder / "trace"
    seen.mkdir(parents=True)
    command = f"{sys.executable} {PLANTED / 'recording.py'} {seen}"
    chosen = [word for name in CASES for word in ("-k", name)]
    told = ["--quiet", "--trace", str(trace), "--report", str(folder / "report.jsonl")]
    code = main(["verify", "--iut", command, *chosen, *told, *options])
    lines = [line[2:] for line in trace.read_bytes().splitlines() if line.startswith(b"> ")]
    return [json.loads(line) for line in lines], [json.loads(path.read_text()) for path in seen.iterdir()], code


def texts_of(value: Any) -> Iterator[bytes]:
    """Yield the texts in a JSON value, also what base64url texts contain."""
    if isinstance(value, dict):
        yield from texts_of([*value, *value.values()])
    elif isinstance(value, list):
        for item in value:
            yield from texts_of(item)
    elif isinstance(value, str):
        yield value.encode()
        try:
            yield base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).removeprefix(MAGIC)
        except binascii.Error:
            return


@pytest.mark.rule("suite.request.neutral")
def test_nothing_but_hello_names_the_suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_", "/usr/bin/gritstone")
    requests, seen, code = run_of(tmp_path)
    assert code == 0
    assert {"dir", "to"} <= {name for request in requests for name in request["args"]}, "no case names a path"
    found = [text for request in requests if request["op"] != "hello" for text in texts_of(request["args"])]
    assert [text for text in found if TOKENS.search(text)] == []
    assert len(seen) == 1
    for each in seen:
        variables = each["environment"]
        assert "_" not in variables
        assert not [name for name in variables if name.startswith("PYTEST_")]
        added = {name: value for name, value in variables.items() if os.environ.get(name) != value}
        assert [name for name, value in added.items() if TOKENS.search(f"{name}={value}".encode())] == []


@pytest.mark.rule("suite.request.blind")
def test_blind_run_draws_names_and_seed(tmp_path: Path) -> None:
    runs = [run_of(tmp_path / str(number), "--blind") for number in range(2)]
    assert [code for _, _, code in runs] == [0, 0]
    hellos = [{request["args"]["suite"] for request in requests if request["op"] == "hello"} for requests, _, _ in runs]
    assert [len(names) for names in hellos] == [1, 1], "the processes of a run get different names"
    assert hellos[0] != hellos[1]
    assert not TOKENS.search("".join(hellos[0] | hellos[1]).encode())
    handles = [{request["args"].get("store") for request in requests} - {None} for requests, _, _ in runs]
    assert not handles[0] & handles[1]
    assert requests_numbers(runs[0][0]) != requests_numbers(runs[1][0])
    header = json.loads((tmp_path / "0" / "report.jsonl").read_text().splitlines()[0])
    assert header["blind"] is True
    assert runs[0][0][0]["seq"] == seq_number(header["seed"], 0)
    assert hellos[0] == {drawn_client(header["seed"])}


def requests_numbers(requests: list[Any]) -> list[int]:
    return [request["seq"] for request in requests]


def test_hello_names_the_suite_without_the_option(tmp_path: Path) -> None:
    requests, _, _ = run_of(tmp_path)
    assert requests[0]["args"]["suite"] == f"gritstone {SUITE_VERSION}"
    assert requests[0]["seq"] == seq_number(1, 0)


def test_only_valid_handles_are_replaced() -> None:
    asked = {"store": "s", "runtime": "r", "names": ["s"], "bytes": "s"}
    changed = disguised(7, asked)
    assert {name for name, value in changed.items() if asked[name] != value} == {"store", "runtime"}
    assert changed["store"] != changed["runtime"]
    assert disguised(7, {"store": "s"}) == {"store": changed["store"]}
    assert disguised(8, {"store": "s"}) != {"store": changed["store"]}
    for odd in ("S", "", 3, None, "s" * 33):
        assert disguised(7, {"store": odd}) == {"store": odd}
    assert len(disguised(7, {"store": "s" * 32})["store"]) == 32


@pytest.mark.rule("suite.request.blind")
@pytest.mark.parametrize("mark", ["name", "seed", "handle"])
def test_flattering_adapter_is_detected_by_a_blind_run(tmp_path: Path, mark: str) -> None:
    command = f"{sys.executable} {PLANTED / 'flattering.py'} {mark}"
    usual = ["verify", "--iut", command, "-k", "grit/store/put-get-has", "--quiet"]
    assert main([*usual, "--report", str(tmp_path / "seen.jsonl")]) == 0
    assert main([*usual, "--blind", "--report", str(tmp_path / "blind.jsonl")]) == 1
