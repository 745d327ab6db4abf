"""Histories of one actor whose only correspondent is the agent: its bundle, and alterations of its newest step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gritstone_conformance.model.executor import Executor
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.store import Store
from gritstone_conformance.model.values import Mailbox, Message, Object, Step, Tree

__all__ = ["AgentHistory"]


class AgentHistory:
    """The part of a scene that writes a history: the agent sends each message in a step of its own.

    Attributes:
        actor, head: the actor and its newest step.
        agent_head: the newest step of the agent.
    """

    actor: bytes
    head: bytes | None
    agent_head: bytes | None = None
    _agent_inbox: bytes

    @property
    def agent(self) -> bytes:
        """The agent."""
        raise NotImplementedError

    @property
    def objects(self) -> Store:
        """The store of the history."""
        raise NotImplementedError

    def deliver(self, message: bytes) -> None:
        """Add the step of the agent that sends a message to the actor."""
        if self.agent_head is None:
            genesis = self._add(Message(None, (("mt", "genesis"),), self.agent))
            self._agent_inbox = self._add(Mailbox(((self.agent, genesis),)))
            self.agent_head = self._add(Step(None, self.agent, self._agent_inbox, None, self.agent))
        outbox = self._add(Mailbox(((self.actor, message),)))
        self.agent_head = self._add(Step(self.agent_head, self.agent, self._agent_inbox, outbox, self.agent))

    def bundle(self) -> bytes:
        """Return the bundle of the histories of the agent and the actor."""
        assert self.agent_head is not None
        assert self.head is not None
        heads = {f"heads/{self.agent.hex()}": self.agent_head, f"heads/{self.actor.hex()}": self.head}
        self.objects.references.update({"runtime/agent": self.agent, **heads})
        self.objects.prune()
        return self.objects.export()

    # --- the newest step -----------------------------------------------------------------------------------

    @property
    def top(self) -> Step:
        """The newest step."""
        assert self.head is not None
        return Shelf.over(self.objects).step(self.head)

    @property
    def before(self) -> Step:
        """The step before the newest."""
        assert self.top.previous is not None
        return Shelf.over(self.objects).step(self.top.previous)

    @property
    def outbox(self) -> Mapping[bytes, bytes]:
        """The outbox of the newest step."""
        return Shelf.over(self.objects).mail(self.top.outbox)

    def alter(self, **fields: Any) -> None:
        """Replace fields of the newest step."""
        self.head = self._add(replace(self.top, **fields))

    def alter_core(self, path: str, target: bytes | None) -> None:
        """Replace or remove one entry of the core of the newest step."""
        self.alter(core=self._with(self.top.core, path.split("/"), target))

    def alter_outbox(self, message: bytes | None, receiver: bytes | None = None) -> None:
        """Replace the newest message to a receiver, by default the agent, or remove it."""
        kept = {to: each for to, each in {**self.outbox, receiver or self.agent: message}.items() if each is not None}
        self.alter(outbox=self._add(Mailbox(tuple(kept.items()))) if kept else None)

    def pretend(self, message: bytes) -> None:
        """Replace core and outbox of the newest step by those that another message of the agent leads to."""
        executor = Executor(self.objects)
        made = executor.step(self.actor, self.top.previous, [(self.agent, message)])
        assert made is not None
        step = executor.shelf.step(made)
        self.alter(core=step.core, outbox=step.outbox)

    def _add(self, value: Object) -> bytes:
        encoding = self.objects.format.encode(value)
        assert "ok" in self.objects.put(encoding)
        return self.objects.format.hash(encoding)

    def _with(self, tree: bytes | None, path: list[str], target: bytes | None) -> bytes | None:
        entries = {} if tree is None else dict(Shelf.over(self.objects).names(tree))
        below = target if len(path) == 1 else self._with(entries.get(path[0]), path[1:], target)
        kept = {name: each for name, each in {**entries, path[0]: below}.items() if each is not None}
        return self._add(Tree(tuple(kept.items()))) if kept else None
