"""The kept unread messages of long channels are always those that a walk finds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gritstone.grit.objects import Message, Object, ObjectId
from gritstone.runtime import backlogs
from gritstone.runtime.backlogs import Backlogs
from gritstone.wit.channels import unread

_CHANNEL = (b"reader", b"sender")


class _Chain:
    """A channel that grows, is read and is superseded."""

    def __init__(self) -> None:
        self.objects: dict[ObjectId, Object] = {}
        self.loads = 0
        self.tip: ObjectId | None = None
        self.cursor: ObjectId | None = None

    def send(self, count: int) -> None:
        for _ in range(count):
            message_id = len(self.objects).to_bytes(32, "big")
            self.objects[message_id] = Message(self.tip, {}, b"\0" * 32)
            self.tip = message_id

    def load(self, object_id: ObjectId) -> Object:
        self.loads += 1
        return self.objects[object_id]

    def unread(self) -> list[ObjectId]:
        return unread(self.objects.__getitem__, self.tip, self.cursor)[0]

    def read(self, count: int) -> None:
        self.cursor = self.unread()[min(count, len(self.unread())) - 1]


_ACTIONS = st.lists(
    st.tuples(st.sampled_from(("send", "read", "ask", "begin again")), st.integers(1, 400)), max_size=30
)


@given(_ACTIONS, st.sampled_from((1, 64, 1_024)))
def test_kept_messages_are_the_unread_ones(actions: list[tuple[str, int]], most: int) -> None:
    chain, kept = _Chain(), Backlogs()
    for action, count in actions:
        if action == "begin again":
            chain.tip = None
            chain.send(count)
        elif action == "send":
            chain.send(count)
        elif chain.tip is not None and chain.unread():
            if action == "read":
                chain.read(count)
            if chain.tip != chain.cursor:
                found = kept.oldest(chain.load, _CHANNEL, chain.tip, chain.cursor, most)
                assert found == chain.unread()[:most]


def test_each_message_is_loaded_once() -> None:
    chain, kept = _Chain(), Backlogs()
    chain.send(10_000)
    while chain.tip is not None and chain.tip != chain.cursor:
        assert kept.oldest(chain.load, _CHANNEL, chain.tip, chain.cursor, 64) == chain.unread()[:64]
        chain.read(64)
        if len(chain.objects) < 11_000:
            chain.send(32)
    assert chain.loads < len(chain.objects) + 64 * 257


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Backlogs()
    monkeypatch.setattr(backlogs, "_MOST_KEPT", 1_000)
    for name in range(8):
        chain = _Chain()
        chain.send(300)
        assert chain.tip is not None
        kept.oldest(chain.load, (b"reader", bytes([name])), chain.tip, None, 64)
    assert sum(len(each.messages) for each in kept._kept.values()) == kept._count == 900
