"""The puppet as code: its transition and its queries.

Spec: :rule:`wit.puppet.exact`, :rule:`wit.puppet.order`, :rule:`wit.puppet.atomic`, :rule:`wit.puppet.leave`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gritstone.errors import Invalid
from gritstone.grit.objects import NO_HEADERS, Blob, Mailbox, Message, ObjectId, Step
from gritstone.wit.code import Code, CodeRun, Question, Run
from gritstone.wit.failures import failure
from gritstone.wit.paths import ALPHABETS, find, read_path
from gritstone.wit.proposals import MessageKind
from gritstone.wit.puppet.act import Act
from gritstone.wit.puppet.illegal import alter
from gritstone.wit.puppet.program import Op, read_program
from gritstone.wit.workspace import Workspace
from gritstone.wit.wut import wut_blob

__all__ = ["PUPPETS", "Puppet"]

_STAMP = (("stamp",), b".")
_HANDLERS = ("on",)
_NO_PROGRAM: tuple[tuple[Op, ...], Mapping[str, ObjectId]] = ((), MappingProxyType({}))
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
    """The code of the puppet."""

    def __init__(self, *, stamp: bool) -> None:
        """Create a puppet; with ``stamp`` it records each message that it reads."""
        self._stamp = stamp

    # --- steps -----------------------------------------------------------------------------------------

    def step(self, run: Run) -> CodeRun:
        """Make a step; see ``Code.step``."""
        last, workspace = run.last, run.workspace
        act = Act(run)
        inbox = {} if last is None else dict(last.inbox)
        read = 0
        for sender, messages in run.proposal.covered:
            for message_id in messages:
                message = workspace.message(message_id)
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
        if read:
            return self._finish(act, inbox)
        if last is None:
            raise failure("failed", "a genesis was held", rule="wit.puppet.exact")
        return last.step_id

    @staticmethod
    def _finish(act: Act, inbox: dict[ObjectId, ObjectId]) -> ObjectId:
        run = act.run
        last, put = run.last, run.workspace.put
        previous = None if last is None or run.proposal.kind is MessageKind.CLEANUP else last.step_id
        if last is not None and act.outbox == last.outbox:
            outbox = last.step.outbox
        else:
            outbox = put(Mailbox(MappingProxyType(act.outbox))) if act.outbox else None
        step = Step(previous, run.actor, put(Mailbox(MappingProxyType(inbox))), outbox, act.core.store())
        return put(step) if act.illegal is None else alter(run, step, act.illegal)

    def _program(self, act: Act, message: Message) -> tuple[tuple[Op, ...], Mapping[str, ObjectId]]:
        """Return the program of a message with its operands: a handler in the core, or the program of the content."""
        if "mt" in message.headers:
            handler = self._handler(act, message.headers["mt"])
            found = None if handler is None else self._program_of(act.run.workspace, handler)
            if found is not None:
                return found
        return self._program_of(act.run.workspace, message.content) or _NO_PROGRAM

    @staticmethod
    def _program_of(workspace: Workspace, root: ObjectId) -> tuple[tuple[Op, ...], Mapping[str, ObjectId]] | None:
        """Return the program of a program tree; None if the tree is not one."""
        tree = workspace.tree(root)
        target = None if tree is None else tree.entries.get("program")
        if tree is None or target is None:
            return None
        value = workspace.look(target)
        if value is None:
            raise failure("failed", "an erased program", rule="wit.puppet.exact")
        if type(value) is not Blob:
            return None
        return read_program(value.data, workspace.objects.format.name), tree.entries

    @staticmethod
    def _handler(act: Act, mt: str) -> ObjectId | None:
        """Return the handler of the core for messages of a type."""
        if act.core.find(_HANDLERS) is None:
            return None
        try:
            ALPHABETS[act.run.workspace.objects.format.name].name.check(mt)
        except Invalid:
            return None
        return act.core.find((*_HANDLERS, mt))

    # --- queries ---------------------------------------------------------------------------------------

    def query(self, question: Question) -> CodeRun:
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
