"""Drawn operations: trees of joins, savepoints and posts over a few actors, with faults at any op.

A program sends only what was built before it, so every operation ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hypothesis import strategies as st

from gritstone_conformance.strategies.image.cores import ImageStage
from gritstone_conformance.strategies.image.ops import JOIN, POST, SAVE, SENDER, Draft
from gritstone_conformance.strategies.tape import Tape, from_tape

__all__ = ["OPERATION_TAPE", "Cast", "Root", "draw_operation", "operation_tapes"]

OPERATION_TAPE: Final = 240
"""Bytes of tape that six programs and three roots can use to the full."""

_PATHS: Final = ("x", "y", "z", "d/e", "d/f")
_MODES: Final = (JOIN, SAVE, POST, JOIN, SAVE)
_CODES: Final = ("broke", "limit", "no-stock")
_EVENTS: Final = ("spent", "sold")


@dataclass(frozen=True, slots=True)
class Cast:
    """What drawn operations can name.

    Attributes:
        actors: the actors of the image.
        spawned: first cores of actors that a program of the first actor may create.
        types: types of messages that the actors have programs for, without ``run``.
    """

    actors: Sequence[bytes]
    spawned: Sequence[bytes] = ()
    types: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Root:
    """A root of a request."""

    to: bytes
    mt: str
    content: bytes


def draw_operation(tape: Tape, stage: ImageStage, cast: Cast) -> list[Root]:
    """Draw the roots of a request: one to three messages whose programs send up to two more each."""
    programs = [stage.draft().add("x", 1).seal()]
    for _ in range(tape.within(1, 6)):
        programs.append(_program(tape, stage, cast, programs))
    roots = [Root(tape.pick(cast.actors), "run", programs[-1])]
    more = tape.pick((0, 0, 1, 2))
    return [*roots, *(Root(tape.pick(cast.actors), "run", tape.pick(programs[::-1])) for _ in range(more))]


def operation_tapes() -> st.SearchStrategy[Tape]:
    """Return the strategy of tapes for drawn operations."""
    return from_tape(lambda tape: tape, OPERATION_TAPE)


def _program(tape: Tape, stage: ImageStage, cast: Cast, before: Sequence[bytes]) -> bytes:
    draft = stage.draft()
    fault = tape.below(4) if tape.once_in(3) else -1
    for number in range(tape.within(1, 4)):
        if number == fault:
            _fault(tape, draft)
        _OPS[tape.below(len(_OPS))](tape, draft, cast, before)
    return draft.seal()


def _fault(tape: Tape, draft: Draft) -> None:
    choice = tape.below(6)
    if choice < 2:
        draft.fail()
    elif choice < 4:
        draft.fail(tape.pick(_CODES))
    elif choice == 4:
        draft.write("image/owner", b"self")
    else:
        draft.add("x", -1_000_000)


def _write(tape: Tape, draft: Draft, cast: Cast, before: Sequence[bytes]) -> None:
    draft.write(tape.pick(_PATHS), tape.take(1))


def _add(tape: Tape, draft: Draft, cast: Cast, before: Sequence[bytes]) -> None:
    draft.add("n", tape.within(1, 9))


def _send(tape: Tape, draft: Draft, cast: Cast, before: Sequence[bytes]) -> None:
    draft.send(tape.pick(_MODES), tape.pick(cast.actors), "run", tape.pick(before[::-1]))


def _reply(tape: Tape, draft: Draft, cast: Cast, before: Sequence[bytes]) -> None:
    draft.reply(draft.stage.blob(b"done"))


def _read(tape: Tape, draft: Draft, cast: Cast, before: Sequence[bytes]) -> None:
    draft.read(tape.pick(cast.actors), tape.pick(("x", "n", "d")), "seen")


def _timer(tape: Tape, draft: Draft, cast: Cast, before: Sequence[bytes]) -> None:
    stage = draft.stage
    content = stage.blob(b"%d tick" % (10 * tape.below(5)), ("ct", "s"))
    draft.send(tape.pick((JOIN, SAVE)), 0xF0, "image.timer", content)


def _emit(tape: Tape, draft: Draft, cast: Cast, before: Sequence[bytes]) -> None:
    draft.send(tape.pick((JOIN, SAVE)), 0xF0, f"image.emit.{tape.pick(_EVENTS)}", draft.stage.blob(tape.take(1)))


def _subscribe(tape: Tape, draft: Draft, cast: Cast, before: Sequence[bytes]) -> None:
    word = tape.pick(("subscribe", "unsubscribe", "subscribe"))
    draft.join(tape.pick(cast.actors), f"image.{word}.{tape.pick(_EVENTS)}", draft.stage.blob(b""))


def _spawn(tape: Tape, draft: Draft, cast: Cast, before: Sequence[bytes]) -> None:
    if cast.spawned:
        core = tape.pick(cast.spawned)
        draft.join(core, "genesis", core)


def _kernel(tape: Tape, draft: Draft, cast: Cast, before: Sequence[bytes]) -> None:
    stage, to = draft.stage, tape.pick((*cast.spawned, *cast.actors))
    kind = tape.below(5)
    if kind == 0:
        draft.join(to, "image.destroy", stage.blob(b""))
    elif kind == 1:
        draft.join(to, "image.entry", stage.blob(tape.pick((b"job\n*", b"job\n-", b"job")), ("ct", "s")))
    elif kind == 2:
        install = stage.tree(code=stage.tree(tick=before[0]))
        draft.send(tape.pick((JOIN, SAVE)), to, "image.install", install)
    else:
        word = tape.pick(("grant", "revoke"))
        capability = stage.blob(tape.pick((b"spawn", b"read.*")), ("ct", "s"))
        draft.send(tape.pick((JOIN, SAVE)), to, f"image.{word}", capability)


def _typed(tape: Tape, draft: Draft, cast: Cast, before: Sequence[bytes]) -> None:
    receivers: list[bytes | int] = [*cast.actors, SENDER]
    to = tape.pick(receivers)
    draft.send(tape.pick(_MODES), to, tape.pick((*cast.types, "job")), draft.stage.blob(b"7"))


_OPS: Final = (
    *(_send, _write, _send, _add, _send, _send, _typed),
    *(_reply, _read, _timer, _emit, _subscribe, _spawn, _kernel),
)
