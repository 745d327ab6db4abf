"""Options of the adapter."""

from __future__ import annotations

import pytest

from gritstone.harness import Claims
from gritstone.harness.claims import ALL_FEATURES
from gritstone.harness.options import read_options


def test_no_options_give_the_default_claims() -> None:
    assert read_options([]) == (Claims(), None, False)


def test_all_options_are_parsed() -> None:
    argv = ["--listen", "unix:/tmp/x", "--tree-depth", "2000", "--cas-names", "64", "--refs", "10000", "--window", "3"]
    argv += ["--frame-bytes", "5000000", "--object-bytes", "2000000", "--without", "shared", "--without", "damage"]
    claims, address, _ = read_options(argv)
    assert address == "unix:/tmp/x"
    assert (claims.limits.tree_depth, claims.limits.cas_names, claims.limits.refs) == (2_000, 64, 10_000)
    assert (claims.window, claims.frame_bytes, claims.limits.object_bytes) == (3, 5_000_000, 2_000_000)
    gone = {"shared", "damage"}
    assert set(claims.features) == set(ALL_FEATURES) - gone


def test_without_wasm_drops_the_profile() -> None:
    claims, _, _ = read_options(["--wasm-pages", "65536", "--without", "wasm.continuation"])
    assert claims.wasm_pages == 65_536
    assert set(claims.features) == set(ALL_FEATURES) - {"wasm.continuation"}
    assert claims.profiles == ("grit", "wit", "runtime", "wasm", "session", "flow", "image", "sandbox")
    claims, _, _ = read_options(["--without", "wasm"])
    assert claims.profiles == ("grit", "wit", "runtime", "session", "flow", "image", "sandbox")


def test_one_format_cannot_transcode() -> None:
    claims, _, _ = read_options(["--format", "cbor-blake3", "--format", "cbor-blake3"])
    assert claims.formats == ("cbor-blake3",)
    assert "transcode" not in claims.features


@pytest.mark.parametrize(
    "options", ["--refs 9999", "--listen file:/x", "--window 0", "--wasm-pages 65537", "--without zork"]
)
def test_invalid_options_are_rejected(options: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        read_options(options.split())
    assert caught.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_plain_turns_the_faster_parts_off() -> None:
    assert read_options(["--plain"]) == (Claims(), None, True)
