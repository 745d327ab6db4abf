"""Speed of ``flow``: expressions, templates, the check of programs, and the steps of flows without a runtime."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from gritstone.flow.check import check
from gritstone.flow.expressions import evaluate, read_expression
from gritstone.flow.guest import FLOWS
from gritstone.flow.templates import read_template, render
from gritstone.flow.values import decode_value, document, encode_value
from gritstone.grit import FORMATS, Blob, MemoryEngine, Message, ObjectId, Store, Tree
from gritstone.wit import Executor, Laws, MessageKind, Objects, Proposal
from gritstone.wit.drive import Deadline, drive
from gritstone.wit.position import Position
from gritstone.wit.workspace import Workspace

_ENVIRONMENT = {"input": {"amount": 40, "order": "A-17", "tags": ["new"]}, "out": {"analyze": "yes"}}
_EXPRESSIONS = {
    "comparisons": "$out.analyze == 'yes' and $input.amount <= 100",
    "long": " and ".join(["$input.amount <= 100"] * 128),
    "nested": "(" * 32 + "$input.amount <= 100" + ")" * 32,
}
_COUNT = 100


class Expressions:
    """100 expressions; the long one has 511 tokens, and the nested one 32 groups."""

    params = (sorted(_EXPRESSIONS),)
    param_names = ("kind",)

    def setup(self, kind: str) -> None:
        self.text = _EXPRESSIONS[kind]
        self.read = read_expression(self.text)

    def time_read_and_evaluate(self, kind: str) -> None:
        for _ in range(_COUNT):
            evaluate(read_expression(self.text), _ENVIRONMENT)

    def time_evaluate(self, kind: str) -> None:
        for _ in range(_COUNT):
            evaluate(self.read, _ENVIRONMENT)


class Templates:
    """100 templates of an argument list with three paths."""

    def setup(self) -> None:
        args = {"prompt": "Is order ${input.order} refundable?", "amount": "$input.amount", "tags": ["$input.tags"]}
        self.template = encode_value(args)

    def time_read_and_render(self) -> None:
        for _ in range(_COUNT):
            render(read_template(decode_value(self.template)), _ENVIRONMENT)


class Checks:
    """The check of a program without defects: pairs of a branch and a call that its exit guards."""

    params = ([10, 100, 1_024],)
    param_names = ("nodes",)

    def setup(self, nodes: int) -> None:
        made: dict[str, Any] = {"e": {"kind": "end", "outcome": "success"}}
        pairs = (nodes - 1) // 2
        for index in range(pairs):
            after = f"b{index + 1}" if index + 1 < pairs else "e"
            made[f"b{index}"] = {"kind": "branch", "if": _EXPRESSIONS["comparisons"], "then": f"c{index}", "else": "e"}
            made[f"c{index}"] = {"kind": "call", "tool": "t", "args": {"v": "$input.amount"}, "next": after}
            made[f"c{index}"]["guards"] = [f"b{index}.then"]
        made["analyze"] = {"kind": "call", "tool": "t", "args": {}, "next": "b0"}
        self.program = encode_value({"flow": 1, "name": "n", "start": "analyze", "nodes": made}, None)
        tools = {"t": {"peer": "edge", "params": ["v"], "guarded": False}}
        self.policy = encode_value({"flow_policy": 1, "tools": tools})
        self.input = encode_value(_ENVIRONMENT["input"])
        assert check(self.program, self.policy, self.input, ["edge"], []) == []

    def time_check(self, nodes: int) -> None:
        check(self.program, self.policy, self.input, ["edge"], [])


_CALL: dict[str, Any] = {"kind": "call", "tool": "t", "args": {"v": "$input.amount"}}
_END: dict[str, Any] = {"kind": "end", "outcome": "success"}
_CALLS = 50


def _chain() -> dict[str, Any]:
    nodes = {f"c{at}": {**_CALL, "next": f"c{at + 1}"} for at in range(_CALLS - 1)}
    return {**nodes, f"c{_CALLS - 1}": {**_CALL, "next": "e"}, "e": _END}


def _loop() -> dict[str, Any]:
    gate = {"kind": "branch", "if": f"$out.c0 < {_CALLS}", "then": "c0", "else": "e"}
    return {"c0": {**_CALL, "next": "gate"}, "gate": gate, "e": _END}


def _parallels() -> dict[str, Any]:
    subs = {f"s{at}": {"tool": "t", "args": {"v": at}} for at in range(10)}
    names = [f"c{at}" for at in range(_CALLS // 10)]
    nodes = {
        name: {"kind": "parallel", "calls": subs, "next": after}
        for name, after in zip(names, [*names[1:], "e"], strict=True)
    }
    return {**nodes, "e": _END}


_PROGRAMS = {"chain": _chain, "loop": _loop, "parallel": _parallels, "queue": _parallels}


def _end(play: Generator[Any, Any, Any]) -> Any:
    """Run code that asks for nothing."""
    return drive(play, lambda seconds: None, Deadline(lambda: 0.0, 0))


class Steps:
    """A flow with 50 calls, from its first step to its end; the history is kept in memory.

    Each run has another input. A step reads one result, except in the kind ``queue``: there it reads the ten results of
    a parallel.
    """

    params = (sorted(FORMATS), sorted(_PROGRAMS))
    param_names = ("format", "kind")

    def setup(self, format_name: str, kind: str) -> None:
        made = {"flow": 1, "name": "n", "start": "c0", "nodes": _PROGRAMS[kind](), "limits": {"max_visits": 1_000}}
        self.program = encode_value(made, None)
        self.policy = encode_value({"flow_policy": 1, "tools": {"t": {"peer": "edge", "params": ["v"]}}})
        self.most = 10 if kind == "queue" else 1
        self.runs = 0

    def time_run(self, format_name: str, kind: str) -> None:
        self.store = Store.open(MemoryEngine(), FORMATS[format_name])
        self.executor = Executor(Objects(self.store.format, self.store.limits, self.store.get), Laws(FLOWS))
        self.new = Workspace(self.executor.objects)
        self.head: Position | None = None
        self.tip: ObjectId | None = None
        self.edge = self.new.put(Tree({"name": self.new.put(Blob({"ct": "s"}, b"bench"))}))
        policy = Tree({"doc": self._document(self.policy), "peers": self.new.put(Tree({"edge": self.edge}))})
        core = {"wit": self.new.put(Blob({"ct": "s"}, b"external:flow/1")), "program": self._document(self.program)}
        self.runs += 1
        data = encode_value({"amount": self.runs})
        self.actor = self.new.put(Tree({**core, "policy": self.new.put(policy), "input": self._document(data)}))
        self._step([self._message("genesis", self.actor)])
        self._answer()

    def _document(self, data: bytes) -> ObjectId:
        return self.new.put(document(data))

    def _message(self, mt: str, content: ObjectId) -> ObjectId:
        self.tip = self.new.put(Message(self.tip, {"mt": mt}, content))
        return self.tip

    def _step(self, messages: list[ObjectId]) -> None:
        """Make one step that reads some messages."""
        kind = MessageKind.GENESIS if self.head is None else MessageKind.ORDINARY
        self.executor.objects.remember(self.new.made)
        proposal = Proposal(kind, ((self.edge, tuple(messages)),))
        admitted = _end(self.executor.transition(self.executor.prepare(self.actor, self.head, proposal, 1)))
        self.new.take_over(admitted.workspace)
        self.new.keep(self.store)
        self.executor.adopt(admitted)
        self.head = admitted.position
        self.new = Workspace(self.executor.objects)

    def _answer(self) -> None:
        """Answer the calls until the flow has ended; the n-th value is n."""
        read: ObjectId | None = None
        count = 0
        while True:
            calls: list[ObjectId] = []
            assert self.head is not None
            newest = at = self.head.outbox.get(self.edge)
            while at is not None and at != read:
                message = self.new.message(at)
                calls += [message.content] if message.headers["mt"] == "flow.call" else []
                at = message.previous
            if not calls:
                break
            read = newest
            answers = []
            for call in reversed(calls):
                count += 1
                result = {"attempt": 1, "outcome": "ok", "value": count, "usage": self.runs}
                packet = Tree({"request": call, "doc": self._document(encode_value(result))})
                answers.append(self._message("flow.result", self.new.put(packet)))
                if len(answers) == self.most:
                    self._step(answers)
                    answers = []
            if answers:
                self._step(answers)
        assert count == _CALLS, "the flow ended early"
