"""Conversations for programs: a runtime of sessions behind plain calls.

::

    with Sessions(store) as sessions:
        chat = sessions.open(system="Be brief.", tools=[Tool(add)])
        turn = chat.prepare("What is 1 + 2?")
        match chat.commit(turn, model(turn)):
            case Final(text): ...
            case Calls(calls): ...
        answer = chat.run("What is 1 + 2?", model=model, tools=[Tool(add)])

The caller calls models and tools; nothing here does. A refusal by the guest raises ``SessionRefused``.

Spec: ``session``.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Any, TypeAlias

from gritstone.errors import Missing
from gritstone.grit.export import export_bundle
from gritstone.grit.importing import import_bundle
from gritstone.grit.objects import Blob, ObjectId, Tree
from gritstone.grit.references import Change
from gritstone.grit.store import Store
from gritstone.runtime import Config, Runtime
from gritstone.session.forms import json_blob
from gritstone.session.guest import SESSIONS
from gritstone.session.json_text import Json, parse, spell
from gritstone.session.outcomes import (
    Call,
    Calls,
    Final,
    Outcome,
    Retry,
    SessionRefused,
    Turn,
    check_refused,
    outcome_of,
)
from gritstone.session.residency import Residency
from gritstone.session.tools import Tool, describe, plain
from gritstone.session.usage import Limits
from gritstone.wit.channels import load_message
from gritstone.wit.laws import Law, Laws
from gritstone.wit.workspace import Workspace

__all__ = ["Chat", "Response", "Sessions"]

_NONCE_BYTES = 32


Response: TypeAlias = str | Mapping[str, Any]
"""A text, which is final, or a row: an object with a member ``action``."""


class Sessions:
    """The conversations in a store.

    Attributes:
        store: the store.
    """

    def __init__(
        self,
        store: Store,
        *,
        agent: str = "sessions",
        max_live: int = 128,
        idle_s: float = 300,
        laws: Sequence[Law] = (),
        clock_s: Callable[[], float] = time.time,
    ) -> None:
        """Start a runtime on a store.

        Args:
            store: an open store; it stays open.
            agent: the name of the agent; two stores between which sessions are carried have the same.
            max_live: how many sessions are live at the same time.
            idle_s: the time after which ``sweep`` archives a session, in seconds; 0 for never.
            laws: laws of other actors in the store.
            clock_s: the time of requests, in seconds.
        """
        self.store = store
        self._clock_s = clock_s
        self._runner = asyncio.Runner()
        runtime = Runtime(store, Laws(SESSIONS, *laws), Config(agent))
        self._residency = Residency(runtime, Limits(max_live=max_live, idle_ms=int(idle_s * 1000)))

    def __enter__(self) -> Sessions:
        """Return this object."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the runtime."""
        self.close()

    def close(self) -> None:
        """Stop the runtime; the sessions stay in the store."""
        self._runner.run(self._residency.runtime.stop(drain=True))
        self._runner.close()

    def open(
        self,
        *,
        system: str = "",
        tools: Iterable[Tool] = (),
        config: Mapping[str, Json] | None = None,
        nonce: bytes | None = None,
    ) -> Chat:
        """Begin a conversation.

        Args:
            system: the system prompt.
            tools: the tools that the model can call.
            config: further members of the configuration of the session.
            nonce: 32 random bytes; None to draw them.

        Raises:
            Rejected: the configuration or a tool is invalid.
            Exhausted: too many sessions are live, and none of them can be archived (code ``sessions``).
        """
        workspace = self._workspace()
        settings = {**({"system_prompt": system} if system else {}), **(config or {})}
        entries = {
            "host": self._residency.runtime.agent,
            "nonce": workspace.put(Blob({"ct": "b"}, nonce or secrets.token_bytes(_NONCE_BYTES))),
        }
        if settings:
            entries["config"] = workspace.put(json_blob(settings))
        if listed := describe(tools):
            entries["tools"] = workspace.put(json_blob(listed))
        code = workspace.put(Blob({"ct": "s"}, b"external:session/1"))
        core = workspace.put(Tree({"session": workspace.put(Tree(entries)), "wit": code, "wit_query": code}))
        workspace.keep(self.store)
        session, message = self._runner.run(self._residency.open(core, self._now()))
        chat = Chat(self, session)
        chat._take_reply(message)
        return chat

    def chat(self, session: ObjectId) -> Chat:
        """Return a conversation by its id; it need not be live."""
        return Chat(self, session)

    def live(self) -> list[ObjectId]:
        """Return the ids of the live sessions, ascending."""
        return sorted(self._residency.live())

    def archived(self) -> list[ObjectId]:
        """Return the ids of the archived actors, ascending."""
        with self.store.snapshot() as snapshot:
            return sorted(bytes.fromhex(name.partition("/")[2]) for name, _ in snapshot.references("archived/"))

    def sweep(self) -> list[ObjectId]:
        """Archive the sessions that were not used for the idle time; return their ids."""
        return self._runner.run(self._residency.sweep(self._now()))

    def load(self, path: str | Path) -> Chat:
        """Import an exported session, which is archived then; ``restore`` makes it live.

        Raises:
            Missing: the bundle has no session.
            Rejected: the store has another state of the session (code ``conflict``).
        """
        data = Path(path).read_bytes()
        before = self._moved()
        import_bundle(self.store, BytesIO(data))
        found = {name: target for name, target in self._moved().items() if name not in before}
        if len(found) != 1:
            raise Missing("the bundle does not have one session", rule="session.restore.elsewhere", got=len(found))
        ((name, step),) = found.items()
        digits = name.partition("/")[2]
        self.store.update_references([Change(name, step, None), Change(f"archived/{digits}", None, step)])
        return Chat(self, bytes.fromhex(digits))

    def _moved(self) -> dict[str, ObjectId]:
        with self.store.snapshot() as snapshot:
            return dict(snapshot.references("moved/"))

    def _now(self) -> int:
        return int(self._clock_s() * 1000)

    def _workspace(self) -> Workspace:
        return Workspace(self._residency.runtime.machine.world.objects)

    def _refresh(self) -> Residency:
        """Return the residency, with what other processes and operators changed."""
        self._residency.runtime.refresh()
        return self._residency


class Chat:
    """One conversation.

    Attributes:
        session: the id of the session.
    """

    def __init__(self, sessions: Sessions, session: ObjectId) -> None:
        self._sessions = sessions
        self.session = session

    # --- one turn --------------------------------------------------------------------------------------

    def prepare(self, prompt: str, *, system: str | None = None, force_json: bool = False) -> Turn:
        """Prepare a turn of the user; nothing changes.

        Raises:
            SessionRefused: results of tools are missing, or the prompt is too long.
            Missing: the session is archived, or there is none.
        """
        request: dict[str, Json] = {"kind": "user", "prompt": prompt}
        if system is not None:
            request["system"] = system
        return self._prepare(request, force_json=force_json)

    def resume(self, *, force_json: bool = False) -> Turn:
        """Prepare the turn after the results of tools; nothing changes.

        Raises:
            SessionRefused: there are no such results.
        """
        return self._prepare({"kind": "continue"}, force_json=force_json)

    def _prepare(self, request: dict[str, Json], *, force_json: bool) -> Turn:
        if force_json:
            request["force_json"] = True
        data = spell(request)
        residency = self._sessions._refresh()
        prepared = self._sessions._runner.run(residency.prepare(self.session, data, self._sessions._now()))
        value = plain(parse(prepared.data, 64))
        check_refused(value)
        return Turn(prepared.turn, data, value["messages"], value["tools"], value["force_json"])

    def commit(self, turn: Turn, response: Response) -> Outcome:
        """Commit the response of the model to a prepared turn.

        Args:
            turn: the turn.
            response: a text, or a row such as ``{"action": "call_tool", "tool": "add", "input": {"a": 1}}``.

        Raises:
            SessionRefused: the turn is stale, or the response is not accepted. The turn can be committed again.
        """
        workspace = self._sessions._workspace()
        blob = Blob({"ct": "s"}, response.encode()) if isinstance(response, str) else _json(response)
        entries = {
            "request": workspace.put(Blob({"ct": "j"}, turn.request)),
            "response": workspace.put(blob),
        }
        content = workspace.put(Tree(entries))
        result = self._ask(workspace, "commit", content, turn=turn.turn_id.hex())
        return outcome_of(result)

    def result(self, call: Call | str, value: Any, *, ok: bool = True) -> None:
        """Record the result of a call: a text as it is, any other value as JSON.

        Raises:
            SessionRefused: there is no such call, or it has another result.
        """
        workspace = self._sessions._workspace()
        blob = Blob({"ct": "s"}, value.encode()) if isinstance(value, str) else _json(value)
        name = call if isinstance(call, str) else call.call_id
        self._ask(workspace, "tool-result", workspace.put(blob), call=name, ok="1" if ok else "0")

    def abandon(self) -> None:
        """Abandon the current turn.

        Raises:
            SessionRefused: there is none.
        """
        workspace = self._sessions._workspace()
        self._ask(workspace, "abandon", workspace.put(Blob({}, b"")))

    def configure(self, *, config: Mapping[str, Json] | None = None, tools: Iterable[Tool] | None = None) -> None:
        """Replace the configuration, the tools, or both.

        Raises:
            SessionRefused: a turn is in progress, or a value is invalid.
        """
        workspace = self._sessions._workspace()
        entries = {}
        if config is not None:
            entries["config"] = workspace.put(json_blob(dict(config)))
        if tools is not None:
            entries["tools"] = workspace.put(json_blob(describe(tools)))
        self._ask(workspace, "configure", workspace.put(Tree(entries) if entries else Blob({}, b"")))

    def state(self) -> dict[str, Any]:
        """Return the description of the session: phase, counts and open calls."""
        runtime = self._sessions._refresh().runtime
        _, answer, workspace = self._sessions._runner.run(runtime.ask(self.session, "state", b""))
        blob = None if answer is None else workspace.blob(answer)
        value = {} if blob is None else plain(parse(blob.data))
        check_refused(value)
        return dict(value)

    def run(
        self,
        prompt: str,
        *,
        model: Callable[[Turn], Response],
        tools: Iterable[Tool] = (),
        most_retries: int = 3,
    ) -> str:
        """Run a whole turn of the user: call the model and the tools until there is a final text.

        Args:
            prompt: the prompt of the user.
            model: returns the response to a turn.
            tools: the functions of the tools of the session. A tool that raises has a failed result with the text of
                its error, which the model reads.
            most_retries: how often the model is called again for one turn.

        Raises:
            SessionRefused: a response is not accepted, or all rounds or retries are used.
        """
        functions = {tool.name: tool for tool in tools}
        turn, retries = self.prepare(prompt), 0
        while True:
            match self.commit(turn, model(turn)):
                case Final(text):
                    return text
                case Calls(calls):
                    for call in calls:
                        self._call(functions, call)
                    turn, retries = self.resume(), 0
                case Retry():
                    retries += 1
                    if retries > most_retries:
                        raise SessionRefused("exhausted", "rounds")

    def _call(self, functions: Mapping[str, Tool], call: Call) -> None:
        try:
            value = functions[call.tool](**call.arguments)
        except Exception as error:  # noqa: BLE001 - the error of a tool is a result that the model reads
            self.result(call, f"{type(error).__name__}: {error}", ok=False)
        else:
            self.result(call, value)

    # --- residency -------------------------------------------------------------------------------------

    def archive(self) -> None:
        """Archive the session.

        Raises:
            Rejected: it has unread mail (code ``busy``), or a turn is prepared (code ``leased``).
        """
        self._do(self._sessions._refresh().archive)

    def restore(self) -> None:
        """Make an archived session live.

        Raises:
            Missing: it is not archived.
            Exhausted: too many sessions are live.
        """
        self._do(self._sessions._refresh().restore)

    def close(self) -> None:
        """End the session for ever.

        Raises:
            Rejected: it has unread mail (code ``busy``).
        """
        self._do(self._sessions._refresh().close)

    def _do(self, operation: Callable[[ObjectId, int], Any]) -> None:
        self._sessions._runner.run(operation(self.session, self._sessions._now()))

    def export(self, path: str | Path) -> None:
        """Move an archived session into a file; in this store it counts as moved from then on.

        Raises:
            Missing: the session is not archived.
            Rejected: another process changed it in the meantime (code ``conflict``).
        """
        store, digits = self._sessions.store, self.session.hex()
        with store.snapshot() as snapshot:
            moved = snapshot.target(f"moved/{digits}")
            step = snapshot.target(f"archived/{digits}")
        if moved is None:
            if step is None:
                raise Missing("the session is not archived", rule="session.restore.guard", got=digits)
            store.update_references([Change(f"archived/{digits}", step, None), Change(f"moved/{digits}", None, step)])
        with store.snapshot() as snapshot, Path(path).open("wb") as file:
            file.writelines(export_bundle(snapshot, [f"moved/{digits}"]))

    # --- requests and replies --------------------------------------------------------------------------

    def _ask(self, workspace: Workspace, mt: str, content: ObjectId, **headers: str) -> dict[str, Any]:
        """Send a request, wait for its reply, acknowledge it and return its content.

        Raises:
            SessionRefused: the reply is a refusal.
        """
        sessions = self._sessions
        residency, at = sessions._refresh(), sessions._now()
        workspace.keep(sessions.store)
        pairs = [("at", str(at)), ("mt", mt), *headers.items()]
        return self._take_reply(sessions._runner.run(residency.send(self.session, pairs, content, at)))

    def _take_reply(self, message: ObjectId) -> dict[str, Any]:
        runtime = self._sessions._residency.runtime
        self._sessions._runner.run(runtime.run())
        objects = runtime.machine.world.objects
        for sender, mail in runtime.mail():
            if sender != self.session:
                continue
            reply = load_message(objects.load, mail)
            if reply.headers.get("reply") != message.hex():
                continue
            self._sessions._runner.run(runtime.acknowledge(sender, mail))
            blob = objects.load(reply.content)
            assert isinstance(blob, Blob), "the content of a reply is a blob"
            value = plain(parse(blob.data, 64))
            if reply.headers["mt"] == "refused":
                raise SessionRefused(value["class"], value["code"])
            return dict(value)
        raise Missing("the session does not reply", rule="session.reply.one", got=message.hex())


def _json(value: Any) -> Blob:
    return Blob({"ct": "j"}, json.dumps(value, ensure_ascii=False, allow_nan=False).encode())
