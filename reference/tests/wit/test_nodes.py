"""Forms of code nodes."""

from __future__ import annotations

from typing import Any

import pytest

from gritstone.errors import Rejected
from gritstone.wit import PUPPETS, Codes


@pytest.mark.parametrize(
    "data",
    [
        b"external:absent",
        b"external:absent/1",
        b"external:puppet/2",
        b"external:puppet/1 ",
        b" external:puppet/1",
        b"external:puppet/1\n",
        b"External:puppet/1",
        b"external:Puppet/1",
        b"external:",
        b"wasm:code/main",
        b"/code:main:run",
        b"/code:main",
        b"puppet/1",
        b"",
    ],
)
def test_unresolved(bench: Any, data: bytes) -> None:
    with pytest.raises(Rejected) as caught:
        bench.codes.resolve(bench.workspace, {"wit": bench.blob(data)}, "wit")
    assert caught.value.code == "unresolved"


def test_resolved_and_not(bench: Any) -> None:
    for name, code in PUPPETS.items():
        node = bench.blob(f"external:{name}".encode(), any="header")
        assert bench.codes.resolve(bench.workspace, {"wit": node}, "wit") is code
    erased = bench.blob(b"external:puppet/1", x="y")
    bench.store.erase(erased)
    for core in ({}, {"wit": bench.nested({"a": 1})}, {"wit": erased}):
        with pytest.raises(Rejected):
            bench.codes.resolve(bench.workspace, core, "wit")


@pytest.mark.parametrize("name", ["absent", "absent/1", "Upper", "", "/x", "a b"])
def test_names_that_are_never_registered(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be registered"):
        Codes({name: PUPPETS["puppet/1"]})


def test_source_needs_a_loader(bench: Any) -> None:
    asked: list[Any] = []

    class Loader:
        def load(self, workspace: Any, core: Any, path: Any, module: str, function: str) -> Any:
            asked.append((path, module, function))
            return PUPPETS["puppet/1"]

    codes = Codes({}, Loader())
    core = {"wit": bench.blob(b"/code/lib:main.sub:run")}
    assert codes.resolve(bench.workspace, core, "wit") is PUPPETS["puppet/1"]
    assert asked == [(("code", "lib"), "main.sub", "run")]
    with pytest.raises(Rejected):
        codes.resolve(bench.workspace, {"wit": bench.blob(b"/a//b:main:run")}, "wit")
