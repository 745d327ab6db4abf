"""The courier: a guest of images that does what the content of its message says, and the cores of such guests.

The content is a tree. The courier looks for these entries in this order, and then makes the step for the message:

=================  =====================================================================================================
entry              what it does
=================  =====================================================================================================
``trap``           the guest traps
``spin``           a blob with 4 bytes: it counts up to that number
``draw``           it draws 8 random bytes into its memory, and reads the clock
``0`` .. ``9``     a letter, see :func:`letter`; they are sent in this order
``path``           a blob with a path: the object ``child`` is put there in the core; without ``child`` it is removed
``drop``           an actor whose entry of the outbox is removed
``exit``           a blob with 4 bytes: the number that the entry returns
``idle``           the result is the step from which the call started
``none``           there is no result
=================  =====================================================================================================

Its memory counts its calls, also those that are undone if the memory is kept. Every other content is ignored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final, Unpack

from gritstone_conformance.strategies.assembler import Assembly, Code
from gritstone_conformance.strategies.guests import add_manifest, add_module
from gritstone_conformance.strategies.image.cores import ImageStage, Rights

__all__ = ["MANIFEST", "NODES", "TOOL", "courier", "errand", "guest_core", "letter"]

TOOL: Final = "wasm:code/tool.wasm"
MANIFEST: Final[dict[str, Any]] = {"fuel": 50_000, "send": "any", "spawn": "any", "pages": 1}
"""The manifest of a guest of which it does not matter."""

NODES: Final = ("wit", "wit_query")

(_ZERO, _ACTOR, _PREVIOUS, _CORE, _INBOX, _OUTBOX, _SENDER, _MESSAGE, _CONTENT) = range(0, 32 * 9, 32)
(_LETTER, _TO, _BODY, _LAST, _NEW, _FOUND, _STEP) = range(32 * 9, 32 * 16, 32)
_SLOTS: Final = 512  # bytes of ids, from 0 on
_KEYS: Final = 1024
_DIGITS: Final = 2048
_BUFFER: Final = 4096
_ROOM: Final = 8192
_CALLS: Final = 60_000
_DRAWN: Final = 60_008
_WORDS: Final = ("trap", "spin", "draw", "path", "child", "drop", "exit", "idle", "none", "to", "c", "h", "r", "bare")
_IMPORTS: Final = ("input", "covered", "link", "find", "read", "message", "mail", "place", "step", "result")


def _n(value: int) -> tuple[str, int]:
    return "i32.const", value


class _Courier:
    """The courier under construction."""

    def __init__(self, *more: str) -> None:
        self.guest = Assembly()
        self.grit = {name: self.guest.grit(name) for name in (*_IMPORTS, *more)}
        self.guest.memory(1)
        self.keys: dict[str, int] = {}
        at = _KEYS
        for word in (*_WORDS, *map(str, range(10))):
            self.keys[word] = at
            self.guest.data(at, word.encode())
            at += len(word)
        self.guest.data(_DIGITS, b"0123456789abcdef")
        self.guest.data(_DIGITS + 16, b"reply\0")

    def call(self, name: str, *args: Any) -> tuple[Any, ...]:
        return ("call", self.grit[name], *(_n(each) if isinstance(each, int) else each for each in args))

    def do(self, name: str, *args: Any) -> tuple[Any, ...]:
        return "drop", self.call(name, *args)

    def has(self, tree: int, word: str, out: int) -> tuple[Any, ...]:
        found = self.call("find", tree, self.keys[word], len(word), out)
        return "i32.ge_s", found, _n(0)

    def if_has(self, tree: int, word: str, out: int, code: Code) -> tuple[Any, ...]:
        return "if", None, self.has(tree, word, out), [*code]

    def sending(self) -> int:
        """Add the function that sends the letter in its slot."""
        length, byte, at = (("local.get", place) for place in range(3))
        halves = (("i32.shr_u", byte, _n(4)), ("i32.and", byte, _n(15)))
        target = ("i32.add", length, ("i32.shl", at, _n(1)))
        stores = (
            ("i32.store8", _BUFFER + place, target, ("i32.load8_u", _DIGITS, half)) for place, half in enumerate(halves)
        )
        hexed = [
            ("local.set", 1, ("i32.load8_u", _MESSAGE, at)),
            *stores,
            ("local.set", 2, ("i32.add", at, _n(1))),
            ("br_if", 0, ("i32.lt_u", at, _n(32))),
        ]
        reply = [
            ("memory.copy", ("i32.add", length, _n(_BUFFER)), _n(_DIGITS + 16), _n(6)),
            ("local.set", 0, ("i32.add", length, _n(6))),
            ("loop", None, hexed),
            ("local.set", 0, ("i32.add", length, _n(64))),
            ("i32.store8", _BUFFER, length, _n(0)),
            ("local.set", 0, ("i32.add", length, _n(1))),
        ]
        forget = ("memory.fill", _n(_LAST), _n(0), _n(32))
        read = ("local.set", 0, self.call("read", _FOUND, 0, _BUFFER, _ROOM))
        return self.guest.function(
            (),
            (),
            ("i32", "i32", "i32"),
            [
                ("drop", self.has(_LETTER, "to", _TO)),
                ("drop", self.has(_LETTER, "c", _BODY)),
                forget,
                self.do("find", _OUTBOX, _TO, 32, _LAST),
                self.if_has(_LETTER, "bare", _FOUND, [forget]),
                self.if_has(_LETTER, "h", _FOUND, [read]),
                self.if_has(_LETTER, "r", _FOUND, reply),
                self.do("message", _LAST, _BUFFER, length, _BODY, _NEW),
                self.do("mail", _OUTBOX, _TO, _NEW, _OUTBOX),
            ],
        )

    def module(self, before: Code = ()) -> bytes:
        """Return the module, with code that runs before anything else."""
        send = self.sending()
        draws = [self.do("random", _DRAWN, 8), ("drop", self.call("clock"))] if "random" in self.grit else []
        number = ("i32.load", _BUFFER, _n(0))
        following = ("local.tee", 0, ("i32.add", ("local.get", 0), _n(1)))
        spin = [
            self.do("read", _FOUND, 0, _BUFFER, 4),
            ("loop", None, [("br_if", 0, ("i32.lt_u", following, number))]),
        ]
        put = [
            ("local.set", 0, self.call("read", _FOUND, 0, _BUFFER, _ROOM)),
            ("memory.fill", _n(_BODY), _n(0), _n(32)),
            ("drop", self.has(_CONTENT, "child", _BODY)),
            self.do("place", _CORE, _BUFFER, ("local.get", 0), _BODY, _CORE),
        ]
        self.guest.entry(
            [
                *before,
                ("memory.fill", _n(0), _n(0), _n(_SLOTS)),
                ("i32.store", _CALLS, _n(0), ("i32.add", ("i32.load", _CALLS, _n(0)), _n(1))),
                *(
                    self.do("input", which, out)
                    for which, out in ((0, _ACTOR), (1, _PREVIOUS), (2, _CORE), (5, _INBOX), (4, _OUTBOX))
                ),
                self.do("covered", 0, _SENDER, _MESSAGE),
                self.do("link", _MESSAGE, 1, _CONTENT),
                self.if_has(_CONTENT, "trap", _FOUND, ["unreachable"]),
                self.if_has(_CONTENT, "spin", _FOUND, spin),
                self.if_has(_CONTENT, "draw", _FOUND, draws),
                *(self.if_has(_CONTENT, str(digit), _LETTER, [("call", send)]) for digit in range(10)),
                self.if_has(_CONTENT, "path", _FOUND, put),
                self.if_has(_CONTENT, "drop", _TO, [self.do("mail", _OUTBOX, _TO, _ZERO, _OUTBOX)]),
                self.do("step", _PREVIOUS, _ACTOR, _INBOX, _OUTBOX, _CORE, _STEP),
                self.do("result", _STEP),
                self.if_has(_CONTENT, "exit", _FOUND, [self.do("read", _FOUND, 0, _BUFFER, 4), number, "return"]),
                self.if_has(_CONTENT, "idle", _FOUND, [self.do("result", _PREVIOUS)]),
                self.if_has(_CONTENT, "none", _FOUND, [self.do("result", _ZERO)]),
                _n(0),
            ],
            ("i32",),
        )
        self.guest.entry([self.do("input", 2, _CORE), self.do("result", _CORE), _n(0)], name="wit_query")
        return self.guest.binary()


@cache
def courier(kind: str = "") -> bytes:
    """Return the module of the courier.

    Args:
        kind: empty; ``drawing``: it obeys ``draw``; ``asking``: it begins with a query of its sender; ``trapping``: it
            traps at once.
    """
    made = _Courier(*{"drawing": ("random", "clock"), "asking": ("query",)}.get(kind, ()))
    if kind == "trapping":
        return made.module(["unreachable"])
    return made.module([made.do("query", _ACTOR, 0, 0, _CORE, _FOUND)] if kind == "asking" else ())


def letter(
    stage: ImageStage,
    to: bytes,
    mt: str,
    content: bytes,
    op: str = "",
    **more: str,
) -> bytes:
    """Add a letter that the courier sends.

    Args:
        stage: where it is added.
        to: the receiver.
        mt: the type; empty: there is no header ``mt``.
        content: the content.
        op: the mode; empty: a post.
        more: further headers. ``r`` is none: the letter has the header ``reply`` with the id of the message that is
            answered. ``bare`` is none: the letter is not behind the last message of its channel.
    """
    own = {**({"mt": mt} if mt else {}), **({"op": op} if op else {})}
    pairs = own | {key: value for key, value in more.items() if key not in ("r", "bare")}
    spelled = "".join(f"{key}\0{value}\0" for key, value in pairs.items())
    flags = {key: stage.text("yes") for key in more.keys() - pairs.keys()}
    return stage.tree(to=to, c=content, **({"h": stage.blob(spelled.encode())} if spelled else {}), **flags)


def errand(stage: ImageStage, *letters: bytes, numbers: Mapping[str, int] | None = None, **entries: bytes) -> bytes:
    """Add the content of a message to the courier, with these letters, numbers of 4 bytes, and further entries."""
    sent = {str(place): each for place, each in enumerate(letters)}
    spelled = {name: stage.blob(value.to_bytes(4, "little")) for name, value in (numbers or {}).items()}
    return stage.tree(**{**sent, **spelled, **entries, "v": stage.text("errand")})


def guest_core(
    stage: ImageStage,
    title: str,
    module: bytes | None = None,
    manifest: Mapping[str, Any] | None = None,
    entries: Mapping[str, bytes] | None = None,
    *,
    modules: Sequence[tuple[str, bytes]] = (),
    **rights: Unpack[Rights],
) -> bytes:
    """Add the first core of a guest.

    Args:
        stage: where it is added.
        title: makes the id unique.
        module: its module, at ``code/tool.wasm``; None: the courier.
        manifest: members in place of those of ``MANIFEST``; a member with the value None is absent.
        entries: further entries of the core.
        modules: further names and modules below ``code``.
        rights: what it may do.
    """
    graph, code = stage.graph, stage.text(TOOL)
    members = {**MANIFEST, **(manifest or {})}
    granted = {name: value for name, value in members.items() if value is not None}
    placed = (("tool.wasm", courier() if module is None else module), *modules)
    own = {
        **dict.fromkeys(NODES, code),
        "code": stage.tree(**{name: add_module(graph, data) for name, data in placed}),
        "wasm": stage.tree(manifest=add_manifest(graph, granted)),
    }
    return stage.actor(title, {**own, **(entries or {})}, **rights)
