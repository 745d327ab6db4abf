"""Guests from current compilers: all engines admit them and make the same steps.

``tox -e engines`` runs these tests with clang 22 and Rust, after it built the JavaScript and Go implementations.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gritstone_conformance.attachment.settings import AttachSettings
from gritstone_conformance.attachment.subject import Subject
from gritstone_conformance.attachment.target import Target
from gritstone_conformance.comparing.matrix import Implementation
from gritstone_conformance.comparing.resuming import run_matrix
from gritstone_conformance.model.formats import FORMATS
from gritstone_conformance.model.values import to_base64
from gritstone_conformance.replies import Ok, Refused
from gritstone_conformance.strategies.guests import guests_dir
from gritstone_conformance.strategies.journeys import JOURNEYS, Journey, contents_of
from gritstone_conformance.strategies.session_guest import session_guest, session_guest_dir
from selftests.comparing.compilers import build_c, build_rust, build_wasi, rust_toolchains, wasi_rustc
from selftests.paths import SELFTESTS
from selftests.terminal import REFERENCE

pytestmark = pytest.mark.compilers

INDEPENDENT = SELFTESTS.parent / "implementations"
ADAPTERS = (
    REFERENCE,
    f"node {shlex.quote(str(INDEPENDENT / 'javascript' / 'adapter.js'))}",
    shlex.quote(str(INDEPENDENT / "go" / "adapter")),
)
LONG_TABLE_INDEX = b"\x80\x80\x80\x80\x00"
CHOSEN = [journey for journey in JOURNEYS if journey.name in ("effects", "files", "floats", "puppet", "tables")]

TWO_FILES = {
    "first.c": """#include "grit.h"
#include "grit.h"
void *moved(u8 *bytes, u32 length);
EXPORT(wit) i32 wit(void)
{
    static u8 bytes[64] = "0123456789";
    id core, outbox;
    moved(bytes, 8);
    if (memcmp(bytes, "0101234567", 10))
        return 1;
    input(CORE, &core);
    input_or_zero(OUTBOX, &outbox);
    return finish(&outbox, &core);
}
""",
    "second.c": """#include "grit.h"
void *moved(u8 *bytes, u32 length) { return memmove(bytes + 2, bytes, length); }
""",
}


@pytest.fixture(scope="module")
def hosts() -> Iterator[list[Implementation]]:
    """Attach the three engines."""
    attached = []
    for command in ADAPTERS:
        subject = Subject(Target.parse(command, None).opener(), AttachSettings())
        attached.append(Implementation(subject, subject.claims.name))
    yield attached
    for host in attached:
        host.subject.close()


def assert_equal_steps(hosts: list[Implementation], journey: Journey) -> None:
    matrix = run_matrix(hosts, [FORMATS["cbor-blake3"]], [journey])  # a compiler's work is the same in both formats
    assert matrix.differences == []
    assert {pair for pair, cuts in matrix.cuts.items() if cuts} == {(a, b) for a in "ABC" for b in "ABC"}
    assert matrix.steps > len(matrix.cuts)


@pytest.mark.parametrize("journey", CHOSEN, ids=lambda journey: journey.name)
def test_guests_of_current_clang_make_equal_steps(
    hosts: list[Implementation], journey: Journey, tmp_path: Path
) -> None:
    module = build_c(tmp_path, guests_dir() / f"{journey.guest}.c")
    if journey.name == "tables":
        assert LONG_TABLE_INDEX in module, "this compiler does not emit a long table index"
    assert_equal_steps(hosts, replace(journey, module=module))


def test_guest_of_two_files_links(hosts: list[Implementation], tmp_path: Path) -> None:
    for name, text in TWO_FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    module = build_c(tmp_path, *(tmp_path / name for name in TWO_FILES), options=("-fno-builtin",))
    assert_equal_steps(hosts, Journey("two-files", "two-files", {}, contents_of(b"", b""), module=module))


def test_guest_of_rust_std_makes_equal_steps(hosts: list[Implementation], tmp_path: Path) -> None:
    if not rust_toolchains():
        pytest.skip("needs Rust for WebAssembly: install rustc-web cargo-web rust-web-src lld")
    module = build_rust(tmp_path)
    contents = contents_of(b"s\2c\3", b"", b"c\1s\1s\4?\5", bytes(range(256)) * 4)
    grants = {"image": True, "pages": 64, "fuel": 10_000_000}
    assert_equal_steps(hosts, Journey("shapes", "shapes", grants, contents, module=module))


@pytest.mark.parametrize("name", ["files.c", "files.rs"])
def test_guest_uses_granted_files_through_its_library(name: str, tmp_path: Path) -> None:
    if name == "files.rs" and wasi_rustc() is None:
        pytest.skip("needs Rust for WASI: rustup target add wasm32-wasip1")
    module = build_wasi(tmp_path, name)
    host = Subject(Target.parse(REFERENCE, None).opener(), AttachSettings())
    grants = {"args": ["guest"], "files": {"in/a.txt": to_base64(b"hello\n")}}
    limits = {"fuel": 1_000_000_000, "pages": 1_024, "table": None, "ms": 60_000}
    args = {"module": to_base64(module), "limits": limits, "grants": grants, "keep": False}
    try:
        reply = host.ask("sandbox.run", args)
    finally:
        host.close()
    assert isinstance(reply, Ok), reply
    assert (reply.value["outcome"], reply.value["output"]) == ("done", to_base64(b"done\n"))


VECTORS = """#include "grit.h"
typedef float four __attribute__((vector_size(16)));
EXPORT(wit) i32 wit(void)
{
    four a = {(float)fuel(), 2, 3, 4};
    a = a * a + a;
    return (i32)(a[0] + a[3]);
}
"""


def test_refused_module_names_the_option_that_helps(hosts: list[Implementation], tmp_path: Path) -> None:
    source = tmp_path / "vectors.c"
    source.write_text(VECTORS, encoding="utf-8")
    wide, plain = (build_c(tmp_path, source, options=(option,)) for option in ("-msimd128", "-mno-simd128"))
    question = {"entry": "wit", "pages": 256}
    for host in hosts:
        assert host.ask("wasm.admit", module=to_base64(plain), **question) == {}
    reply = hosts[0].subject.ask("wasm.admit", {"module": to_base64(wide), **question})
    assert isinstance(reply, Refused)
    assert reply.code == "unresolved:module"
    assert "-mno-simd128" in (reply.message or "")


def test_guest_of_sessions_is_rebuilt_byte_by_byte(tmp_path: Path) -> None:
    command = [session_guest_dir() / "build.sh", tmp_path]
    subprocess.run(command, check=True, timeout=300, env={**os.environ, "PYTHON": sys.executable})
    assert (tmp_path / "session.wasm").read_bytes() == session_guest()
