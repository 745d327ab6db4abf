"""Fast encoding gives what the encoder gives, and refuses what it refuses."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gritstone.errors import Refusal
from gritstone.grit import FORMATS, Blob, Limits, Mailbox, Message, Object, Step, Tree
from gritstone.optional.encoding_templates import EncodingTemplates

ids = st.binary(min_size=32, max_size=32) | st.sampled_from([bytes(32), b"short", b"x" * 33])
links = st.none() | ids
names = st.sampled_from(["a", "aa", "b", "wit", "wit_query", "z" * 30, "", "x/y", "\u00e9", "%b%%"])
headers = st.dictionaries(
    st.sampled_from(["mt", "ct", "reply", "attempt"]), st.sampled_from(["", "x", "genesis", "\0", "%b"]), max_size=3
)
objects = st.one_of(
    st.builds(Step, links, ids, links, links, ids),
    st.builds(Message, links, headers, ids),
    st.builds(Mailbox, st.dictionaries(ids, ids, max_size=20)),
    st.builds(Tree, st.dictionaries(names, ids, max_size=9)),
    st.builds(Blob, headers, st.binary(max_size=9)),
)


def outcome(encode: Callable[[Object], bytes], value: Object) -> bytes | str:
    try:
        return encode(value)
    except Refusal as refusal:
        return refusal.kind


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_templates_give_the_bytes_and_refusals_of_plain_code(name: str) -> None:
    format_, limits = FORMATS[name], Limits()
    stencils = EncodingTemplates(format_, limits)

    @given(st.lists(objects, min_size=1, max_size=5))
    def check(values: list[Object]) -> None:
        for value in values:
            wrong_twice = len({len(one) for one in vars_of(value)} - {32}) > 1
            if not wrong_twice:
                expected = outcome(lambda one: format_.encode(one, limits), value)
                assert outcome(stencils.encode, value) == expected

    check()


def vars_of(value: Object) -> list[bytes]:
    match value:
        case Step():
            return [one for one in (value.previous, value.actor, value.inbox, value.outbox, value.core) if one]
        case Message():
            return [one for one in (value.previous, value.content) if one]
        case Mailbox():
            return [*value.entries, *value.entries.values()]
        case Tree():
            return list(value.entries.values())
        case _:
            return []


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_templates_of_3000_outlines_encode_as_plain_code(name: str) -> None:
    format_, limits = FORMATS[name], Limits()
    stencils = EncodingTemplates(format_, limits)
    for number in range(3_000):
        value = Tree({f"n{number}": b"i" * 32, "a": b"j" * 32})
        assert stencils.encode(value) == format_.encode(value, limits)
