"""Conversations for programs: a runtime of sessions behind plain calls.

::

    with Sessions(store) as sessions:
        chat = sessions.open(system="Be brief.", tools=[Tool(add)])
        turn = chat.prepare("What is 1 + 2?")
        match chat.commit(turn, model(turn)):
            case Final(text): ...
            case Calls(calls): ...
        answer = chat.run("What is 1 + 2?", model=model, tools=[Tool(add)])

        chat.ask("What is 1 + 2?")  # the same by effects: another process can continue it
        for answer in sessions.serve(model=model, tools=[Tool(add)]): ...

The caller calls models and tools; nothing here does. A refusal by the guest raises ``SessionRefused``.

Spec: ``session``.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from types import TracebackType

from gritstone.grit.objects import Blob, ObjectId, Tree
from gritstone.grit.store import Store
from gritstone.runtime import Config, Runtime
from gritstone.session.carrying import load_session
from gritstone.session.channel import check_reply, take_reply
from gritstone.session.chat import Chat
from gritstone.session.connection import Connection
from gritstone.session.forms import json_blob
from gritstone.session.grants import SESSION_GRANTS
from gritstone.session.guest import SESSIONS
from gritstone.session.json_text import Json
from gritstone.session.outcomes import Answer, Model
from gritstone.session.residency import Residency
from gritstone.session.serving import serve
from gritstone.session.tools import Tool, describe, written
from gritstone.session.usage import Limits
from gritstone.session.views import agent_name
from gritstone.wasm.documents import Manifest, manifest_blob
from gritstone.wasm.guests import Guests
from gritstone.wit.laws import Laws
from gritstone.wit.workspace import Workspace

__all__ = ["Sessions"]

_NONCE_BYTES = 32
_AGENT = "sessions"


class Sessions:
    """The conversations in a store.

    It keeps the agent of the store small: it releases archived sessions, and acknowledges the notices about sessions.

    Attributes:
        store: the store.
        guest: the module that new sessions run; None for the guest of this package.
    """

    def __init__(
        self,
        store: Store,
        *,
        guest: bytes | None = None,
        agent: str | None = None,
        max_live: int = 128,
        idle_s: float = 300,
        clock_s: Callable[[], float] = time.time,
    ) -> None:
        """Start a runtime on a store.

        Args:
            store: an open store; it stays open.
            guest: a WebAssembly module for new sessions, such as ``session.wasm``; sessions keep theirs.
            agent: the name of the agent; None for that of the store, and ``sessions`` in a new one. Two stores between
                which sessions are carried have the same.
            max_live: how many sessions are live at the same time.
            idle_s: the time after which ``sweep`` archives a session, in seconds; 0 for never.
            clock_s: the time of requests, in seconds.

        Raises:
            Rejected: the store belongs to another agent (code ``agent``).
        """
        self.store = store
        self.guest = guest
        name = agent or agent_name(store) or _AGENT
        runtime = Runtime(store, Laws(SESSIONS, Guests()), Config(name))
        residency = Residency(runtime, Limits(max_live=max_live, idle_ms=int(idle_s * 1000)))
        self._connection = Connection(residency, clock_s)

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
        self._connection.close()

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
        connection = self._connection
        connection.settle_all()
        workspace = connection.workspace()
        settings = {**({"system_prompt": system} if system else {}), **(config or {})}
        entries = {
            "host": connection.runtime.agent,
            "nonce": workspace.put(Blob({"ct": "b"}, nonce or secrets.token_bytes(_NONCE_BYTES))),
        }
        if settings:
            entries["config"] = workspace.put(json_blob(written(settings)))
        if listed := describe(tools):
            entries["tools"] = workspace.put(json_blob(listed))
        core = workspace.put(Tree({"session": workspace.put(Tree(entries)), **self._code(workspace)}))
        workspace.keep(self.store)
        session, message = connection.wait(connection.refresh().open(core, connection.now_ms()))
        receive = partial(take_reply, connection.world, session)
        reply = connection.wait(connection.runtime.exchange(lambda: message, receive))
        check_reply(connection.runtime, session, reply)
        connection.tidy()
        return Chat(connection, session)

    def _code(self, workspace: Workspace) -> dict[str, ObjectId]:
        """Return the entries of a core that name and contain its code."""
        if self.guest is None:
            node = workspace.put(Blob({"ct": "s"}, b"external:session/1"))
            return {"wit": node, "wit_query": node}
        node = workspace.put(Blob({"ct": "s"}, b"wasm:code/session.wasm"))
        module = workspace.put(Blob({"ct": "application/wasm"}, self.guest))
        code = workspace.put(Tree({"session.wasm": module}))
        manifest = workspace.put(Tree({"manifest": workspace.put(manifest_blob(SESSION_GRANTS))}))
        return {"code": code, "wasm": manifest, "wit": node, "wit_query": node}

    def chat(self, session: ObjectId) -> Chat:
        """Return a conversation by its id; it need not be live."""
        self._connection.settle_all()
        return Chat(self._connection, session)

    def live(self) -> list[ObjectId]:
        """Return the ids of the live sessions, ascending."""
        return sorted(self._connection.refresh().live())

    def archived(self) -> list[ObjectId]:
        """Return the ids of the archived actors, ascending."""
        with self.store.snapshot() as snapshot:
            return sorted(bytes.fromhex(name.partition("/")[2]) for name, _ in snapshot.references("archived/"))

    def sweep(self) -> list[ObjectId]:
        """Archive the sessions that were not used for the idle time; return their ids."""
        self._connection.settle_all()
        archived = self._connection.wait(self._connection.refresh().sweep(self._connection.now_ms()))
        self._connection.tidy()
        return archived

    def serve(self, *, model: Model, tools: Iterable[Tool] = ()) -> Iterator[Answer]:
        """Call the model and the tools for all open asks, and yield the answers.

        An answer is acknowledged when the next one is requested. If the process ends earlier, the next ``serve`` yields
        it again. A response and a result are stored with the acknowledgement of their effect, so neither the model nor
        a tool is called again for it.

        Args:
            model: returns the response to a turn, or something awaitable that results in it. If it raises, the
                exception passes through, and the effect stays open for the next ``serve``. An exception with a true
                attribute ``is_final`` makes the ask fail instead.
            tools: the functions of the tools, synchronous or asynchronous. If one raises, the model reads the text of
                the error.
        """
        return serve(self._connection, model, {tool.name: tool for tool in tools})

    def load(self, path: str | Path, *, grants: Manifest = SESSION_GRANTS) -> Chat:
        """Import an exported session, which is archived then; ``restore`` makes it live.

        The file contains the code of the session, its history and its prompts. Loading runs none of the code.

        Args:
            path: the file.
            grants: the most that the code may grant itself; by default what a module of a new session has here.

        Raises:
            Missing: the bundle does not have one session.
            Rejected: the store has another state of the session (code ``conflict``); or the session grants itself more
                than that (code ``grants``).
        """
        return Chat(self._connection, load_session(self.store, Path(path), grants))
