"""The model's agent sends no object that is longer than ``object_bytes``."""

from __future__ import annotations

import pytest

from gritstone_conformance.model.agent import Agent, Effect, agent_core, first_agent_step
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.limits import Limits
from gritstone_conformance.model.mailroom import Mailroom
from gritstone_conformance.model.refusals import Refusal
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.store import Store
from gritstone_conformance.model.values import Blob, Tree

LIMIT = 1_000


@pytest.fixture
def agent(fmt: Format) -> Agent:
    store = Store(fmt, Limits(object_bytes=LIMIT))
    shelf = Shelf.over(store)
    identity = agent_core(shelf, "test")
    store.references[f"heads/{identity.hex()}"] = first_agent_step(shelf, identity)
    return Agent(Mailroom(store, shelf), identity)


@pytest.mark.parametrize(("length", "is_sent"), [(LIMIT // 2, True), (LIMIT, False)])
def test_message_longer_than_an_object_is_refused(agent: Agent, length: int, is_sent: bool) -> None:
    content = agent.shelf.put(Blob((), b""))
    actor = agent.shelf.put(Tree((("a", content),)))
    agent.shelf.flush(agent.mailroom.store)
    if is_sent:
        message = agent.inject(actor, (("key", "v" * length),), content, "queue")
        assert agent.mailroom.outbox(agent.identity) == {actor: message}
        return
    with pytest.raises(Refusal) as caught:
        agent.inject(actor, (("key", "v" * length),), content, "queue")
    assert [(defect.kind, defect.rule) for defect in caught.value.defects] == [("exhausted", "runtime.agent.limits")]


@pytest.mark.parametrize(("length", "is_sent"), [(LIMIT // 2, True), (LIMIT, False)])
def test_answer_longer_than_an_object_is_refused(
    agent: Agent, length: int, is_sent: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    actor = agent.shelf.put(Tree((("a", agent.shelf.put(Blob((), b""))),)))
    effect = Effect(actor, agent.shelf.put(Blob((), b"effect")), "model", b"")
    monkeypatch.setattr(Agent, "effects", lambda self: [effect])
    if is_sent:
        agent.resolve(effect.name, "ok", bytes(length))
        assert actor in agent.mailroom.outbox(agent.identity)
        return
    with pytest.raises(Refusal) as caught:
        agent.resolve(effect.name, "ok", bytes(length))
    assert [(defect.kind, defect.rule) for defect in caught.value.defects] == [("exhausted", "runtime.effect.limit")]
