"""Drawn conversations with the module ``session.wasm``: requests in any order, damaged texts, several in one step.

Spec: :rule:`session.wasm.same`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gritstone_conformance.attachment.claims import EXECUTOR
from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.wit.registry import in_each_format, tape
from gritstone_conformance.properties.wit.workbench import BenchActor, Workbench
from gritstone_conformance.strategies.guests import add_manifest, add_module
from gritstone_conformance.strategies.session_guest import SESSION_GRANTS, SESSION_NODE, session_guest
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Property, Trial

__all__ = ["PROPERTIES"]

_SAME: Final = "session.wasm.same"
_TAPE: Final = 240
_MOST_MESSAGES: Final = 14

_CONFIGS: Final = (
    b"{}",
    b'{"keep":2,"max_messages":4,"max_rounds":2,"summary_chars":50}',
    b'{"keep":1,"max_messages":2,"max_rounds":1,"summary_chars":0,"system_prompt":"Be \\u00e9\\n brief."'
    b',"tool_text":false}',
    b'{"keep":30}',
    b' {"max_rounds":3, "system_prompt":"\\ud83d\\ude00","keep":3,"max_messages":7}',
)
_TOOLS: Final = (
    b"[]",
    b'[{"description":"Add \\"two\\"","name":"add","params":[{"name":"b","required":true,"type":"number"},'
    b'{"name":"a","required":false,"type":"integer"}]},{"description":"","name":"all","params":'
    b'[{"name":"x","required":false,"type":"any"},{"name":"o","required":false,"type":"object"}]}]',
    b'[{"name":"add","params":[],"description":"none"}]',
    b'[{"name":"b","params":[],"description":""},{"name":"a","params":[],"description":""}]',
)
_REQUESTS: Final = (
    b'{"kind":"user","prompt":"hello"}',
    b'{"kind":"continue"}',
    b'{"prompt":"\\u0001\\r\\n\\"q\\" \xf0\x9f\x98\x80","system":"S\\\\","kind":"user","force_json":true}',
    b'{"kind":"continue","force_json":true}',
    b'{"kind":"user"}',
)
_ROWS: Final = (
    b'{"action":"call_tool","input":{"b":1.50,"a":-0},"tool":"add"}',
    b'{"action":"final","response":"[1, 2]"}',
    b'{"action":"call_tools","calls":[{"tool":"all","input":{"x":{"\xef\xbf\xbd":1,"\xf0\x90\x80\x80":2,"\\n":[]}}},'
    b'{"input":{"b":2e3},"tool":"add"},{"input":{"o":{"z":{},"a":[{}]}},"tool":"all"}]}',
    b'{"action":"retry","error":"no\\u0000"}',
    b'{"action":"final","response":"a long answer \\ud83d\\ude00 of a model"}',
    b'{"action":"call_tool","input":{"c":1},"tool":"add"}',
)
_TEXTS: Final = (b"hi there", b'{"a" : 1}', b"", b"\xc3\xa9\n\x00\x7f", b"\xff", b"7", b"[" * 33 + b"]" * 33)


class _Talk:
    """One session and its host."""

    def __init__(self, trial: Trial, fmt: Format, drawn: Tape) -> None:
        self.bench = Workbench(trial, fmt)
        self.drawn = drawn
        stage = self.bench.stage
        entries = {"host": self.bench.outside, "nonce": self._blob(bytes(32), "b")}
        if drawn.once_in(2):
            entries["config"] = self._blob(drawn.pick(_CONFIGS), "j")
        entries["tools"] = self._blob(_TOOLS[1], "j")
        node = self._blob(SESSION_NODE, "s")
        core = stage.tree(
            code=stage.tree(**{"session.wasm": add_module(stage.graph, session_guest())}),
            session=stage.tree(**entries),
            wasm=stage.tree(manifest=add_manifest(stage.graph, SESSION_GRANTS)),
            wit=node,
            wit_query=node,
        )
        self.actor = BenchActor(self.bench, core)
        self._send("genesis", core)
        self._read()

    def run(self) -> None:
        """Send what is drawn, and ask for the steps and for the state after each."""
        for _ in range(self.drawn.within(1, _MOST_MESSAGES)):
            if self.actor.head is None:
                break
            for _ in range(1 + 2 * self.drawn.once_in(6)):
                self.drawn.pick(self._sends())()
            self._read()
            self._query("state", b"")
            self._query("prepare", self._damaged(self.drawn.pick(_REQUESTS)))
        self.bench.flush()

    def _sends(self) -> tuple[Callable[[], None], ...]:
        ways = (self._commit, self._result, self._answer, self._commit, self._answer, self._result)
        return (*ways, self._ask, self._configure, self._abandon, self._commit, self._answer, self._stranger)

    def _blob(self, data: bytes, ct: str = "") -> bytes:
        return self.bench.stage.blob(data, *((("ct", ct),) if ct else ()))

    def _read(self) -> None:
        head = self.actor.head
        read = {} if head is None else self.bench.executor.shelf.mail(self.actor.value.inbox)
        unread = [(who, tip) for who, tip in sorted(self.actor.tips.items()) if read.get(who) != tip]
        self.actor.step(*unread, rule=_SAME)

    def _query(self, name: str, args: bytes) -> bytes | None:
        return None if self.actor.head is None else self.bench.query(self.actor.head, name, args, rule=_SAME)

    def _send(self, mt: str, content: bytes, **more: str) -> None:
        headers = {"at": str(1_000 + self.drawn.below(9)), **more}
        if self.drawn.once_in(12):
            headers.pop(self.drawn.pick(sorted(headers)))
        if self.drawn.once_in(6):
            headers["corr"] = self.drawn.pick(("c1", "x" * 128, "x" * 129, "a b"))
        self.actor.send(content, mt, more=tuple(headers.items()))

    def _damaged(self, data: bytes) -> bytes:
        """Return a text, about once in five decisions with one byte or piece changed."""
        if not self.drawn.once_in(5):
            return data
        at = self.drawn.below(len(data) + 1)
        match self.drawn.below(4):
            case 0:
                return data[:at] + data[at + 1 :]
            case 1:
                return (
                    data[:at]
                    + self.drawn.pick((b" ", b"\\", b'"', b"{}", b",", b"0", b"\xc3", b"\n", b"}"))
                    + data[at:]
                )
            case 2:
                return data[:at] + data[at // 2 : at] + data[at:]
            case _:
                return data[:at] + bytes([self.drawn.below(256)]) + data[at + 1 :]

    def _commit(self) -> None:
        request = self.drawn.pick(_REQUESTS)
        turn = None if self.actor.head is None else self.bench.executor.query(self.actor.head, "prepare", request)
        is_row = not self.drawn.once_in(3)
        data = self._damaged(self.drawn.pick(_ROWS if is_row else _TEXTS))
        response = self._blob(data, "j" if is_row else "s")
        content = self.bench.stage.tree(request=self._blob(request, "j"), response=response)
        self._send("commit", content, turn=(turn or bytes(32)).hex())
        if self.drawn.once_in(4):
            self._send("commit", content, turn=(turn or bytes(32)).hex())

    def _result(self) -> None:
        call = f"{self.drawn.within(1, 6)}.{self.drawn.below(3)}"
        data, ct = self._damaged(self.drawn.pick((*_TEXTS, *_ROWS))), self.drawn.pick(("s", "j", ""))
        for _ in range(1 + self.drawn.once_in(4)):
            self._send("tool-result", self._blob(data, ct), call=call, ok=str(self.drawn.below(2)))

    def _answer(self) -> None:
        """Answer one of the newest messages of the session."""
        sent: list[bytes] = []
        shelf = self.bench.executor.shelf
        at = shelf.mail(self.actor.value.outbox).get(self.bench.outside)
        while at is not None and len(sent) < 4:
            sent.append(at)
            at = shelf.message(at).previous
        reply = self.drawn.pick(sent).hex() if sent else "none"
        mt = "effect.failed" if self.drawn.once_in(6) else "effect.ok"
        data, ct = self._damaged(self.drawn.pick((*_ROWS, *_TEXTS))), self.drawn.pick(("", "j", "s"))
        self._send(mt, self._blob(data, ct), reply=reply)

    def _ask(self) -> None:
        self._send("ask", self._blob(self._damaged(self.drawn.pick(_REQUESTS)), "j"))

    def _configure(self) -> None:
        choices = {"config": _CONFIGS, "tools": _TOOLS}
        names = self.drawn.pick((("config",), ("tools",), ("config", "tools")))
        entries = {name: self._blob(self._damaged(self.drawn.pick(choices[name])), "j") for name in names}
        self._send("configure", self.bench.stage.tree(**entries))

    def _abandon(self) -> None:
        self._send("abandon", self._blob(b""))

    def _stranger(self) -> None:
        self.actor.send(
            self._blob(b""), "abandon", sender=self.bench.stage.tree(x=self._blob(b"x")), more=(("at", "1"),)
        )


def drawn(trial: Trial, fmt: Format, tape: Tape) -> None:
    """Any conversation makes the steps and answers of ``session/1``."""
    _Talk(trial, fmt, tape).run()


PROPERTIES: Final[tuple[Property, ...]] = (
    *in_each_format("wasm/session/drawn", drawn, _SAME, given=tape(_TAPE), features=(EXECUTOR,), once=True, examples=6),
)
