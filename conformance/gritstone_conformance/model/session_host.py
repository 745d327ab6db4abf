"""The oracle as a host of sessions: it answers the requests of ``session`` by the model, in this process.

Spec: ``harness/operations-session``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from gritstone_conformance.model.limits import Limits as StoreLimits
from gritstone_conformance.model.refusals import ok, refused
from gritstone_conformance.model.residency.sessions import Limits, Residency
from gritstone_conformance.model.store import Store
from gritstone_conformance.model.subject import DurableStores
from gritstone_conformance.model.values import from_base64, to_base64
from gritstone_conformance.model.wasm_host import GuestHost
from gritstone_conformance.replies import Json

__all__ = ["SessionHost"]

_Expectation = dict[str, Json]


class SessionHost(GuestHost):
    """One process of an implementation of ``session`` that is the model."""

    def __init__(self, world: DurableStores | None = None, limits: StoreLimits | None = None, seed: int = 0) -> None:
        super().__init__(world, limits, seed)
        claims = self.claims
        self.claims = replace(
            claims, profiles=(*claims.profiles, "session"), features=(*claims.features, "session.guest")
        )
        self._residencies: dict[str, Residency] = {}
        self._nonces = seed << 64

    def spawn(self) -> SessionHost:
        """Return another process over the same disk."""
        return SessionHost(self.world, self.limits, self.seed + 1)

    def _runtime_start(
        self, store: Store, runtime: str, agent: str, schedule: str, clock: str, **config: Json
    ) -> _Expectation:
        answer = super()._runtime_start(store, runtime, agent, schedule, clock, **config)
        if "ok" in answer and schedule == "free":
            self._residencies[runtime] = Residency(self._started[runtime].runtime)
        return answer

    def _answer(self, op: str, args: dict[str, Json]) -> _Expectation:
        prefix, _, name = op.partition(".")
        method: Callable[..., _Expectation] | None = getattr(self, f"_session_{name}", None)
        if prefix != "session" or method is None:
            return super()._answer(op, args)
        rest = dict(args)
        started = self._started.get(rest.pop("runtime"))
        if started is None:
            return refused("missing")
        if not started.is_free:
            return refused("rejected")
        residency = self._residencies[args["runtime"]]
        started.runtime.mailroom.reload()
        residency.now(args.get("at", 0))
        return self._durably(started.store, lambda: method(residency, **rest))

    def _session_limits(self, residency: Residency, max_live: int, idle_ms: int, lease_ms: int) -> _Expectation:
        residency.limits = Limits(max_live, idle_ms, lease_ms)
        return ok()

    def _session_open(self, residency: Residency, at: int, core: str) -> _Expectation:
        return ok(session=core, message=residency.open(bytes.fromhex(core), at).hex())

    def _session_prepare(
        self, residency: Residency, at: int, session: str | None, request: str, nonce: str | None = None
    ) -> _Expectation:
        actor = b"" if session is None else bytes.fromhex(session)
        if session is None:
            self._nonces += 1
            random = self._nonces.to_bytes(32) if nonce is None else from_base64(nonce)
            actor = residency.default_core(random)
            residency.open(actor, at)
        turn, data = residency.prepare(actor, from_base64(request), at)
        return ok(session=actor.hex(), turn=turn.hex(), prepared=to_base64(data))

    def _session_send(
        self, residency: Residency, at: int, session: str, headers: list[list[str]], content: str
    ) -> _Expectation:
        pairs = tuple((key, value) for key, value in headers)
        return ok(message=residency.send(bytes.fromhex(session), pairs, bytes.fromhex(content), at).hex())

    def _session_sweep(self, residency: Residency, at: int) -> _Expectation:
        return ok(archived=[session.hex() for session in residency.sweep(at)])

    def _session_archive(self, residency: Residency, at: int, session: str) -> _Expectation:
        return ok(step=residency.archive(bytes.fromhex(session), at).hex())

    def _session_restore(self, residency: Residency, at: int, session: str) -> _Expectation:
        return ok(step=residency.restore(bytes.fromhex(session), at).hex())

    def _session_close(self, residency: Residency, at: int, session: str) -> _Expectation:
        return ok(step=residency.close(bytes.fromhex(session), at).hex())

    def _session_progress(self, residency: Residency, at: int, session: str, progress: str) -> _Expectation:
        residency.progress(bytes.fromhex(session), from_base64(progress), at)
        return ok()
