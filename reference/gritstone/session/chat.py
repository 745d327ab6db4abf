"""One conversation: its turns, its asks, and where it is kept.

A turn can be left at any moment. A call of ``prepare`` changes nothing; each other request is stored before it returns.
``Chat.resume`` finishes a turn that an error or the end of a process has interrupted.

Spec: ``session/requests``.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from gritstone.grit.objects import Blob, ObjectId, Tree
from gritstone.runtime.letters import Letter
from gritstone.session.carrying import export_session
from gritstone.session.channel import check_reply, take_reply
from gritstone.session.connection import Connection
from gritstone.session.forms import json_blob
from gritstone.session.json_text import Json, spell
from gritstone.session.outcomes import (
    Call,
    Calls,
    Final,
    Model,
    Outcome,
    Response,
    Retry,
    SessionRefused,
    Turn,
    check_refused,
    outcome_of,
)
from gritstone.session.tools import Tool, call_tool, describe, loads, value_blob, with_schemas, written
from gritstone.wit.workspace import Workspace

__all__ = ["Chat", "response_blob", "turn_of"]

_UNUSABLE = ("malformed", "invalid")


def response_blob(response: Response) -> Blob:
    """Return the response of a model as a blob.

    A text with an unpaired surrogate becomes bytes that are not UTF-8, which the session refuses.
    """
    if isinstance(response, str):
        return Blob({"ct": "s"}, str.encode(response, "utf-8", "surrogatepass"))
    return value_blob(dict(response))


def turn_of(turn_id: ObjectId, data: bytes, request: bytes = b"") -> Turn:
    """Return a prepared turn.

    Raises:
        SessionRefused: it is a refusal instead.
    """
    value = loads(data)
    check_refused(value)
    return Turn(turn_id, request, data, value["messages"], value["tools"], value["force_json"])


class Chat:
    """One conversation.

    Attributes:
        session: the id of the session.
    """

    def __init__(self, connection: Connection, session: ObjectId) -> None:
        self._connection = connection
        self.session = session

    # --- one turn --------------------------------------------------------------------------------------

    def prepare(self, prompt: str | None = None, *, system: str | None = None, force_json: bool = False) -> Turn:
        """Prepare a turn; nothing changes.

        Args:
            prompt: the prompt of the user; None to continue after the results of tools.
            system: another system prompt for this turn only.
            force_json: whether a final text must be JSON.

        Raises:
            SessionRefused: results of tools are missing, or there are none, or the prompt is too long.
            Missing: the session is archived, or there is none.
        """
        request: dict[str, Json] = {"kind": "continue"} if prompt is None else {"kind": "user", "prompt": prompt}
        if system is not None:
            request["system"] = system
        if force_json:
            request["force_json"] = True
        data = _spelled(request)
        prepared = self._connection.wait(
            self._connection.refresh().prepare(self.session, data, self._connection.now_ms())
        )
        return turn_of(prepared.turn, prepared.data, data)

    def commit(self, turn: Turn, response: Response) -> Outcome:
        """Commit the response of the model to a prepared turn. The same response can be committed again.

        Args:
            turn: the turn.
            response: a text, or a row such as ``{"action": "call_tool", "tool": "add", "input": {"a": 1}}``.

        Raises:
            SessionRefused: the turn is stale, or the response is not accepted. The turn can be committed again.
        """
        workspace = self._connection.workspace()
        entries = {
            "request": workspace.put(Blob({"ct": "j"}, turn.request)),
            "response": workspace.put(response_blob(response)),
        }
        content = workspace.put(Tree(entries))
        reply = self._request(workspace, "commit", content, turn=turn.turn_id.hex())
        return outcome_of(dict(loads(reply.data)))

    def result(self, call: Call | str, value: Any, *, ok: bool = True) -> None:
        """Record the result of a call: a text as it is, any other value as JSON.

        Raises:
            SessionRefused: there is no such call, or it has another result, or the result is not accepted.
        """
        self._record(call if isinstance(call, str) else call.call_id, value_blob(value), ok=ok)

    def _record(self, call_id: str, blob: Blob, *, ok: bool) -> None:
        workspace = self._connection.workspace()
        self._request(workspace, "tool-result", workspace.put(blob), call=call_id, ok="1" if ok else "0")

    def abandon(self) -> None:
        """Abandon the current turn, or the open ask.

        Raises:
            SessionRefused: there is none.
        """
        workspace = self._connection.workspace()
        self._request(workspace, "abandon", workspace.put(Blob({}, b"")))

    def configure(self, *, config: Mapping[str, Json] | None = None, tools: Iterable[Tool] | None = None) -> None:
        """Replace the configuration, the tools, or both.

        Raises:
            SessionRefused: a turn is in progress, or a value is invalid.
        """
        workspace = self._connection.workspace()
        entries = {}
        if config is not None:
            entries["config"] = workspace.put(json_blob(written(config)))
        if tools is not None:
            entries["tools"] = workspace.put(json_blob(describe(tools)))
        self._request(workspace, "configure", workspace.put(Tree(entries) if entries else Blob({}, b"")))

    def state(self) -> dict[str, Any]:
        """Return the description of the session: phase, counts and open calls."""
        runtime = self._connection.refresh().runtime
        _, answer, workspace = self._connection.wait(runtime.ask(self.session, "state", b""))
        blob = None if answer is None else workspace.blob(answer)
        value = {} if blob is None else loads(blob.data)
        check_refused(value)
        return dict(value)

    def open_calls(self) -> list[Call]:
        """Return the calls of tools that wait for a result, in their order."""
        waiting = {call["id"] for call in self.state()["calls"]}
        if not waiting:
            return []
        # The last message is that of the calls: their results follow it when all of them are known.
        world = self._connection.world
        position = world.position(world.actor(self.session))
        node: Any = None if position is None else Tree(position.core)
        for name in ("session", "history"):
            node = world.objects.look(node.entries[name])
        last = world.objects.look(max(node.entries.items())[1])
        assert isinstance(last, Blob), "a message of the history is a blob"
        listed = loads(last.data)["calls"]
        return [Call(one["id"], one["tool"], one["input"]) for one in listed if one["id"] in waiting]

    # --- a whole turn ----------------------------------------------------------------------------------

    def run(self, prompt: str, *, model: Model, tools: Iterable[Tool] = (), most_retries: int = 3) -> str:
        """Run a whole turn of the user: call the model and the tools until there is a final text.

        Args:
            prompt: the prompt of the user.
            model: returns the response to a turn, or something awaitable that results in it. If it raises, nothing of
                the turn so far is lost; see ``resume``.
            tools: the functions of the tools of the session, synchronous or asynchronous. A tool that raises has a
                failed result with the text of its error, which the model reads.
            most_retries: how often the model is called again for one turn, because it requests that, or because its
                response cannot be used.

        Raises:
            SessionRefused: all rounds or retries are used, or the last response is not accepted.
        """
        return self._finish(self.prepare(prompt), model, {tool.name: tool for tool in tools}, most_retries)

    def resume(self, *, model: Model, tools: Iterable[Tool] = (), most_retries: int = 3) -> str:
        """Finish a turn of ``run`` that was interrupted after a call of tools.

        Tools without a stored result are run, possibly again. Before the first call of tools nothing of a turn is
        stored; then use ``run`` with the same prompt.

        Raises:
            SessionRefused: as for ``run``; or there is no such turn.
        """
        functions = {tool.name: tool for tool in tools}
        self._call(functions, self.open_calls())
        return self._finish(self.prepare(), model, functions, most_retries)

    def _finish(self, turn: Turn, model: Model, functions: Mapping[str, Tool], most_retries: int) -> str:
        retries = 0
        while True:
            try:
                outcome = self.commit(turn, self._connection.finish(model(with_schemas(turn, functions))))
            except SessionRefused as refusal:
                if refusal.kind not in _UNUSABLE or retries >= most_retries:
                    raise
                outcome = Retry(f"{refusal.kind}/{refusal.code}")
            match outcome:
                case Final(text):
                    return text
                case Calls(calls):
                    self._call(functions, calls)
                    turn, retries = self.prepare(), 0
                case Retry():
                    retries += 1
                    if retries > most_retries:
                        raise SessionRefused("exhausted", "rounds")

    def _call(self, functions: Mapping[str, Tool], calls: Iterable[Call]) -> None:
        for call in calls:
            ok, blob = call_tool(functions, call, self._connection.finish)
            try:
                self._record(call.call_id, blob, ok=ok)
            except SessionRefused as refusal:
                if (refusal.kind, refusal.code) not in (("malformed", "result"), ("exhausted", "size")):
                    raise
                self._record(call.call_id, value_blob(f"{refusal.kind}/{refusal.code}"), ok=False)

    def ask(
        self, prompt: str, *, system: str | None = None, force_json: bool = False, corr: str | None = None
    ) -> ObjectId:
        """Send an ask: the session runs the turn itself, and ``Sessions.serve`` calls the model and the tools for it.

        Args:
            prompt: the prompt of the user.
            system: another system prompt for this turn only.
            force_json: whether the final text must be JSON.
            corr: an id of the caller, 1 to 128 printable characters of ASCII, which the answer repeats.

        Returns:
            The id of the ask, which its answer names. The ask is stored: it survives the end of the process.

        Raises:
            SessionRefused: a turn or an ask is in progress, or the prompt is too long.
        """
        request: dict[str, Json] = {"kind": "user", "prompt": prompt}
        if system is not None:
            request["system"] = system
        if force_json:
            request["force_json"] = True
        workspace = self._connection.workspace()
        content = workspace.put(Blob({"ct": "j"}, _spelled(request)))
        reply = self._request(workspace, "ask", content, **({} if corr is None else {"corr": corr}))
        return bytes.fromhex(reply.headers["reply"])

    # --- residency -------------------------------------------------------------------------------------

    def archive(self) -> None:
        """Archive the session.

        Raises:
            Rejected: an ask is open or its answer was not taken (code ``busy``), or a turn is prepared (code
                ``leased``).
        """
        self._connection.settle(self.session)
        self._move(self._connection.refresh().archive)

    def restore(self) -> None:
        """Make an archived session live.

        Raises:
            Missing: it is not archived.
            Exhausted: too many sessions are live.
        """
        self._move(self._connection.refresh().restore)

    def close(self) -> None:
        """End the session for ever.

        Raises:
            Rejected: it has unread mail (code ``busy``).
        """
        self._connection.settle(self.session)
        self._move(self._connection.refresh().close)

    def export(self, path: str | Path) -> None:
        """Move an archived session into a file; in this store it counts as moved from then on.

        Raises:
            Missing: the session is not archived.
            Rejected: another process changed it in the meantime (code ``conflict``).
        """
        export_session(self._connection.store, self.session, Path(path))

    def _move(self, operation: Callable[[ObjectId, int], Coroutine[Any, Any, ObjectId]]) -> None:
        self._connection.wait(operation(self.session, self._connection.now_ms()))
        self._connection.tidy()

    # --- requests and replies --------------------------------------------------------------------------

    def _request(self, workspace: Workspace, mt: str, content: ObjectId, **headers: str) -> Letter:
        """Send a request with new objects, and return its reply. All of it is one update of the store.

        Raises:
            SessionRefused: the reply is a refusal.
        """
        connection, session = self._connection, self.session
        at = connection.now_ms()
        pairs = [("at", str(at)), ("mt", mt), *headers.items()]
        receive = partial(take_reply, connection.world, session)
        reply = connection.wait(
            connection.refresh().exchange(session, pairs, content, at, new=workspace, receive=receive)
        )
        return check_reply(connection.runtime, session, reply)


def _spelled(request: Mapping[str, Json]) -> bytes:
    try:
        return spell(dict(request))
    except UnicodeEncodeError:
        raise SessionRefused("malformed", "request") from None
