"""Faults of ``cbor-blake3``: items that its encoder would not have written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gritstone_conformance.model.cbor import encode_head
from gritstone_conformance.model.grammar import CBOR
from gritstone_conformance.model.values import ZERO, Object
from gritstone_conformance.strategies import texts
from gritstone_conformance.strategies.faults import Fault
from gritstone_conformance.strategies.items import Item, long_head, parse, render
from gritstone_conformance.strategies.tape import Tape

__all__ = ["CBOR_FAULTS"]

_BYTES, _TEXT, _ARRAY, _MAP = 2, 3, 4, 5
_ODD_SIMPLE: Final = (b"\xf7", b"\xf4", b"\xf5", b"\xe0", b"\xf8\x20", b"\xf8\xff", b"\xf9\x00\x00", b"\xf9\x7e\x00")
_FLOATS: Final = (b"\xfa\x3f\x80\x00\x00", b"\xfb\x3f\xf0\x00\x00\x00\x00\x00\x00")
_TAGS: Final = (b"\xc0", b"\xc4", b"\xd9\xd9\xf7", b"\xd8\x20", b"\xda\x00\x01\x00\x00", b"\xc2\xc2")
_BAD_UTF8: Final = (
    *(b"\xff", b"\xed\xa0\x80", b"\xc0\xaf", b"\xc3", b"a\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\xfe"),
    *(b"\xed\xbf\xbf", b"\xf8\x88\x80\x80\x80", b"\xe0\x80\xaf", b"\xc1\xbf", b"\xf0\x82\x82\xac", b"\xc3\x28"),
)

_Change = Callable[[Tape, Item], None]


def _on_item(change: _Change) -> Callable[[Tape, Object, bytes], bytes]:
    def make(tape: Tape, value: Object, good: bytes) -> bytes:
        item = parse(good)
        change(tape, item)
        return render(item)

    return make


def _children(item: Item) -> list[Item]:
    assert item.children is not None
    return item.children


def _pairs(item: Item) -> list[tuple[Item, Item]]:
    """Return keys and values of the first map below an object."""
    inside = _children(next(child for child in _children(item) if child.major == _MAP))
    return list(zip(inside[::2], inside[1::2], strict=True))


def _set_pairs(item: Item, pairs: list[tuple[Item, Item]]) -> None:
    mapping = next(child for child in _children(item) if child.major == _MAP)
    mapping.children = [part for pair in pairs for part in pair]


def _lengthen(tape: Tape, item: Item) -> None:
    """Respell one head, at any place, with more bytes than it needs."""
    chosen = tape.pick([each for each in item.everywhere() if each.major != 7])
    needed = len(render(Item(0, chosen.argument))) - 1
    chosen.head = long_head(
        chosen.major, chosen.argument, tape.pick([width for width in (1, 2, 4, 8) if width > needed])
    )


def _open(tape: Tape, item: Item) -> None:
    """Respell a string, array or map with indefinite length."""
    chosen = tape.pick([each for each in item.everywhere() if each.major in (_BYTES, _TEXT, _ARRAY, _MAP)])
    if chosen.major in (_BYTES, _TEXT):
        content = chosen.content
        halves = [content[: len(content) // 2], content[len(content) // 2 :]] if tape.below(2) else [content]
        chosen.content = b"".join(encode_head(chosen.major, len(part)) + part for part in halves if part)
    chosen.head, chosen.after = bytes((chosen.major << 5 | 31,)), b"\xff"


def _tag(tape: Tape, item: Item) -> None:
    tape.pick(item.everywhere()).before = tape.pick(_TAGS)


def _simplify(tape: Tape, item: Item) -> None:
    """Replace any item except the outermost one by a simple value or a float."""
    _replace(tape.pick(item.everywhere()[1:]), tape.pick((*_ODD_SIMPLE, *_FLOATS)))


def _replace(chosen: Item, spelled: bytes) -> None:
    chosen.head, chosen.content, chosen.children = spelled, b"", None


def _unshape(tape: Tape, item: Item) -> None:
    """Drop, add, swap or retype an element."""
    tape.pick((_drop, _add, _retype, _swap_elements, _resize_id, _other_item))(tape, item)


def _drop(tape: Tape, item: Item) -> None:
    del _children(item)[tape.within(1, len(_children(item)) - 1)]


def _add(tape: Tape, item: Item) -> None:
    extra = tape.pick((Item(_BYTES, 32, b"\1" * 32), Item(7, 22), Item(0, 0), Item(_MAP, 0, children=[])))
    _children(item).insert(tape.within(1, len(_children(item))), extra)


def _retype(tape: Tape, item: Item) -> None:
    chosen = tape.pick(_children(item)[1:])
    others = (Item(0, 1), Item(1, 0), Item(_TEXT, 1, b"a"), Item(_ARRAY, 0, children=[]), Item(_TEXT, 32, b"a" * 32))
    other = tape.pick(others)
    chosen.major, chosen.argument, chosen.content, chosen.children = (
        *(other.major, other.argument, other.content),
        other.children,
    )


def _swap_elements(tape: Tape, item: Item) -> None:
    """Move the kind after the first field."""
    elements = _children(item)
    elements[0], elements[1] = elements[1], elements[0]


def _resize_id(tape: Tape, item: Item) -> None:
    """Change an id to 31 or 33 bytes; without an id, change the type of the data."""
    places = [each for each in item.everywhere() if each.major == _BYTES and len(each.content) == 32]
    if _children(item)[0].argument == 0 or not places:
        _children(item)[-1].major = _TEXT
        return
    chosen = tape.pick(places)
    chosen.content = tape.pick((chosen.content[:31], chosen.content + b"\1", b"", chosen.content * 2))


def _other_item(tape: Tape, item: Item) -> None:
    """Replace the outermost item by one that is not an array that begins with a kind."""
    choices = (b"\xa0", b"\x00", b"\x40", b"\x60", b"\x80", b"\x81\x00", b"\x82\x20\xa0", b"\xf6", b"\x81\x80")
    _replace(item, tape.pick(choices))


def _renumber(tape: Tape, item: Item) -> None:
    _children(item)[0].argument = tape.pick((5, 6, 7, 10, 23, 24, 255, 256, 65536, 1 << 32, (1 << 64) - 1))


def _unencode(tape: Tape, item: Item) -> None:
    """Put bytes that are not UTF-8 in the place of a text."""
    texts_there = [each for each in item.everywhere() if each.major == _TEXT]
    tape.pick(texts_there).content = tape.pick(_BAD_UTF8)


def _swap_pairs(tape: Tape, item: Item) -> None:
    pairs = _pairs(item)
    at = tape.below(len(pairs) - 1)
    pairs[at], pairs[at + 1] = pairs[at + 1], pairs[at]
    _set_pairs(item, pairs)


def _double_pair(tape: Tape, item: Item) -> None:
    pairs = _pairs(item)
    at = tape.below(len(pairs))
    other = pairs[at][1] if tape.below(2) == 0 else tape.pick(pairs)[1]
    _set_pairs(item, [*pairs[: at + 1], (pairs[at][0], other), *pairs[at + 1 :]])


def _rekey(tape: Tape, item: Item, major: int, content: bytes) -> None:
    """Change the key of a pair and move the pair where that key belongs."""
    pairs = _pairs(item)
    at = tape.below(len(pairs))
    pairs[at] = (Item(major, len(content), content), pairs[at][1])
    _set_pairs(item, sorted(pairs, key=lambda pair: render(pair[0])))


def _bad_name(tape: Tape, item: Item) -> None:
    _rekey(tape, item, _TEXT, texts.bad_name(tape, CBOR).encode())


def _bad_key(tape: Tape, item: Item) -> None:
    _rekey(tape, item, _TEXT, texts.bad_key(tape, empty=True).encode())


def _bad_value(tape: Tape, item: Item) -> None:
    tape.pick(_pairs(item))[1].content = texts.bad_value(tape, CBOR).encode()


def _empty(tape: Tape, item: Item) -> None:
    _set_pairs(item, [])


def _zero_value(tape: Tape, item: Item) -> None:
    tape.pick(_pairs(item))[1].content = ZERO


def _zero_key(tape: Tape, item: Item) -> None:
    _rekey(tape, item, _BYTES, ZERO)


def _zero_field(*places: int) -> _Change:
    def change(tape: Tape, item: Item) -> None:
        chosen = _children(item)[tape.pick(places)]
        chosen.major, chosen.argument, chosen.content, chosen.head = _BYTES, 32, ZERO, None

    return change


def _null_field(*places: int) -> _Change:
    return lambda tape, item: _replace(_children(item)[tape.pick(places)], b"\xf6")


def _trail(tape: Tape, value: Object, good: bytes) -> bytes:
    return good + tape.pick((b"\0", b"\xf6", good, b"\xff", b"\x80", tape.take(3)))


def _nest(tape: Tape, value: Object, good: bytes) -> bytes:
    """Nest arrays, maps or tags some thousand deep, around an object or unfinished."""
    depth = tape.pick((100, 1000, 5000, 20000))
    opening = tape.pick((b"\x81", b"\xa1\x00", b"\xc6", b"\x9f", b"\xbf\x00", b"\x83\x00", b"\x82\x01\xa1\x61a"))
    return opening * depth + tape.pick((b"", good, b"\0"))


CBOR_FAULTS: Final = (
    Fault("grit.object.kinds", "other-number", _on_item(_renumber)),
    *(
        Fault("grit.cbor.shape", kind, _on_item(_unshape), kind)
        for kind in ("blob", "tree", "message", "mailbox", "step")
    ),
    *(
        Fault("grit.cbor.shortest", kind, _on_item(_lengthen), kind)
        for kind in ("blob", "tree", "message", "mailbox", "step")
    ),
    *(
        Fault("grit.cbor.definite", kind, _on_item(_open), kind)
        for kind in ("blob", "tree", "message", "mailbox", "step")
    ),
    Fault("grit.cbor.map-order", "tree", _on_item(_swap_pairs), "tree", 2),
    Fault("grit.cbor.map-order", "blob", _on_item(_swap_pairs), "blob", 2),
    *(Fault("grit.cbor.map-order", f"{kind}-repeated", _on_item(_double_pair), kind, 1) for kind in ("tree", "blob")),
    Fault("grit.cbor.plain", "tag", _on_item(_tag)),
    Fault("grit.cbor.plain", "simple", _on_item(_simplify)),
    Fault("grit.cbor.one-item", "trailing", _trail),
    Fault("grit.cbor.utf8", "tree", _on_item(_unencode), "tree"),
    Fault("grit.cbor.utf8", "blob", _on_item(_unencode), "blob", 1),
    Fault("grit.cbor.depth", "nested", _nest),
    Fault("grit.name.grammar", "outside", _on_item(_bad_name), "tree"),
    Fault("grit.header.grammar", "key", _on_item(_bad_key), "blob", 1),
    Fault("grit.header.grammar", "value", _on_item(_bad_value), "message", 1),
    Fault("grit.header.order", "swapped", _on_item(_swap_pairs), "message", 2),
    Fault("grit.header.order", "repeated", _on_item(_double_pair), "blob", 1),
    Fault("grit.tree.key-order", "swapped", _on_item(_swap_pairs), "tree", 2),
    Fault("grit.tree.key-unique", "repeated", _on_item(_double_pair), "tree"),
    Fault("grit.tree.non-empty", "empty", _on_item(_empty), "tree"),
    Fault("grit.mailbox.key-order", "swapped", _on_item(_swap_pairs), "mailbox", 2),
    Fault("grit.mailbox.key-unique", "repeated", _on_item(_double_pair), "mailbox"),
    Fault("grit.mailbox.non-empty", "empty", _on_item(_empty), "mailbox"),
    Fault("grit.id.zero", "tree-value", _on_item(_zero_value), "tree"),
    Fault("grit.id.zero", "mailbox-value", _on_item(_zero_value), "mailbox"),
    Fault("grit.id.zero", "mailbox-key", _on_item(_zero_key), "mailbox"),
    Fault("grit.id.zero", "step", _on_item(_zero_field(1, 3, 4)), "step"),
    Fault("grit.message.previous", "zero", _on_item(_zero_field(1)), "message"),
    Fault("grit.message.content", "null", _on_item(_null_field(3)), "message"),
    Fault("grit.step.fields", "null", _on_item(_null_field(2, 5)), "step"),
)
"""All of them; each rule of the format has at least one."""
