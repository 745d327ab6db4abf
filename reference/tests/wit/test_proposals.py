"""Kinds of message and proposals."""

from __future__ import annotations

from typing import Any

import pytest

from gritstone.errors import Invalid, Missing
from gritstone.grit import Message
from gritstone.wit import MessageKind, message_kind, read_proposal

A, B = b"a" * 32, b"b" * 32


@pytest.mark.parametrize(
    ("exists", "mt", "content", "kind"),
    [
        (False, "update", A, "genesis"),
        (False, "", A, "genesis"),
        (False, "genesis", B, "waiting"),
        (False, "update", B, "waiting"),
        (True, "update", A, "update"),
        (True, "cleanup", A, "cleanup"),
        (True, "genesis", A, "duplicate"),
        (True, "", A, "duplicate"),
        (True, "genesis", B, "ordinary"),
        (True, "Update", B, "ordinary"),
        (True, "", B, "ordinary"),
    ],
)
def test_first_matching_row_names_the_kind(exists: bool, mt: str, content: bytes, kind: str) -> None:
    message = Message(None, {"mt": mt} if mt else {}, content)
    assert message_kind(A, message, exists=exists) is MessageKind(kind)


def test_proposals_are_ordered_and_of_one_kind(bench: Any) -> None:
    actor, head = bench.born()
    last = bench.position(head, actor)
    other = bench.core("other")
    first = bench.message(bench.blob(b"1"), last.inbox[bench.outside])
    second = bench.message(bench.blob(b"2"), first)
    third = bench.message(bench.blob(b"3"))
    proposal = read_proposal(bench.objects.load, actor, last, [(other, third), (bench.outside, second)])
    expected = sorted([(bench.outside, (first, second)), (other, (third,))])
    assert list(proposal.covered) == expected
    assert (proposal.kind, proposal.count) == (MessageKind.ORDINARY, 3)
    assert proposal.mailbox == {bench.outside: second, other: third}


def test_invalid_proposals_are_rejected(bench: Any) -> None:
    actor, head = bench.born()
    last = bench.position(head, actor)
    outside, genesis = bench.outside, last.inbox[bench.outside]
    plain = bench.message(bench.blob(b"1"), genesis)
    update = bench.message(bench.blob(b"1"), plain, mt="update")
    alone = bench.message(bench.blob(b"1"), genesis, mt="update")
    other = bench.core("other")
    bad = [
        [],
        [(outside, plain), (outside, plain)],
        [(outside, genesis)],
        [(outside, update)],
        [(outside, alone), (other, bench.message(bench.blob(b"x")))],
        [(outside, bench.blob(b"no message"))],
    ]
    for mail in bad:
        with pytest.raises(Invalid) as caught:
            read_proposal(bench.objects.load, actor, last, mail)
        assert caught.value.code == "proposal"
    assert read_proposal(bench.objects.load, actor, last, [(outside, alone)]).kind is MessageKind.UPDATE
    with pytest.raises(Invalid):
        read_proposal(bench.objects.load, actor, None, [(outside, plain)])
    with pytest.raises(Missing):
        read_proposal(bench.objects.load, actor, last, [(outside, b"z" * 32)])
