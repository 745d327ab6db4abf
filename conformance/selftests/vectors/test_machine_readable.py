"""The grammars of the spec agree with vectors and model: CDDL by ``pycddl``, WIT by ``componentize-py``."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pycddl
import pytest

from gritstone_conformance.bundled import spec_dir, vectors_dir
from gritstone_conformance.model.values import from_base64
from gritstone_conformance.model.wasm.documents import NoDocument, encode_item, read_manifest, read_state
from gritstone_conformance.model.wasm.weights import LAYOUTS
from gritstone_conformance.properties.wasm.manifests import manifest_examples

BEYOND = json.loads((spec_dir() / "cddl" / "beyond-cddl.json").read_text(encoding="utf-8"))


def schema(path: str, root: str | None = None) -> pycddl.Schema:
    text = (spec_dir() / path).read_text(encoding="utf-8")
    return pycddl.Schema(text if root is None else f"root = {root}\n{text}")


def fits(grammar: pycddl.Schema, data: bytes) -> bool:
    try:
        grammar.validate_cbor(data)
    except pycddl.ValidationError:
        return False
    return True


def decoded_vectors() -> Iterator[tuple[str, str, bytes, bool]]:
    """Yield name, first rule, bytes and whether they are accepted, for each ``grit.decode`` of ``cbor-blake3``."""
    for file in sorted((vectors_dir() / "grit").glob("*.json")):
        for case in json.loads(file.read_text(encoding="utf-8"))["cases"]:
            for step in case["steps"]:
                arguments = step["args"]
                if step["op"] == "grit.decode" and arguments.get("format") == "cbor-blake3":
                    yield case["name"], case["rules"][0], from_base64(arguments["bytes"]), "ok" in step["expect"]


def test_cddl_accepts_each_accepted_object() -> None:
    grammar = schema("cddl/grit.cddl")
    accepted = [(name, data) for name, _, data, is_accepted in decoded_vectors() if is_accepted]
    assert len(accepted) > 100
    assert [name for name, data in accepted if not fits(grammar, data)] == []


def test_cddl_rejects_each_rejected_object_or_it_is_listed() -> None:
    grammar, lists = schema("cddl/grit.cddl"), BEYOND["grit.cddl"]
    refused = [(name, rule, data) for name, rule, data, is_accepted in decoded_vectors() if not is_accepted]
    passed = [(name, rule) for name, rule, data in refused if fits(grammar, data)]
    assert len(refused) - len(passed) > 80
    unchecked = {name for name, rule in passed if rule not in lists["not-expressible"]}
    assert unchecked == set(lists["not-checked-by-pycddl"])
    assert {rule for name, rule in passed if name not in unchecked} == set(lists["not-expressible"])


STATES: tuple[dict[str, Any], ...] = (
    {"v": 1, "used": 0},
    {"v": 1, "used": (1 << 63) - 1, "clock": 0},
    {"v": 1, "used": 5, "pages": 65_536, "globals": [0, (1 << 64) - 1]},
    {"v": 1, "used": 5, "pages": 0, "globals": [], "call": "wit"},
    {"v": 1, "used": 5, "random": [bytes(32), 7]},
    {"v": 2, "used": 0},
    {"v": 1},
    {"used": 0},
    {"v": 1, "used": 1 << 63},
    {"v": 1, "used": -1},
    {"v": 1, "used": 5, "pages": 65_537, "globals": []},
    {"v": 1, "used": 5, "pages": 1},
    {"v": 1, "used": 5, "globals": []},
    {"v": 1, "used": 5, "pages": 1, "globals": ["a"]},
    {"v": 1, "used": 5, "call": "wit_query"},
    {"v": 1, "used": 5, "call": "wit"},
    {"v": 1, "used": 5, "random": [bytes(31), 7]},
    {"v": 1, "used": 5, "random": [bytes(32)]},
    {"v": 1, "used": 5, "clock": True},
    {"v": 1, "used": 5, "more": 0},
)


def is_manifest(data: bytes) -> bool:
    try:
        read_manifest(data, "cbor-blake3")
    except NoDocument:
        return False
    return True


def is_state(data: bytes) -> bool:
    try:
        read_state(data)
    except NoDocument:
        return False
    return True


def test_cddl_of_documents_agrees_with_the_model() -> None:
    manifest, state = (schema("wasm/wasm.cddl", root) for root in ("manifest", "state"))
    documents = [(data, fits(manifest, data), is_manifest(data)) for data in manifest_examples()]
    documents += [(data, fits(state, data), is_state(data)) for data in map(encode_item, STATES)]
    assert sum(expected for _, _, expected in documents) > 10
    assert [data.hex() for data, accepted, expected in documents if expected and not accepted] == []
    passed = {data.hex() for data, accepted, expected in documents if accepted and not expected}
    lists = BEYOND["wasm.cddl"]
    assert passed == set(lists["not-expressible"]) | set(lists["not-checked-by-pycddl"])


def bindings(wit: Path, world: str, out: Path) -> subprocess.CompletedProcess[str]:
    command = Path(sys.executable).with_name("componentize-py")
    arguments = (command, "--wit-path", wit, "--world", world, "bindings", out)
    return subprocess.run(arguments, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("world", ["wit", "wit-query", "wit-update"])
def test_wit_parses_and_has_the_functions_of_the_abi(world: str, tmp_path: Path) -> None:
    made = bindings(spec_dir() / "wasm" / "gritstone.wit", world, tmp_path / "out")
    assert made.returncode == 0, made.stderr
    source = (tmp_path / "out" / "wit_world" / "imports" / "grit.py").read_text(encoding="utf-8")
    names = {node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}
    assert {"result" if name == "answer" else name for name in names} == set(LAYOUTS)


def test_wit_with_an_unknown_type_is_rejected(tmp_path: Path) -> None:
    text = (spec_dir() / "wasm" / "gritstone.wit").read_text(encoding="utf-8")
    broken = tmp_path / "broken.wit"
    broken.write_text(text.replace("kind: func(of: id)", "kind: func(of: identity)"), encoding="utf-8")
    made = bindings(broken, "wit", tmp_path / "out")
    assert made.returncode != 0
    assert "`identity` is not defined" in made.stderr
