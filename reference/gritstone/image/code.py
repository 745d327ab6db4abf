"""The code of images as ``wit`` sees it: steps are made in operations only, and queries are the puppet's.

Spec: :rule:`image.code.outside`, :rule:`image.code.query`, :rule:`image.kernel.step`.
"""

from __future__ import annotations

from gritstone.errors import Refusal
from gritstone.grit.objects import Kind, Step
from gritstone.wit.code import CodeRun, Question, Run
from gritstone.wit.failures import failure
from gritstone.wit.laws import External
from gritstone.wit.proposals import MessageKind
from gritstone.wit.puppet import PUPPETS
from gritstone.wit.puppet.core import WorkingCore
from gritstone.wit.update import first_step, with_cursor

__all__ = ["IMAGES", "PLAIN_IMAGES", "ActorCode", "KernelCode"]

_QUERIES = frozenset({"get", "echo", "step", "fail"})


class ActorCode:
    """The code of actors."""

    def step(self, run: Run) -> CodeRun:
        """Fail: there is no operation."""
        yield from ()
        raise failure(
            "failed", "an actor of an image makes steps in operations only", rule="image.code.outside", detail="image"
        )

    def query(self, question: Question) -> CodeRun:
        """Answer the queries of the puppet, except its description."""
        if question.name not in _QUERIES:
            return None
        return (yield from PUPPETS["puppet/1"].query(question))


class KernelCode:
    """The code of the kernel actor."""

    def step(self, run: Run) -> CodeRun:
        """Read a record."""
        yield from ()
        proposal = run.proposal
        if proposal.kind is MessageKind.GENESIS:
            return first_step(run)
        if proposal.kind is not MessageKind.ORDINARY or proposal.count != 1 or run.last is None:
            raise _fail()
        _, message_id = proposal.single()
        message = run.workspace.message(message_id)
        if message.headers.get("mt") != "image.op" or run.workspace.kind(message.content) is not Kind.BLOB:
            raise _fail()
        core = WorkingCore(run.workspace, run.core_id, run.core)
        core.put(("op",), message.content)
        last = run.last
        return run.workspace.put(Step(last.step_id, run.actor, with_cursor(run), last.step.outbox, core.store()))

    def query(self, question: Question) -> CodeRun:
        """Answer nothing."""
        yield from ()
        return None


def _fail() -> Refusal:
    return failure("failed", "the kernel actor reads records only", rule="image.kernel.step")


IMAGES = External({"image/1": ActorCode(), "image-kernel/1": KernelCode()})
"""The law with the code of images. If a runtime has the law of guests too, actors of its image can be guests."""

PLAIN_IMAGES = External(IMAGES.registered)
"""The same law for images without guests, whatever other laws a runtime has.

Spec: :rule:`image.tool.imports`.
"""
