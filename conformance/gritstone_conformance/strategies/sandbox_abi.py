"""Probes of the profile ``sandbox``: one body, wrapped for each ABI.

A body is code that calls ``emit`` with an i64 and leaves an i32, the exit code. It may use the memory from
:data:`DATA` on. The wrapper adds the imports, the memory, ``emit``, and an entry that begins with empty output, calls
the body, and hands over the output.

Spec: ``sandbox/abi``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from gritstone_conformance.strategies.assembler import Assembly, Code, uleb

__all__ = ["ABIS", "COUNT", "DATA", "MODEL", "OUT", "SandboxProbe", "read_words", "write_words"]

DATA: Final = 8_192
"""Where the data of a probe begins."""

ABIS: Final = ("memory", "wasi", "extism", "grit")
"""In the order in which the suite uses them."""

MODEL: Final = "model"
"""The ABI of the suite's interpreter: the output is in the memory, and the entry is one that it admits."""

COUNT: Final = 8
"""Where a probe keeps the number of bytes of its output, in the ABIs that keep it in memory."""

OUT: Final = 16
"""Where this output begins."""

_IDS: Final = 2_304  # ids of objects, behind 256 words of output and what WASI needs
_TEXT: Final = 2_560  # a word as text
_TEXT_BYTES: Final = 17
_IOVEC: Final = 2_592
_KEY: Final = 2_624  # "out"

_WASI: Final = "wasi_snapshot_preview1"
_EXTISM: Final = "extism:host/env"


def _number(value: int, kind: str = "i32") -> tuple[Any, ...]:
    return (f"{kind}.const", value)


class SandboxProbe:
    """A module under construction for one ABI.

    Attributes:
        module: the assembly; functions, tables and globals may be added.
        emit: the index of the function that emits a word.
    """

    def __init__(
        self, abi: str, *, pages: int = 1, most: int | None = None, imports: Sequence[tuple[str, str, str, str]] = ()
    ) -> None:
        """Begin a probe.

        Args:
            abi: one of :data:`ABIS`.
            pages: of the initial memory.
            most: the maximum of the memory that the module declares.
            imports: further functions: module, name, types of parameters and of results, as in ``"i32 i64"``.
        """
        self.abi = abi
        self.module = Assembly()
        self._host = {name: self._import(*each) for name, each in _IMPORTS[abi].items()}
        if abi == "grit":
            self._host = {name: self.module.grit(name) for name in ("input", "blob", "place", "step", "result")}
        self.imported = [self._import(*each) for each in imports]
        self.module.memory(pages, most)
        if abi in ("memory", "wasi"):
            self.module.export("memory", 0, 2)
        self.emit = self.module.declare(["i64"])
        self.module.define(self.emit, *_EMIT[abi](self._host))

    def _import(self, module: str, name: str, parameters: str, results: str) -> int:
        kind = self.module.type(parameters.split(), results.split())
        return self.module.import_(module, name, b"\0" + uleb(kind))

    def word(self, value: Any) -> tuple[Any, ...]:
        """Return code that emits an i64."""
        return ("call", self.emit, value)

    def number(self, value: Any) -> tuple[Any, ...]:
        """Return code that emits an i32, zero-extended."""
        return self.word(("i64.extend_i32_u", value))

    def writing_from(self, place: int) -> tuple[Any, ...]:
        """Return code that writes the word that was emitted last once more, from another place; only of ``wasi``."""
        return (
            "seq",
            ("memory.copy", _number(place), _number(_TEXT), _number(_TEXT_BYTES)),
            ("i32.store", _IOVEC, _number(0), _number(place)),
            ("drop", ("call", self._host["write"], _number(1), _number(_IOVEC), _number(1), _number(_IOVEC + 8))),
        )

    def binary(self, code: Code, local_types: Sequence[str] = (), *, code_i32: bool = False) -> bytes:
        """Return the probe.

        Args:
            code: the body; it leaves nothing, or, with ``code_i32``, the exit code.
            local_types: of the body.
            code_i32: whether the body leaves an i32.
        """
        body = self.module.function([], ["i32"], local_types, code if code_i32 else [*code, _number(0)])
        ending, results, locals_ = _ENDINGS[self.abi](self._host, body)
        begin = ("i32.store", COUNT, _number(0), _number(0))
        name = {"wasi": "_start", "grit": "wit", MODEL: "wit"}.get(self.abi, "run")
        self.module.function([], results, locals_, [begin, *ending], name)
        return self.module.binary()


_IMPORTS: Final[dict[str, dict[str, tuple[str, str, str, str]]]] = {
    "memory": {},
    "model": {},
    "wasi": {"write": (_WASI, "fd_write", "i32 i32 i32 i32", "i32"), "exit": (_WASI, "proc_exit", "i32", "")},
    "extism": {
        "alloc": (_EXTISM, "alloc", "i64", "i64"),
        "store": (_EXTISM, "store_u64", "i64 i64", ""),
        "set": (_EXTISM, "output_set", "i64 i64", ""),
    },
    "grit": {},
}

_size: Final = ("i32.load", COUNT, _number(0))


def _emit_into_memory(host: dict[str, int]) -> tuple[list[str], Code]:
    return [], [
        ("i64.store", OUT, _size, ("local.get", 0)),
        ("i32.store", COUNT, _number(0), ("i32.add", _size, _number(8))),
    ]


def _emit_as_text(host: dict[str, int]) -> tuple[list[str], Code]:
    """Write 16 hexadecimal digits, most significant first, and LF."""
    digit = ("i32.wrap_i64", ("i64.and", ("local.get", 0), _number(15, "i64")))
    as_text = (
        "i32.add",
        ("local.tee", 2, digit),
        ("select", _number(87), _number(48), ("i32.gt_u", ("local.get", 2), _number(9))),
    )
    following = ("local.tee", 1, ("i32.sub", ("local.get", 1), _number(1)))
    return ["i32", "i32"], [
        ("local.set", 1, _number(16)),
        (
            "loop",
            None,
            [
                ("i32.store8", _TEXT - 1, ("local.get", 1), as_text),
                ("local.set", 0, ("i64.shr_u", ("local.get", 0), _number(4, "i64"))),
                ("br_if", 0, following),
            ],
        ),
        ("i32.store8", _TEXT + 16, _number(0), _number(10)),
        ("i32.store", _IOVEC, _number(0), _number(_TEXT)),
        ("i32.store", _IOVEC + 4, _number(0), _number(_TEXT_BYTES)),
        ("drop", ("call", host["write"], _number(1), _number(_IOVEC), _number(1), _number(_IOVEC + 8))),
    ]


_EMIT: Final[dict[str, Callable[[dict[str, int]], tuple[list[str], Code]]]] = {
    "memory": _emit_into_memory,
    "model": _emit_into_memory,
    "wasi": _emit_as_text,
    "extism": _emit_into_memory,
    "grit": _emit_into_memory,
}

_Ending = tuple[list[Any], list[str], list[str]]


def _end_memory(host: dict[str, int], body: int) -> _Ending:
    return [("drop", ("call", body))], [], []


def _end_model(host: dict[str, int], body: int) -> _Ending:
    return [("call", body)], ["i32"], []


def _end_wasi(host: dict[str, int], body: int) -> _Ending:
    leaving = ("if", None, ("local.get", 0), [("call", host["exit"], ("local.get", 0))])
    return [("local.set", 0, ("call", body)), leaving], [], ["i32"]


def _end_extism(host: dict[str, int], body: int) -> _Ending:
    """Copy the output into memory of the SDK, 8 bytes at a time."""
    at, place = ("local.get", 1), ("local.get", 2)
    copy = ("call", host["store"], ("i64.add", place, ("i64.extend_i32_u", at)), ("i64.load", OUT, at))
    following = ("local.tee", 1, ("i32.add", at, _number(8)))
    size = ("i64.extend_i32_u", _size)
    return (
        [
            ("local.set", 0, ("call", body)),
            (
                "if",
                None,
                _size,
                [
                    ("local.set", 2, ("call", host["alloc"], size)),
                    ("loop", None, [copy, ("br_if", 0, ("i32.lt_u", following, _size))]),
                    ("call", host["set"], place, size),
                ],
            ),
            ("local.get", 0),
        ],
        ["i32"],
        ["i32", "i32", "i64"],
    )


def _end_grit(host: dict[str, int], body: int) -> _Ending:
    """Put the output at ``out`` of the core, in a step that reads everything and sends nothing."""
    head, actor, inbox, outbox, core, step, blob = (_number(_IDS + 32 * place) for place in range(7))
    inputs = [(1, head), (0, actor), (5, inbox), (4, outbox), (2, core)]
    return (
        [
            ("local.set", 0, ("call", body)),
            ("if", None, ("local.get", 0), [("local.get", 0), "return"]),
            ("memory.fill", _number(_IDS), _number(0), _number(32 * 7)),
            *(("drop", ("call", host["input"], _number(which), place)) for which, place in inputs),
            ("i32.store", _KEY, _number(0), _number(int.from_bytes(b"out", "little"))),
            ("drop", ("call", host["blob"], _number(OUT), _size, _number(0), _number(0), blob)),
            ("drop", ("call", host["place"], core, _number(_KEY), _number(3), blob, core)),
            ("drop", ("call", host["step"], head, actor, inbox, outbox, core, step)),
            ("call", host["result"], step),
        ],
        ["i32"],
        ["i32"],
    )


_ENDINGS: Final[dict[str, Callable[[dict[str, int], int], _Ending]]] = {
    "memory": _end_memory,
    "model": _end_model,
    "wasi": _end_wasi,
    "extism": _end_extism,
    "grit": _end_grit,
}


_LINES: Final = re.compile(rb"(?:[0-9a-f]{16}\n)*")


def read_words(abi: str, output: bytes) -> list[int] | None:
    """Return the words of an output; None if it is no sequence of words."""
    if abi == "wasi":
        if _LINES.fullmatch(output) is None:
            return None
        output, order = bytes.fromhex(output.decode()), "big"
    else:
        order = "little"
    if len(output) % 8:
        return None
    return [int.from_bytes(output[at : at + 8], order) for at in range(0, len(output), 8)]  # type: ignore[arg-type]


def write_words(abi: str, words: Sequence[int]) -> bytes:
    """Return the output of a call that emits these words."""
    if abi == "wasi":
        return b"".join(b"%016x\n" % word for word in words)
    return b"".join(word.to_bytes(8, "little") for word in words)
