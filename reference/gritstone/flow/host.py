"""The host of flows: it keeps them in a store, and performs their calls with plain Python functions.

::

    with Host(store, tools={"llm": ask, "refund": refund}, policy=policy) as host:
        flow = host.start(program, input={"order": "A-17", "amount": 40})
        outcome = flow.result(timeout=60)

The host has one thread in which the runtime works, a bounded number of threads in which tools are called, and one in
which their results are awaited. All methods can be called from any other thread. Whatever a tool raises, also
``SystemExit`` and ``KeyboardInterrupt``, is the failure of its call.

While the store has no space, each call that changes it raises ``Exhausted``. The flows wait, and continue when there is
space.

A kill at any moment loses nothing: a host that is opened on the same store continues every flow. A call whose answer
was not stored is performed again, with the same key. A timer keeps its deadline: time without a host counts.

Spec: ``flow``.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from itertools import count
from types import TracebackType
from typing import Any, TypeVar

from gritstone.errors import Exhausted, Rejected
from gritstone.flow.calls import bind
from gritstone.flow.engine import Engine
from gritstone.flow.guest import FLOWS
from gritstone.flow.handle import Flow
from gritstone.flow.performing import Performing
from gritstone.flow.program import Policy, Program
from gritstone.flow.sending import Sending, put_refs
from gritstone.flow.standing import Outcome, agent_name
from gritstone.flow.starting import Starter
from gritstone.flow.values import Value
from gritstone.grit.objects import ObjectId
from gritstone.grit.store import Store
from gritstone.runtime import Config, Runtime
from gritstone.wit.laws import Laws

__all__ = ["Host"]

_AGENT = "flows"
_NAME_BYTES = 16
_SALT_BYTES = 16
_MOST_KEPT = 32  # programs of which the common objects are kept
_MOST_ATTEMPTS = 2  # of a step that fails; a step of a flow fails again, unless the store was repaired

_T = TypeVar("_T")

_log = logging.getLogger(__name__)


class Host:
    """The flows of a store.

    Attributes:
        store: the store.
        policy: the policy of flows that are started without one; None for none.
        engine: the engine; its methods belong to the thread of the host.
        orders: held while a message of a caller is sent.
        salt: returns the salt of a sealed blob.
    """

    def __init__(  # noqa: PLR0913 - keywords
        self,
        store: Store,
        *,
        tools: Mapping[str, Callable[..., Any]] | None = None,
        policy: Policy | None = None,
        agent: str | None = None,
        threads: int = 8,
        most_async: int = 256,
        peers: Mapping[str, ObjectId] | None = None,
    ) -> None:
        """Open the flows of a store, and continue those that run.

        Args:
            store: an open store; it stays open.
            tools: the functions by the name of the tool; see ``calls``.
            policy: the policy of flows that are started without one.
            agent: the name of the agent; None for that of the store, and ``flows`` in a new one.
            threads: the maximum number of threads in which tools are called.
            most_async: the maximum number of results that are awaited at the same time.
            peers: actors that are not the host, by the name of the peer.

        Raises:
            Rejected: the store belongs to another agent (code ``agent``).
            TypeError: a tool cannot be called.
        """
        self.store = store
        self.policy = policy
        self.orders = threading.Lock()
        self.salt = _salts(None)
        self._peers = dict(peers or {})
        self._starters: dict[tuple[bytes, bytes], Starter] = {}
        self._tools = {name: bind(function) for name, function in (tools or {}).items()}
        self._settings = (agent or agent_name(store) or _AGENT, threads, most_async)
        self._loop = asyncio.new_event_loop()
        ready: Future[Engine] = Future()
        self._thread = threading.Thread(target=self._work, args=(ready,), name="gritstone-flow", daemon=True)
        self._thread.start()
        self.engine = ready.result()
        self._agent = self.engine.runtime.agent

    def _work(self, ready: Future[Engine]) -> None:
        """Run the event loop, in its thread."""
        try:
            self._loop.run_until_complete(self._serve(ready))
        finally:
            self._loop.close()

    async def _serve(self, ready: Future[Engine]) -> None:
        name, threads, most_async = self._settings
        try:
            config = Config(name, base_ms=0, max_attempts=_MOST_ATTEMPTS)
            runtime = Runtime(self.store, Laws(FLOWS), config)
            performing = Performing(self._tools, threads, most_async)
            engine = Engine(runtime, performing)
        except BaseException as error:  # noqa: BLE001 - raised by the constructor
            ready.set_exception(error)
            return
        ready.set_result(engine)
        try:
            await engine.serve()
        except Exception:  # noqa: BLE001 - every call that waits has raised it
            return
        finally:
            await performing.ended()
            try:
                await runtime.stop(drain=True)
            except Exhausted as refusal:
                _log.warning("the next host repeats what could not be stored: %s", refusal)

    def __enter__(self) -> Host:
        """Return this object."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the host."""
        self.close()

    @property
    def is_closed(self) -> bool:
        """Return whether the host was closed, or has failed."""
        return not self._thread.is_alive()

    def close(self) -> None:
        """Stop; the flows stay in the store. Waits for the present round, not for tools."""
        if self._thread.is_alive():
            self.post(self.engine.close)
            self._thread.join()

    # --- flows -------------------------------------------------------------------------------------------

    def start(
        self,
        program: Program,
        *,
        input: Value = None,  # noqa: A002 - the name in the core
        refs: Mapping[str, bytes] | None = None,
        name: str | None = None,
        policy: Policy | None = None,
        salt: bytes | None = None,
    ) -> Flow:
        """Start a flow. It is stored when this returns.

        Args:
            program: the program.
            input: the input, a map; None for an empty one.
            refs: the payloads of sealed blobs, by the names of the refs in the input.
            name: a name, so that the same start is the same flow; None to draw one, so that it is a new flow.
            policy: the policy; None for that of the host.
            salt: at least 16 bytes that are secret, from which the salts of the sealed blobs are made; None to
                draw salts, so that flows with refs are always new.

        Raises:
            Defects: the program has defects.
            Rejected: the host has no policy.
            Exhausted: the store has no space; the flow is not stored.
        """
        blobs = put_refs(dict(sorted((refs or {}).items())), _salts(salt))
        word = secrets.token_hex(_NAME_BYTES) if name is None else name
        sending = self._starter(program, policy).start({} if input is None else input, blobs, word)
        self._send_all([sending])
        return Flow(self, sending.flow)

    def start_many(
        self,
        program: Program,
        inputs: Iterable[Value],
        *,
        names: Sequence[str] | None = None,
        policy: Policy | None = None,
    ) -> list[Flow]:
        """Start a flow for each input, with few updates of the store. All of them are stored when this returns.

        Args:
            program: the program.
            inputs: the inputs.
            names: as ``name`` of ``start``, for each input.
            policy: the policy; None for that of the host.

        Raises:
            Defects: the program has defects.
            Exhausted: the store has no space; those of the flows that it had space for are stored.
        """
        starter = self._starter(program, policy)
        drawn = (secrets.token_hex(_NAME_BYTES) for _ in count())
        words = drawn if names is None else iter(names)
        sendings = [starter.start(one, {}, next(words)) for one in inputs]
        self._send_all(sendings)
        return [Flow(self, one.flow) for one in sendings]

    def _starter(self, program: Program, policy: Policy | None) -> Starter:
        """Return what starts flows of a program; that of recent programs is kept.

        Raises:
            Rejected: the host has no policy.
        """
        used = policy or self.policy
        if used is None:
            raise Rejected("the host has no policy", rule="flow.core.closed")
        key = program.data, used.data
        found = self._starters.pop(key, None) if all(key) else None
        if found is None:
            peers = {peer: self._peers.get(peer, self._agent) for peer in used.peers}
            found = Starter(self.store, program, used, peers)
        self._starters[key] = found
        while len(self._starters) > _MOST_KEPT:
            del self._starters[next(iter(self._starters))]
        return found

    def flow(self, flow: ObjectId | str) -> Flow:
        """Return a flow by its id, also one that has ended.

        Raises:
            Missing: the store does not have it.
        """
        found = Flow(self, bytes.fromhex(flow) if isinstance(flow, str) else flow)
        found.status()
        return found

    def flows(self) -> list[Flow]:
        """Return the flows that have not ended, ascending."""
        return [Flow(self, one) for one in self.ask(lambda: sorted(self.engine.channels))]

    def results(self, flows: Iterable[Flow], timeout: float | None = None) -> list[Outcome]:
        """Wait for the ends of several flows. See ``Flow.result``."""
        listed = list(flows)
        waiting: list[Future[Outcome]] = [Future() for _ in listed]

        def wait() -> None:
            for flow, found in zip(listed, waiting, strict=True):
                try:
                    self.engine.await_outcome(flow.id, found)
                except Exception as error:  # noqa: BLE001 - raised below
                    found.set_exception(error)

        self.ask(wait)
        deadline = None if timeout is None else time.monotonic() + timeout
        return [one.result(None if deadline is None else max(0.0, deadline - time.monotonic())) for one in waiting]

    def run(self, timeout: float | None = None) -> None:
        """Wait until no flow runs: each has ended, waits for an event, or for the answer of a pending call.

        Raises:
            TimeoutError: the time is over.
        """
        found: Future[None] = Future()
        self.ask(lambda: self.engine.await_rest(found))
        found.result(timeout)

    # --- the event loop --------------------------------------------------------------------------------

    def post(self, function: Callable[[], None]) -> None:
        """Call a function in the thread of the event loop.

        Raises:
            Rejected: the host was closed.
        """
        try:
            self._loop.call_soon_threadsafe(function)
        except RuntimeError:
            raise Rejected("the host was closed", rule="runtime.stop.clean") from None

    def _send_all(self, sendings: Sequence[Sending]) -> None:
        """Send messages; return when all of them are stored."""
        done: list[Future[None]] = [Future() for _ in sendings]

        def send() -> None:
            for one, future in zip(sendings, done, strict=True):
                self.engine.send(one, future)

        self.post(send)
        for future in done:
            self.await_(future)

    def ask(self, question: Callable[[], _T]) -> _T:
        """Call a function in the thread of the event loop, between two rounds; return its result."""
        answer: Future[_T] = Future()
        self.post(lambda: self.engine.ask(question, answer))
        return self.await_(answer)

    def await_(self, future: Future[_T]) -> _T:
        """Return the result of a future, unless the thread ends without completing it."""
        while True:
            try:
                return future.result(1.0)
            except TimeoutError:
                if future.done():
                    raise
                if not self._thread.is_alive() and not future.done():
                    raise Rejected("the host was closed", rule="runtime.stop.clean") from None


def _salts(seed: bytes | None) -> Callable[[], bytes]:
    """Return a function that returns salts: random ones, or those that are made from a seed."""
    if seed is None:
        return lambda: secrets.token_bytes(_SALT_BYTES)
    if len(seed) < _SALT_BYTES:
        raise ValueError(f"a salt has at least {_SALT_BYTES} bytes, got {len(seed)}")
    numbers = count()
    return lambda: hashlib.sha256(seed + next(numbers).to_bytes(8, "big")).digest()[:_SALT_BYTES]
