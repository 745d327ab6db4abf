"""The message of a refused module names the compiler option that helps."""

from __future__ import annotations

import pytest

from gritstone.errors import Refusal
from gritstone.wasm.admission import admit_module


def section(number: int, content: bytes) -> bytes:
    return bytes([number, len(content)]) + content


def module(code: bytes, imports: bytes = b"\0") -> bytes:
    body = b"\0" + code + b"\x41\0\x0b"
    contents = {1: b"\1\x60\0\1\x7f", 2: imports, 3: b"\1\0", 7: b"\1\3wit\0\0", 10: b"\1" + bytes([len(body)]) + body}
    return b"\0asm\1\0\0\0" + b"".join(section(*part) for part in contents.items())


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (b"\xfd\x0c" + bytes(16) + b"\x1a", r"0xfd .*SIMD.*-mno-simd128"),
        (b"\xfe\x03\0", r"0xfe .*-mno-atomics"),
        (b"\x12\0", r"0x12 .*-mno-tail-call"),
        (b"\x08\0", r"0x08 .*-fno-exceptions"),
        (b"\xd0\x70\x1a", r"0xd0 .*-mno-reference-types"),
        (b"\xfc\x09\0", r"0xfc09 .*-mno-bulk-memory"),
        (b"\xfb\0\0", r"0xfb .*-mgc"),
        (b"\x02\x7b\x0b", r"0x7b .*SIMD.*-mno-simd128"),
        (b"\xc5", r"instruction 0xc5 is not in the language(?! \()"),
    ],
)
def test_foreign_instruction_names_its_option(code: bytes, words: str) -> None:
    with pytest.raises(Refusal, match=words) as caught:
        admit_module(module(code), "wit", 256)
    assert caught.value.code == "unresolved:module"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (b"env", "undefined symbol.*--allow-undefined"),
        (b"wasi_snapshot_preview1", "WASI.*wasm32-unknown-unknown"),
        (b"other", r"provides(?! \()"),
    ],
)
def test_foreign_import_names_its_cause(source: bytes, words: str) -> None:
    imports = b"\1" + bytes([len(source)]) + source + b"\1f\0\0"
    with pytest.raises(Refusal, match=words) as caught:
        admit_module(module(b"", imports), "wit", 256)
    assert caught.value.code == "unresolved:import"
