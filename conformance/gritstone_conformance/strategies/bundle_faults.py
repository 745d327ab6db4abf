"""Faults of bundles: one defect each, with a corrected digest so that the defect is reported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.values import Blob
from gritstone_conformance.strategies import texts
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.tape import Tape

__all__ = ["BUNDLE_FAULTS", "redigest", "spell"]


def spell(fmt: Format, lines: list[str], frames: list[bytes], count: int | None = None) -> bytes:
    """Return the bytes of a bundle with these reference lines and frames, whatever they are.

    Args:
        fmt: whose name and hash it has.
        lines: reference lines without their LF.
        frames: whole frames.
        count: stated in the end; None: the number of frames.
    """
    header = f"gritstone bundle 1\nformat {fmt.name}\n" + "".join(f"{line}\n" for line in lines) + "\n"
    body = header.encode() + b"".join(frames) + b"z" + (len(frames) if count is None else count).to_bytes(8)
    return body + fmt.hash(body)


def redigest(fmt: Format, data: bytes) -> bytes:
    """Return the bytes with the right digest in their last 32."""
    return data[:-32] + fmt.hash(data[:-32])


def _lines(graph: Graph) -> list[str]:
    return [f"ref {name} {target.hex()}" for name, target in sorted(graph.references.items())]


def _frames(graph: Graph) -> list[bytes]:
    return [_frame(graph.encodings[identity]) for identity in sorted(graph.reached())]


def _frame(encoding: bytes) -> bytes:
    return b"o" + len(encoding).to_bytes(8) + encoding


def _frame_less(tape: Tape, graph: Graph) -> bytes:
    frames = _frames(graph)
    del frames[tape.below(len(frames))]
    return spell(graph.format, _lines(graph), frames)


def _frame_more(tape: Tape, graph: Graph) -> bytes:
    extra = graph.format.encode(Blob((("extra", "1"),), tape.take(2)))
    frames = {graph.format.hash(data): data for data in (*map(graph.encodings.__getitem__, graph.reached()), extra)}
    return spell(graph.format, _lines(graph), [_frame(frames[identity]) for identity in sorted(frames)])


def _frames_swapped(tape: Tape, graph: Graph) -> bytes:
    frames = _frames(graph)
    at = tape.below(max(len(frames) - 1, 1))
    return spell(graph.format, _lines(graph), [*frames[:at], *frames[at : at + 2][::-1], *frames[at + 2 :]])


def _frame_repeated(tape: Tape, graph: Graph) -> bytes:
    frames = _frames(graph)
    at = tape.below(len(frames))
    return spell(graph.format, _lines(graph), [*frames[: at + 1], *frames[at:]])


def _frame_buried(tape: Tape, graph: Graph) -> bytes:
    """Replace a frame that is not a blob, or that is the target of a reference that requires a kind, by a tombstone."""
    reached = sorted(graph.reached())
    chosen = tape.pick([each for each in reached if each not in graph.of_kind("blob")] or reached)
    frames = [b"x" + each if each == chosen else _frame(graph.encodings[each]) for each in reached]
    return spell(graph.format, _lines(graph), frames)


def _miscounted(tape: Tape, graph: Graph) -> bytes:
    frames = _frames(graph)
    count = tape.pick((len(frames) + 1, len(frames) - 1, 0, len(frames) << 8, len(frames) | 1 << 63))
    return spell(graph.format, _lines(graph), frames, count)


def _lines_swapped(tape: Tape, graph: Graph) -> bytes:
    lines = [f"ref tags/{name} {next(iter(graph.references.values())).hex()}" for name in ("a", "b")]
    return spell(graph.format, lines[::-1], _frames(_only_first(graph)))


def _line_repeated(tape: Tape, graph: Graph) -> bytes:
    lines = _lines(graph)
    at = tape.below(len(lines))
    return spell(graph.format, [*lines[: at + 1], *lines[at:]], _frames(graph))


def _only_first(graph: Graph) -> Graph:
    name, target = next(iter(graph.references.items()))
    return Graph(graph.format, graph.values, graph.encodings, {name: target})


def _line_respelled(tape: Tape, graph: Graph) -> bytes:
    """Spell a line otherwise: upper case, more or fewer digits, other blanks, another word."""
    lines = _lines(graph)
    at = tape.below(len(lines))
    word, name, digits = lines[at].split(" ")
    digits = digits if any(digit in "abcdef" for digit in digits) else "a" * 64
    others = [f"{word} {name} {digits.upper()}", f"{word} {name} {digits[:63]}", f"{word} {name} {digits}0"]
    others += [f"{word} {name} {digits[:62]}", f"{word} {name} {digits}00"]
    others += [f"{word} {name}  {digits}", f"{word}\t{name} {digits}", f"Ref {name} {digits}", f"{lines[at]} "]
    others += [
        f" {lines[at]}",
        f"{lines[at]}\r",
        f"{word} {digits}",
        f"{name} {digits}",
        f"{word} {name} 0x{digits[2:]}",
    ]
    return spell(graph.format, [*lines[:at], tape.pick(others), *lines[at + 1 :]], _frames(graph))


def _line_misnamed(tape: Tape, graph: Graph) -> bytes:
    """Replace the name of a reference by one outside the grammar that still has the form of a line."""
    names = [name for _ in range(8) if _is_word(name := texts.bad_reference(tape))]
    target = next(iter(graph.references.values()))
    frames = _frames(_only_first(graph))
    return spell(graph.format, [f"ref {names[0] if names else 'tags//x'} {target.hex()}"], frames)


def _is_word(text: str) -> bool:
    return 1 <= len(text) <= 233 and all("!" <= character <= "~" for character in text)


def _target_lost(tape: Tape, graph: Graph) -> bytes:
    """Add a reference to an id without a frame."""
    lines = sorted([*_lines(graph), f"ref zz/lost {(tape.take(31) + bytes((1,))).hex()}"])
    return spell(graph.format, lines, _frames(graph))


def _target_of_other_kind(tape: Tape, graph: Graph) -> bytes:
    """Point a reference, in a space that requires a kind, to an object of another kind."""
    reached = graph.reached()
    wanted: dict[str, str] = {"actors/a": "tree", "runtime/agent": "tree", f"heads/{'ab' * 32}": "step"}
    name = tape.pick(list(wanted))
    others = [each for each in reached if name.startswith("heads/") or each not in graph.of_kind(wanted[name])]
    target = tape.pick(others or reached)
    lines = [line for line in _lines(graph) if f" {name} " not in line]
    return spell(graph.format, sorted([*lines, f"ref {name} {target.hex()}"]), _frames(graph))


def _object_spoiled(tape: Tape, graph: Graph) -> bytes:
    """Replace a frame that no object refers to by bytes that are not an encoding, in the order of ids."""
    bad = graph.format.encode(graph.values[graph.reached()[0]]) + b"\0"
    frames = {graph.format.hash(data): data for data in (*map(graph.encodings.__getitem__, graph.reached()), bad)}
    return spell(graph.format, _lines(graph), [_frame(frames[identity]) for identity in sorted(frames)])


def _first_lines(tape: Tape, graph: Graph) -> bytes:
    data, name = graph.bundle(), graph.format.name
    edits = [
        ("bundle 1", "bundle 2"),
        ("gritstone", "Gritstone"),
        ("bundle 1\n", "bundle 1\r\n"),
        ("format ", "format  "),
    ]
    edits += [(f"format {name}\n", ""), (f"{name}\n", f"{name} \n"), (f"{name}\n", f"{name.upper()}\n")]
    edits += [(f"format {name}\n", f"format {'a' * 33}\n"), ("gritstone bundle 1\n", ""), (f"{name}\n", "1abc\n")]
    old, new = tape.pick(edits)
    return redigest(graph.format, data.replace(old.encode(), new.encode(), 1))


def _unknown_format(tape: Tape, graph: Graph) -> bytes:
    name = tape.pick(("framed-sha512", "cbor", "a" * 32, "framed-sha25", "x-1"))
    return redigest(graph.format, graph.bundle().replace(graph.format.name.encode(), name.encode(), 1))


def _odd_frame(tape: Tape, graph: Graph) -> bytes:
    frames = _frames(graph)
    at = tape.below(len(frames))
    spoiled = tape.pick((b"O", b"\0", b"y", b"\n", b"p")) + frames[at][1:]
    return spell(graph.format, _lines(graph), [*frames[:at], spoiled, *frames[at + 1 :]])


def _trailing(tape: Tape, graph: Graph) -> bytes:
    return graph.bundle() + tape.pick((b"\0", b"\n", b"z", graph.bundle()))


def _zero_tombstone(tape: Tape, graph: Graph) -> bytes:
    return spell(graph.format, _lines(graph), [b"x" + bytes(32), *_frames(graph)])


BUNDLE_FAULTS: Final[Mapping[str, tuple[Callable[[Tape, Graph], bytes], ...]]] = {
    "grit.bundle.exact": (
        *(_frame_less, _frame_more, _frames_swapped, _frame_repeated, _frame_buried, _miscounted),
        *(_lines_swapped, _line_repeated, _target_lost, _target_of_other_kind),
    ),
    "grit.bundle.conditions": (_first_lines, _odd_frame, _object_spoiled, _zero_tombstone),
    "grit.id.text": (_line_respelled,),
    "grit.ref.grammar": (_line_misnamed,),
    "grit.bundle.format": (_unknown_format,),
    "grit.bundle.truncated": (_trailing,),
}
"""The faults of bundles by the rule that they break."""
