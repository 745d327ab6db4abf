"""The model of the profile ``wasm`` against the worked examples of the spec."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from gritstone_conformance.bundled import spec_dir
from gritstone_conformance.model.cores import find
from gritstone_conformance.model.executor import Executor
from gritstone_conformance.model.formats import FORMATS, Format
from gritstone_conformance.model.refusals import Refusal
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.store import Store
from gritstone_conformance.model.values import Blob, Message, Object, Tree
from gritstone_conformance.model.wasm import calls
from gritstone_conformance.model.wasm.documents import CT_CBOR, encode_item
from gritstone_conformance.model.wasm.fork import fork_core
from gritstone_conformance.model.wasm.running import Guest, Left, run_guest

TEXT: Final = (Path(spec_dir()) / "wasm" / "examples.rst").read_text(encoding="utf-8")
COUNTER: Final = bytes.fromhex("".join(re.findall(r"^   ([0-9a-f]{70,})$", TEXT, re.MULTILINE)))
MANIFEST: Final = {"v": 1, "fuel": 1_000_000, "image": True, "pages": 4}


def golden() -> dict[tuple[str, str], tuple[str, list[int]]]:
    """Map the format and name of each value of the table to its id and its unit counts."""
    found = {}
    fmt = ""
    for line in TEXT.splitlines():
        words = line.split()
        if words and words[0] in FORMATS:
            fmt = words[0]
        value = re.fullmatch(r"   (A|B|A, s1|A, s2|B, s2|B, s3|fork 0) +([0-9a-f]{64})(.*)", line)
        if value:
            figures = [int(each.replace(",", "")) for each in re.findall(r"\b[0-9][0-9,]+\b", value[3])]
            found[fmt, value[1]] = value[2], figures
    return found


GOLDEN: Final = golden()


class Bench:
    """A store with the counter and a queue of messages to it."""

    def __init__(self, fmt: Format, manifest: Mapping[str, object] | None) -> None:
        self.store = Store(fmt)
        self.executor = Executor(self.store)
        shelf = self.executor.shelf
        self.agent = self.add(Tree((("name", self.add(Blob((("ct", "s"),), b"demo"))),)))
        module = self.add(Blob((("ct", "application/wasm"),), COUNTER))
        entries = {
            "code": self.add(Tree((("main.wasm", module),))),
            "wit": self.add(Blob((), b"wasm:code/main.wasm")),
        }
        if manifest is not None:
            blob = self.add(Blob(CT_CBOR, encode_item(dict(manifest))))
            entries["wasm"] = self.add(Tree((("manifest", blob),)))
        self.core = self.add(Tree(tuple(entries.items())))
        self.shelf = shelf
        self.head: bytes | None = None
        self.tip: bytes | None = None

    def add(self, value: Object) -> bytes:
        identity = self.executor.shelf.put(value)
        self.executor.shelf.flush(self.store)
        return identity

    def step(self) -> str:
        first = self.tip is None
        headers = (("mt", "genesis"),) if first else ()
        content = self.core if first else self.add(Blob((), b""))
        self.tip = self.add(Message(self.tip, headers, content))
        self.head = self.executor.step(self.core, self.head, [(self.agent, self.tip)])
        return self.head.hex()

    def at(self, path: str) -> bytes:
        assert self.head is not None
        found = find(self.shelf, self.shelf.step(self.head).core, path.split("/"))
        assert found is not None
        blob = self.shelf.blob(found)
        assert blob is not None
        return blob.data


def test_golden_table_is_not_empty() -> None:
    assert len(GOLDEN) == 11
    assert hashlib.sha256(COUNTER).hexdigest() == "907fa35b24916e0bf9f549df2d97bb410b94c2d1023813757d6fcd0e609ae126"


def test_counter_without_an_image_has_the_golden_ids(fmt: Format) -> None:
    bench = Bench(fmt, None)
    made = {"A": bench.core.hex(), "A, s1": bench.step(), "A, s2": bench.step()}
    for name, identity in made.items():
        if (fmt.name, name) in GOLDEN:
            assert identity == GOLDEN[fmt.name, name][0], name
    assert bench.at("count") == b"\x01\0\0\0"


def test_counter_with_an_image_has_the_golden_ids(fmt: Format) -> None:
    bench = Bench(fmt, MANIFEST)
    made = {"B": bench.core.hex(), "s1": bench.step(), "B, s2": bench.step()}
    assert bench.head is not None
    made["fork 0"] = fork_core(bench.shelf, bench.head, 0, "fresh").hex()
    made["B, s3"] = bench.step()
    for name, identity in made.items():
        if (fmt.name, name) in GOLDEN:
            assert identity == GOLDEN[fmt.name, name][0], name
    assert bench.at("count") == b"\x03\0\0\0"
    assert bench.at("wasm/state").hex() == "a46176016475736564192cc7657061676573026" + "7676c6f62616c7380"
    assert bench.at("wasm/manifest").hex() == "a46176016" + "46675656c1a000f424065696d616765f56570616765" + "7304"


def test_units_are_exact(fmt: Format) -> None:
    units = GOLDEN["framed-sha256", "B, s2"][1][0]
    for fuel, lacks in ((units, False), (units - 1, True)):
        bench = Bench(fmt, {**MANIFEST, "fuel": fuel})
        bench.step()
        if lacks:
            with pytest.raises(Refusal) as refused:
                bench.step()
            assert refused.value.expectation() == {"refused": "exhausted", "code": "exhausted:fuel"}
        else:
            bench.step()


def test_units_of_each_step_are_those_of_the_table(fmt: Format, monkeypatch: pytest.MonkeyPatch) -> None:
    spent: list[int] = []

    def noting(shelf: Shelf, guest: Guest) -> Left:
        left = run_guest(shelf, guest)
        spent.append(left.spent)
        return left

    monkeypatch.setattr(calls, "run_guest", noting)
    plain, kept = Bench(fmt, None), Bench(fmt, MANIFEST)
    for bench in (plain, kept):
        for _ in range(3):
            bench.step()
    table = {name: figures for (wanted, name), (_, figures) in GOLDEN.items() if wanted == fmt.name}
    assert spent[0] == table["A, s1"][0]
    assert spent[1] == table["A, s2"][0]
    assert [spent[5], sum(spent[3:])] == table["B, s3"]
    if "B, s2" in table:
        assert [spent[4], sum(spent[3:5])] == table["B, s2"]
