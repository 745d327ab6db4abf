"""The puppet as code: its transition and its queries.

Spec: :rule:`wit.puppet.exact`, :rule:`wit.puppet.order`, :rule:`wit.puppet.atomic`, :rule:`wit.puppet.leave`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from gritstone.errors import Invalid
from gritstone.grit.objects import NO_HEADERS, Blob, Mailbox, Message, ObjectId, Step
from gritstone.wit.channels import load_message
from gritstone.wit.code import Code, Play, Question, Run
from gritstone.wit.failures import failure
from gritstone.wit.paths import ALPHABETS, find, read_path
from gritstone.wit.proposals import MessageKind
from gritstone.wit.puppet.act import Act
from gritstone.wit.puppet.illegal import alter
from gritstone.wit.puppet.program import read_program
from gritstone.wit.wut import wut_blob

__all__ = ["PUPPETS", "Puppet"]

_STAMP = (("stamp",), b".")
_NO_OPERANDS: Mapping[str, ObjectId] = MappingProxyType({})
_WUT = wut_blob(
    "puppet",
    {"": {"content": "any"}},
    {
        "wut": {"args": "none", "returns": "blob"},
        "get": {"args": "blob", "returns": "any"},
        "echo": {"args": "blob", "returns": "blob"},
        "step": {"args": "none", "returns": "blob"},
        "fail": {"args": "none", "returns": "blob"},
    },
)


class Puppet:
    """Do what messages say."""

    def __init__(self, *, stamp: bool) -> None:
        """Make a puppet; one with ``stamp`` leaves a trace of each message it reads."""
        self._stamp = stamp

    # --- steps -----------------------------------------------------------------------------------------

    def step(self, run: Run) -> Play:
        """Make a step; see ``Code.step``."""
        act = Act(run)
        inbox = dict(run.last.inbox) if run.last is not None else {}
        load = run.workspace.load
        read = 0
        for sender, messages in run.proposal.covered:
            for message_id in messages:
                message = load_message(load, message_id)
                program, operands = self._program(act, message)
                act.begin(sender, message_id, message, operands)
                for letter, values in program:
                    more = act.perform(letter, values)
                    if more is not None:
                        yield from more
                    if act.held:
                        break
                if act.held:
                    break
                if self._stamp:
                    act.append(*_STAMP)
                inbox[sender] = message_id
                read += 1
        return self._finish(act, inbox, read)

    def _finish(self, act: Act, inbox: dict[ObjectId, ObjectId], read: int) -> ObjectId:
        run = act.run
        last = run.last
        if not read:
            if last is None:
                raise failure("failed", "a genesis was held", rule="wit.puppet.exact")
            return last.step_id
        put = run.workspace.put
        previous = None if last is None or run.proposal.kind is MessageKind.CLEANUP else last.step_id
        if last is not None and act.outbox == last.outbox:
            outbox = last.step.outbox
        else:
            outbox = put(Mailbox(act.outbox)) if act.outbox else None
        step = Step(previous, run.actor, put(Mailbox(inbox)), outbox, act.core.store())
        return put(step) if act.illegal is None else alter(run, step, act.illegal)

    def _program(self, act: Act, message: Message) -> tuple[tuple[Any, ...], Mapping[str, ObjectId]]:
        """Find the program of a message and its operands: a handler in the core, or the content's own."""
        workspace = act.run.workspace
        handler = act.core.find(("on",)) if "mt" in message.headers else None
        for root in (None if handler is None else self._handler(act, message), message.content):
            tree = None if root is None else workspace.tree(root)
            target = None if tree is None else tree.entries.get("program")
            if tree is None or target is None:
                continue
            value = workspace.look(target)
            if value is None:
                raise failure("failed", "an erased program", rule="wit.puppet.exact")
            if isinstance(value, Blob):
                return read_program(value.data, workspace.objects.format.name), tree.entries
        return (), _NO_OPERANDS

    @staticmethod
    def _handler(act: Act, message: Message) -> ObjectId | None:
        mt = message.headers["mt"]
        try:
            ALPHABETS[act.run.workspace.objects.format.name].name.check(mt)
        except Invalid:
            return None
        return act.core.find(("on", mt))

    # --- queries ---------------------------------------------------------------------------------------

    def query(self, question: Question) -> Play:
        """Answer a query; see ``Code.query``."""
        yield from ()
        put = question.workspace.put
        match question.name:
            case "wut":
                return put(_WUT)
            case "get":
                return self._get(question)
            case "echo":
                return put(Blob(NO_HEADERS, question.args))
            case "step":
                return put(Blob({"ct": "s"}, question.position.step_id.hex().encode()))
            case "fail":
                raise failure("failed", "as asked", rule="wit.puppet.exact")
            case _:
                return None

    @staticmethod
    def _get(question: Question) -> ObjectId | None:
        if not question.args:
            return question.position.step.core
        workspace = question.workspace
        path = read_path(question.args, ALPHABETS[workspace.objects.format.name])
        target = find(workspace, question.position.core, path)
        if target is not None and workspace.look(target) is None:
            raise failure("failed", "an erased blob", rule="wit.puppet.exact")
        return target


PUPPETS: Mapping[str, Code] = MappingProxyType({"puppet/1": Puppet(stamp=False), "puppet-stamp/1": Puppet(stamp=True)})
"""The puppets by external name."""
