"""The oracle as a host of images: it answers the requests of ``image`` by the model, in this process.

The operations of ``runtime`` on a store that is an image are answered here too, as the profile changes them.

Spec: ``harness/operations-image``; ``image/actors``, "Operations of runtime in an image".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from gritstone_conformance.model.flow_host import FlowHost
from gritstone_conformance.model.image.world import kernel_actor
from gritstone_conformance.model.journal.live import Image, Outcome
from gritstone_conformance.model.limits import Limits
from gritstone_conformance.model.refusals import ok, refused
from gritstone_conformance.model.store import Store
from gritstone_conformance.model.subject import DurableStores
from gritstone_conformance.model.values import from_base64, to_base64
from gritstone_conformance.replies import Json

__all__ = ["ImageHost"]

_Expectation = dict[str, Json]

_REFUSED: Final = ("runtime.collect", "runtime.release", "runtime.cut")


class ImageHost(FlowHost):
    """One process of an implementation of ``image`` that is the model."""

    def __init__(self, world: DurableStores | None = None, limits: Limits | None = None, seed: int = 0) -> None:
        super().__init__(world, limits, seed)
        claims = self.claims
        profiles, features = (*claims.profiles, "image"), (*claims.features, "image.wasm")
        self.claims = replace(claims, profiles=profiles, features=features)
        self._images: dict[str, Image] = {}

    def spawn(self) -> ImageHost:
        """Return another process over the same disk."""
        return ImageHost(self.world, self.limits, self.seed + 1)

    def _runtime_start(
        self, store: Store, runtime: str, agent: str, schedule: str, clock: str, **config: Json
    ) -> _Expectation:
        if schedule == "chosen" and _is_image(store):
            return refused("rejected", "image")
        answer = super()._runtime_start(store, runtime, agent, schedule, clock, **config)
        if "ok" in answer:
            started = self._started[runtime]
            image = Image(started.runtime, lambda publish: self._publish(started.store, publish), has_guests=True)
            self._images[runtime] = image
            self._serve(image)
        return answer

    def _answer(self, op: str, args: dict[str, Json]) -> _Expectation:
        prefix, _, name = op.partition(".")
        image = self._images.get(args.get("runtime", "")) if args.get("runtime") in self._started else None
        if prefix == "image":
            method: Callable[..., _Expectation] | None = getattr(self, f"_image_{name}", None)
            return super()._answer(op, args) if method is None else self._image(method, image, args)
        if self._is_refused(op, args, image):
            return refused("rejected", "image")
        served = getattr(self, f"_served_{name}", None) if prefix == "runtime" else None
        if served is None or image is None or not image.is_image:
            return super()._answer(op, args)
        image.runtime.mailroom.reload()
        self._serve(image)
        answer: _Expectation = served(image, **_without_runtime(args))
        return answer

    def _is_refused(self, op: str, args: dict[str, Json], image: Image | None) -> bool:
        """Return whether an image refuses an operation of another profile. Spec: :rule:`image.runtime.refused`."""
        if op in ("wasm.release", "wasm.adopt"):
            handle = self._handles.get(args["store"])
            return handle is not None and _is_image(handle.store)
        is_other = op in _REFUSED or op.startswith("session.")
        return is_other and image is not None and image.is_image

    def _image(self, method: Callable[..., _Expectation], image: Image | None, args: dict[str, Json]) -> _Expectation:
        if image is None:
            return refused("missing")
        is_start = method.__name__ == "_image_start"
        if not is_start and not image.is_image:
            return refused("rejected", "image")
        if is_start and not self._started[args["runtime"]].is_free:
            return refused("rejected", "image")
        image.runtime.mailroom.reload()
        self._serve(image)
        return method(image, **_without_runtime(args))

    @staticmethod
    def _serve(image: Image) -> None:
        """Make all steps of R operations, once the store is an image."""
        if image.is_image:
            image.runtime.agent = image.agent

    def _publish(self, store: str, publish: Callable[[], None]) -> None:
        """Publish one operation, which is one write."""

        def published() -> _Expectation:
            publish()
            return ok()

        self._durably(store, published)

    def _image_start(self, image: Image) -> _Expectation:
        kernel = image.start()
        self._serve(image)
        return ok(kernel=kernel.hex())

    def _image_request(self, image: Image, messages: list[dict[str, Json]], key: str | None = None) -> _Expectation:
        wanted = [
            (bytes.fromhex(each["to"]), tuple((name, value) for name, value in each["headers"]), _raw(each["content"]))
            for each in messages
        ]
        return _outcome(image.request(wanted, key))

    def _image_clock(self, image: Image, now_ms: str) -> _Expectation:
        return ok(seq=image.clock(int(now_ms)))

    def _image_rollback(self, image: Image, to: int) -> _Expectation:
        return _outcome(image.rollback(to))

    def _image_list(
        self,
        image: Image,
        limit: int,
        after: str | None = None,
        **as_: str,
    ) -> _Expectation:
        asking, last = as_.get("as"), None if after is None else _raw(after)
        actors, more = image.list_actors(None if asking is None else _raw(asking), last, limit)
        return ok(actors=actors, more=more)

    def _image_log(self, image: Image, limit: int, **first: int) -> _Expectation:
        records, more = image.log(first["from"], limit)
        return ok(records=[to_base64(record) for record in records], more=more)

    def _image_world(self, image: Image, limit: int, after: str | None = None, seq: int | None = None) -> _Expectation:
        number, root, refs, more = image.world(seq, after, limit)
        return ok(seq=number, root=root.hex(), refs=[[name, target.hex()] for name, target in refs], more=more)

    @staticmethod
    def _served_inject(image: Image, to: str, headers: list[list[str]], content: str, mode: str) -> _Expectation:
        pairs = tuple((key, value) for key, value in headers)
        return ok(message=image.inject(_raw(to), pairs, _raw(content), mode).hex())

    @staticmethod
    def _served_run(image: Image, max_steps: int) -> _Expectation:
        cause, steps = image.run(max_steps)
        return ok(cause=cause, steps=steps, parked=[])

    @staticmethod
    def _served_ack(image: Image, sender: str, message: str) -> _Expectation:
        image.agent.acknowledge(_raw(sender), _raw(message))
        return ok()

    @staticmethod
    def _served_resolve(image: Image, effect: str, outcome: dict[str, str]) -> _Expectation:
        ((word, answer),) = outcome.items()
        image.agent.resolve(effect, word, from_base64(answer) if word == "ok" else answer.encode())
        return ok()


def _is_image(store: Store) -> bool:
    return f"heads/{kernel_actor(store.format).hex()}" in store.references


def _outcome(made: Outcome) -> _Expectation:
    seq, failed = made
    if failed is None:
        return ok(seq=seq, outcome={"committed": {}})
    return ok(seq=seq, outcome={"failed": {"class": failed.kind, "code": failed.code}})


def _without_runtime(args: dict[str, Json]) -> dict[str, Json]:
    return {key: value for key, value in args.items() if key != "runtime"}


def _raw(identity: str) -> bytes:
    return bytes.fromhex(identity)
