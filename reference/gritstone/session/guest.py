"""The guest of a session: the code ``external:session/1``.

Spec: :rule:`session.guest.exact`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from gritstone.grit.objects import Blob, Mailbox, Message, ObjectId, Step, Tree
from gritstone.session.forms import (
    HEX,
    Damaged,
    No,
    is_call,
    is_corr,
    is_number,
    json_blob,
    read_config,
    read_request,
    read_tools,
)
from gritstone.session.turns import Talks, check_size, prepared, read_response, read_text, store_condensed
from gritstone.switch import choose
from gritstone.wit.code import Code, CodeRun, Question, Run
from gritstone.wit.failures import failure
from gritstone.wit.laws import External
from gritstone.wit.proposals import MessageKind
from gritstone.wit.workspace import Workspace

__all__ = ["SESSIONS", "Guest", "SessionLaw"]

_ANSWERS = ("effect.ok", "effect.failed")
_DAMAGED = No("invalid", "state")
_PLAIN = Talks()
_FIRST = {"host", "nonce", "config", "tools"}
_MOST_FAILURE = 1 << 20


def _talks() -> Talks:
    return choose("talks", _PLAIN)


def _host(workspace: Workspace, core: Mapping[str, ObjectId]) -> ObjectId | None:
    """Return the host of a session, or None if its core has none."""
    tree = workspace.tree(core["session"]) if "session" in core else None
    host = None if tree is None else tree.entries.get("host")
    return host if host is not None and workspace.tree(host) is not None else None


class Guest:
    """The code of sessions."""

    def step(self, run: Run) -> CodeRun:
        """Make a step; see ``Code.step``."""
        yield from ()
        if run.proposal.kind is MessageKind.UPDATE:
            raise failure("failed", "a session is not the code of an update", rule="session.guest.no-update-code")
        if run.last is None:
            return self._first(run)
        inbox = {**run.last.inbox, **{sender: messages[-1] for sender, messages in run.proposal.covered}}
        turn = _Reading(run, dict(run.last.outbox))
        is_cut = run.proposal.kind is MessageKind.CLEANUP
        core = run.core_id if is_cut else turn.read()
        previous = None if is_cut else run.last.step_id
        return _stored(run, previous, inbox, turn.outbox, core)

    def _first(self, run: Run) -> ObjectId:
        """Make the first step. Spec: :rule:`session.guest.genesis`."""
        sender, message = run.proposal.single()
        tree = run.workspace.tree(run.core["session"]) if "session" in run.core else None
        if tree is None or not set(tree.entries) <= _FIRST:
            raise failure("failed", "the first core has other entries", rule="session.guest.genesis")
        try:
            talk = _talks().read(run.workspace, run.core)
        except Damaged:
            raise failure("failed", "the first core is not of its form", rule="session.guest.genesis") from None
        turn = _Reading(run, {})
        if sender == _host(run.workspace, run.core):
            turn.reply(message, "opened", {"root": talk.root.hex()})
        return _stored(run, None, {sender: message}, turn.outbox, run.core_id)

    def query(self, question: Question) -> CodeRun:
        """Answer a query; see ``Code.query``."""
        yield from ()
        if question.name not in ("prepare", "state"):
            return None
        workspace, step = question.workspace, question.position.step
        tree = workspace.tree(step.core)
        try:
            talk = _talks().read(workspace, {} if tree is None else tree.entries)
            if question.name == "prepare":
                return _talks().write_turn(talk, step.actor, read_request(question.args))
        except Damaged:
            return workspace.put(json_blob({"refused": _DAMAGED.content}))
        except No as no:
            return workspace.put(json_blob({"refused": no.content}))
        calls = [{"id": call, "tool": talk.calls[call]} for call in talk.waiting()]
        return workspace.put(json_blob({**talk.state, "calls": calls, "root": talk.root.hex()}))


def _stored(
    run: Run,
    previous: ObjectId | None,
    inbox: dict[ObjectId, ObjectId],
    outbox: dict[ObjectId, ObjectId],
    core: ObjectId,
) -> ObjectId:
    put = run.workspace.put
    boxes = [put(Mailbox(MappingProxyType(box))) if box else None for box in (inbox, outbox)]
    return put(Step(previous, run.actor, boxes[0], boxes[1], core))


class _Reading:
    """The messages of one transition, read one after the other.

    Attributes:
        outbox: what the session has sent so far.
    """

    def __init__(self, run: Run, outbox: dict[ObjectId, ObjectId]) -> None:
        self._run = run
        self._workspace = run.workspace
        self._host = _host(run.workspace, run.core)
        self.outbox = outbox

    def read(self) -> ObjectId:
        """Read the messages of the host; return the id of the core after them."""
        covered = dict(self._run.proposal.covered)
        messages = () if self._host is None else covered.get(self._host, ())
        if not messages:
            return self._run.core_id
        try:
            self._talk = _talks().read(self._workspace, self._run.core)
        except Damaged:
            for message_id in messages:
                if self._workspace.message(message_id).headers.get("mt") not in _ANSWERS:
                    self.reply(message_id, "refused", _DAMAGED.content)
            return self._run.core_id
        for message_id in messages:
            message = self._workspace.message(message_id)
            if message.headers.get("mt") in _ANSWERS:
                self._answer(message)
                continue
            try:
                self._request(message_id, message)
            except No as no:
                self.reply(message_id, "refused", no.content)
        core = self._talk.core(self._run.core)
        _talks().keep(self._talk, core)
        return self._workspace.put(Tree(core))

    # --- sending -------------------------------------------------------------------------------------------

    def send(self, headers: dict[str, str], content: ObjectId) -> str:
        """Queue a message to the host; return its id as text."""
        assert self._host is not None, "without a host nothing is sent"
        message = Message(self.outbox.get(self._host), MappingProxyType(headers), content)
        self.outbox[self._host] = self._workspace.put(message)
        return self.outbox[self._host].hex()

    def reply(self, request: ObjectId, mt: str, content: dict[str, Any] | ObjectId, *, again: bool = False) -> None:
        """Reply to a request. Spec: :rule:`session.reply.one`."""
        asked = self._workspace.message(request).headers
        headers = {"mt": mt, "reply": request.hex()}
        if is_number(asked.get("at")):
            headers["at"] = asked["at"]
        if is_corr(asked.get("corr")):
            headers["corr"] = asked["corr"]
        if again:
            headers["replay"] = "1"
        self.send(headers, self._workspace.put(json_blob(content)) if isinstance(content, dict) else content)

    # --- requests ------------------------------------------------------------------------------------------

    def _request(self, message_id: ObjectId, message: Message) -> None:
        """Carry a request out. Spec: :rule:`session.guest.headers`."""
        headers = message.headers
        kinds: dict[str, tuple[bool, Callable[[ObjectId, Message], None]]] = {
            "commit": (HEX.fullmatch(headers.get("turn", "")) is not None, self._commit),
            "tool-result": (is_call(headers.get("call")) and headers.get("ok") in ("0", "1"), self._result),
            "abandon": (True, self._abandon),
            "configure": (True, self._configure),
            "ask": (True, self._ask),
        }
        fits, carry_out = kinds.get(headers.get("mt", ""), (False, self._abandon))
        if not fits or not is_number(headers.get("at")) or not ("corr" not in headers or is_corr(headers["corr"])):
            raise No("malformed", "header")
        carry_out(message_id, message)

    def _plain(self, target: ObjectId, *types: str) -> tuple[bytes, str] | None:
        """Return data and ``ct`` of a blob that has only this header, with one of some values."""
        blob = self._workspace.look(target)
        if not isinstance(blob, Blob) or set(blob.headers) != {"ct"} or blob.headers["ct"] not in types:
            return None
        return blob.data, blob.headers["ct"]

    def _need_idle(self) -> None:
        if self._talk.state["phase"] != "idle" or self._talk.ask is not None:
            raise No("rejected", "phase")

    def _commit(self, message_id: ObjectId, message: Message) -> None:
        """Spec: :rule:`session.commit.order`."""
        talk, turn = self._talk, message.headers["turn"]
        tree = self._workspace.tree(message.content)
        if tree is None or set(tree.entries) != {"request", "response"}:
            raise No("malformed", "request")
        response_id = tree.entries["response"]
        if turn in talk.turns:
            _, response, result, _ = talk.turns[turn]
            if response != response_id:
                raise No("rejected", "conflict")
            self.reply(message_id, "committed", result, again=True)
            return
        if talk.ask is not None:
            raise No("rejected", "phase")
        plain = self._plain(tree.entries["request"], "j")
        if plain is None:
            raise No("malformed", "request")
        request = read_request(plain[0])
        if _talks().turn(talk, self._run.actor, request).hex() != turn:
            raise No("rejected", "stale")
        given = self._plain(response_id, "s", "j")
        if given is None:
            raise No("malformed", "response")
        row = read_response(talk, *given, force_json=request["force_json"])
        result = self._carry_out(row, request, (turn, response_id))
        self.reply(message_id, "committed", result)

    def _carry_out(
        self, row: dict[str, Any], request: dict[str, Any], recorded: tuple[str, ObjectId] | None
    ) -> ObjectId:
        """Make the change of a row; return the id of its result."""
        talk = self._talk
        count = talk.state["count"] + ("retry" not in row)
        wanted = enumerate(row.get("calls", ()))
        calls = [{"id": f"{count}.{at}", "input": given, "tool": tool} for at, (tool, given) in wanted]
        if "retry" in row:
            blob = json_blob({"action": "retry", "count": count, "error": row["retry"]})
        elif calls:
            blob = json_blob({"action": "call", "calls": calls, "count": count})
        else:
            blob = json_blob({"action": "final", "content": row["final"], "count": count})
        check_size(blob.data)
        result = self._workspace.put(blob)
        if "retry" in row:
            return result
        if request["kind"] == "user":
            store_condensed(talk)
            talk.append({"ct": "s", "role": "user"}, request["prompt"].encode())
        if calls:
            talk.append({"ct": "j", "role": "assistant"}, json_blob({"calls": calls}).data)
            talk.calls = {call["id"]: call["tool"] for call in calls}
            talk.state |= {"phase": "calling", "rounds": talk.state["rounds"] + 1}
        else:
            talk.append({"ct": "s", "role": "assistant"}, row["final"].encode())
            talk.state |= {"phase": "idle", "rounds": 0}
            talk.ask, talk.effects = None, {}
        talk.results = {}
        if recorded is not None:
            talk.record(*recorded, result)
        talk.change()
        return result

    def _result(self, message_id: ObjectId, message: Message) -> None:
        """Spec: :rule:`session.result.once`, :rule:`session.result.form`."""
        talk, call, ok = self._talk, message.headers["call"], message.headers["ok"]
        plain = self._plain(message.content, "s", "j")
        if plain is None:
            raise No("malformed", "result")
        data, ct = plain
        read_text(data, ct, code="result")
        if talk.ask is not None:
            raise No("rejected", "phase")
        if call in talk.results:
            blob = talk.look(talk.results[call])
            headers = dict(blob.headers) if isinstance(blob, Blob) else {}
            if not isinstance(blob, Blob) or (headers.get("ok"), headers.get("ct"), blob.data) != (ok, ct, data):
                raise No("rejected", "conflict")
            self.reply(message_id, "recorded", {"call": call}, again=True)
            return
        if call not in talk.calls:
            raise No("missing", "call")
        self._store_result(call, ok, ct, data)
        self.reply(message_id, "recorded", {"call": call})

    def _store_result(self, call: str, ok: str, ct: str, data: bytes) -> None:
        talk = self._talk
        headers = {"call": call, "ct": ct, "ok": ok, "role": "tool", "tool": talk.calls[call]}
        talk.results[call] = self._workspace.put(Blob(headers, data))
        if not talk.waiting():
            talk.end_round()
        talk.change()

    def _abandon(self, message_id: ObjectId, message: Message) -> None:
        """Spec: :rule:`session.abandon.closes`."""
        talk, ask = self._talk, self._talk.ask
        if talk.state["phase"] == "idle" and ask is None:
            raise No("rejected", "phase")
        talk.give_up()
        self.reply(message_id, "abandoned", {"count": talk.state["count"]})
        if ask is not None:
            self._end(ask, json_blob({"action": "abandoned", "count": talk.state["count"]}))

    def _configure(self, message_id: ObjectId, message: Message) -> None:
        """Spec: :rule:`session.tools.replace`."""
        talk, tree = self._talk, self._workspace.tree(message.content)
        entries = {} if tree is None else dict(tree.entries)
        if not entries or not set(entries) <= {"config", "tools"}:
            raise No("malformed", "request")
        self._need_idle()
        values: dict[str, Any] = {}
        for name, read in (("config", read_config), ("tools", read_tools)):
            plain = self._plain(entries[name], "j") if name in entries else None
            values[name] = None if plain is None else read(plain[0])
            if name in entries and values[name] is None:
                raise No("invalid", name)
        for name, target in entries.items():
            plain = self._plain(target, "j")
            talk.kept[name] = target
            if plain is not None and plain[0].translate(None, b" \t\r\n") in (b"{}", b"[]"):
                del talk.kept[name]
        talk.config = values["config"] or talk.config
        talk.tools = talk.tools if values["tools"] is None else values["tools"]
        talk.change()
        self.reply(message_id, "configured", {"count": talk.state["count"]})

    # --- asks ----------------------------------------------------------------------------------------------

    def _ask(self, message_id: ObjectId, message: Message) -> None:
        """Spec: :rule:`session.ask.loop`."""
        talk = self._talk
        plain = self._plain(message.content, "j")
        asked = None if plain is None else read_request(plain[0])
        if asked is None or asked["kind"] != "user":
            raise No("malformed", "request")
        self._need_idle()
        corr = message.headers.get("corr")
        before = talk.state["count"], talk.root
        talk.ask = {"corr": corr, "message": message_id.hex(), "request": message.content, "asked": asked}
        talk.change()
        try:
            turn = prepared(talk, self._run.actor, asked)
        except No:
            talk.state["count"], talk.root = before
            talk.ask = None
            raise
        self.reply(message_id, "asked", {"count": talk.state["count"]})
        self._request_model(turn)

    def _request_model(self, turn: Blob) -> None:
        self._talk.effects = {"model": self.send({"mt": "effect.model"}, self._workspace.put(turn))}

    def _turn_of_ask(self) -> dict[str, Any]:
        assert self._talk.ask is not None, "an ask is open"
        asked: dict[str, Any] = self._talk.ask["asked"]
        is_first = self._talk.state["phase"] == "idle"
        return asked if is_first else {"kind": "continue", "force_json": asked["force_json"]}

    def _go_on(self) -> None:
        """Request the model for the turn that the ask is at."""
        try:
            turn = prepared(self._talk, self._run.actor, self._turn_of_ask())
        except No as no:
            self._fail(str(no))
        else:
            self._request_model(turn)

    def _fail(self, error: str) -> None:
        ask = self._talk.ask
        assert ask is not None, "an ask is open"
        self._talk.give_up()
        self._end(ask, json_blob({"action": "failed", "count": self._talk.state["count"], "error": error}))

    def _end(self, ask: dict[str, Any], result: Blob | ObjectId) -> None:
        headers = {"mt": "answered", "reply": ask["message"]}
        if ask["corr"] is not None:
            headers["corr"] = ask["corr"]
        self.send(headers, self._workspace.put(result) if isinstance(result, Blob) else result)

    def _answer(self, message: Message) -> None:
        """Read an answer to an effect. Spec: :rule:`session.ask.once`."""
        named = [name for name, sent in self._talk.effects.items() if sent == message.headers.get("reply")]
        if not named:
            return
        is_ok = message.headers["mt"] == "effect.ok"
        if named[0] != "model":
            self._answer_of_tool(named[0], message.content, is_ok=is_ok)
        elif is_ok:
            self._answer_of_model(message.content)
        else:
            self._fail(self._failure(message.content))

    def _content(self, target: ObjectId, plain: str, code: str) -> tuple[bytes, str]:
        """Return data and ``ct`` of an answer; without headers it is ``plain``."""
        blob = self._workspace.look(target)
        if isinstance(blob, Blob) and not blob.headers:
            return blob.data, plain
        found = self._plain(target, "s", "j")
        if found is None:
            raise No("malformed", code)
        return found

    def _failure(self, target: ObjectId) -> str:
        blob = self._workspace.look(target)
        if not isinstance(blob, Blob) or len(blob.data) > _MOST_FAILURE:
            return ""
        try:
            return blob.data.decode("utf-8")
        except UnicodeDecodeError:
            return ""

    def _answer_of_model(self, target: ObjectId) -> None:
        talk, ask, request = self._talk, self._talk.ask, self._turn_of_ask()
        assert ask is not None, "an ask is open"
        try:
            row = read_response(talk, *self._content(target, "j", "response"), force_json=request["force_json"])
            result = self._carry_out(row, request, None)
        except No as no:
            self._again(str(no))
            return
        if "retry" in row:
            self._again("exhausted/rounds")
            return
        if "final" in row:
            self._end(ask, result)
            return
        talk.effects = {}
        for call, (tool, given_input) in zip(talk.calls, row["calls"], strict=True):
            content = self._workspace.put(json_blob({"call": call, "input": given_input, "tool": tool}))
            talk.effects[call] = self.send({"mt": "effect.tool", "call": call}, content)

    def _again(self, error: str) -> None:
        """Spec: :rule:`session.ask.bound`."""
        talk = self._talk
        if talk.state["rounds"] >= talk.config["max_rounds"]:
            self._fail(error)
            return
        talk.state["rounds"] += 1
        talk.change()
        self._go_on()

    def _answer_of_tool(self, call: str, target: ObjectId, *, is_ok: bool) -> None:
        ok, ct, data = "0", "s", b""
        if is_ok:
            try:
                given = self._content(target, "s", "result")
                read_text(*given, code="result")
                ok, (data, ct) = "1", given
            except No as no:
                data = str(no).encode()
        else:
            data = self._failure(target).encode()
        self._store_result(call, ok, ct, data)
        del self._talk.effects[call]
        if not self._talk.calls:
            self._go_on()


class SessionLaw(External):
    """The law of sessions.

    Spec: :rule:`session.guest.update`.
    """

    def refuses_update(self, run: Run, content: Mapping[str, ObjectId]) -> bool:
        """Return whether an update has code, or is not from the host."""
        return "wit_update" in content or run.proposal.single()[0] != _host(run.workspace, run.core)

    def refuses_merge(self, run: Run, merged: Mapping[str, ObjectId]) -> bool:
        """Return whether a merge changes the session."""
        return any(merged.get(name) != run.core.get(name) for name in ("effects", "session"))


_GUEST: Code = Guest()
SESSIONS = SessionLaw({"session/1": _GUEST})
"""The law with the code of sessions."""
