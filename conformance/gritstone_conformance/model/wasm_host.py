"""The oracle as a host of Wasm actors: it answers the requests of ``wasm`` by the model, in this process.

Spec: ``harness/operations-wasm``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from gritstone_conformance.model.bundle import read
from gritstone_conformance.model.failures import Failure
from gritstone_conformance.model.host import ModelHost
from gritstone_conformance.model.limits import Limits
from gritstone_conformance.model.mailroom import Mailroom
from gritstone_conformance.model.refusals import ok, refused
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.store import Store
from gritstone_conformance.model.subject import DurableStores
from gritstone_conformance.model.values import from_base64, to_base64
from gritstone_conformance.model.wasm.admission import NotAdmitted, admit
from gritstone_conformance.model.wasm.fork import fork_core
from gritstone_conformance.model.wasm.handoff import adopt, release
from gritstone_conformance.model.wasm.metering import meter
from gritstone_conformance.model.wasm.signing import holds, sign_bundle
from gritstone_conformance.replies import Json

__all__ = ["GuestHost"]

_FEATURES: Final = ("wasm.executor", "wasm.continuation", "wasm.signature")
_PAGES: Final = 4_096
_Expectation = dict[str, Json]


class GuestHost(ModelHost):
    """One process of an implementation of ``wasm`` that is the model."""

    def __init__(self, world: DurableStores | None = None, limits: Limits | None = None, seed: int = 0) -> None:
        super().__init__(world, replace(limits if limits is not None else Limits(), wasm_pages=_PAGES), seed)
        claims = self.claims
        self.claims = replace(
            claims,
            profiles=(*claims.profiles, "wasm"),
            features=(*claims.features, *_FEATURES),
            limits={**claims.limits, "wasm_pages": _PAGES},
        )

    def spawn(self) -> GuestHost:
        """Return another process over the same disk."""
        return GuestHost(self.world, self.limits, self.seed + 1)

    def _answer(self, op: str, args: dict[str, Json]) -> _Expectation:
        prefix, _, name = op.partition(".")
        method: Callable[..., _Expectation] | None = getattr(self, f"_wasm_{name}", None) if prefix == "wasm" else None
        if method is None:
            return super()._answer(op, args)
        rest = dict(args)
        handle = rest.pop("store", None)
        try:
            if handle is None:
                return method(**rest)
            if handle not in self._handles:
                return refused("missing")
            store = self._handles[handle].store
            return self._durably(handle, lambda: method(store, **rest))
        except NotAdmitted as problem:
            return refused("rejected", f"unresolved:{problem.code}")
        except Failure as failure:
            return failure.refusal().expectation()

    def _wasm_admit(self, module: str, entry: str, pages: int) -> _Expectation:
        self._check_pages(pages)
        admit(from_base64(module), entry, pages)
        return ok()

    def _wasm_meter(self, module: str, entry: str, pages: int) -> _Expectation:
        self._check_pages(pages)
        return ok(module=to_base64(meter(admit(from_base64(module), entry, pages), pages)))

    def _check_pages(self, pages: int) -> None:
        if pages > self.limits.wasm_pages:
            raise Failure("exhausted", f"{pages} pages", "wasm.manifest.not-lowered", "host")

    def _wasm_fork(self, store: Store, step: str, n: int, entropy: str) -> _Expectation:
        shelf = Shelf.over(store)
        core = fork_core(shelf, bytes.fromhex(step), n, entropy)
        shelf.flush(store)
        return ok(core=core.hex())

    def _wasm_release(self, store: Store, actor: str) -> _Expectation:
        return ok(step=release(Mailroom(store, Shelf.over(store)), bytes.fromhex(actor)).hex())

    def _wasm_adopt(self, store: Store, actor: str) -> _Expectation:
        return ok(step=adopt(Mailroom(store, Shelf.over(store)), bytes.fromhex(actor)).hex())

    def _wasm_sign(self, bundle: str, secret: str) -> _Expectation:
        format_name, references = self._read(bundle)
        return ok(signature=to_base64(sign_bundle(from_base64(secret), format_name, references)))

    def _wasm_verify(self, bundle: str, signature: str, keys: list[str]) -> _Expectation:
        format_name, references = self._read(bundle)
        trusted = [bytes.fromhex(key) for key in keys]
        return (
            ok()
            if holds(from_base64(signature), trusted, format_name, references)
            else refused("rejected", "signature")
        )

    def _read(self, bundle: str) -> tuple[str, dict[str, bytes]]:
        found = read(from_base64(bundle), object_bytes=self.limits.object_bytes, tree_depth=self.limits.tree_depth)
        assert found.format is not None
        return found.format.name, dict(found.references)
