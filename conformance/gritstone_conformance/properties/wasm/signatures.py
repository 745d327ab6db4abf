"""Signatures of bundles: what they are made for, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from gritstone_conformance.model.bundle import write
from gritstone_conformance.model.formats import Format, other_format
from gritstone_conformance.model.limits import Limits
from gritstone_conformance.model.refusals import ok, refused
from gritstone_conformance.model.store import Store
from gritstone_conformance.model.values import Blob, to_base64
from gritstone_conformance.model.wasm.ed25519 import public_key, sign
from gritstone_conformance.model.wasm.signing import form, holds, sign_bundle, signed_text
from gritstone_conformance.properties.wit.registry import in_each_format, tape
from gritstone_conformance.replies import Json
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.guests import guest_core
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_COVERS: Final = "wasm.sign.covers"
_READ: Final = "wasm.sign.read"
_TRUST: Final = "wasm.sign.trust"
_SECRETS: Final = (bytes(32), bytes(range(32)), b"\xff" * 32)
_UNKNOWN: Final = (b"framed-sha1", b"cbor-blake2", b"x")
_ORDER: Final = 2**252 + 27742317777372353535851937790883648493


def _graph(fmt: Format) -> Graph:
    graph = Graph(fmt)
    graph.references["actors/a"] = guest_core(graph, b"a", "counter", {"image": True})
    graph.references["tags/b"] = graph.add(Blob((), b"b"))
    return graph


def _verify(
    trial: Trial,
    graph: Graph,
    signature: bytes,
    keys: tuple[bytes, ...],
    rule: str,
    references: Mapping[str, bytes] | None = None,
) -> None:
    """Ask whether a signature holds for the graph with its own or other references."""
    named = graph.references if references is None else references
    bundle = Graph(graph.format, graph.values, graph.encodings, dict(named)).bundle()
    expect = _unread(trial, graph.format, bundle)
    if expect is None:
        expect = ok() if holds(signature, keys, graph.format.name, named) else refused("rejected", "signature")
    trusted: list[Json] = [key.hex() for key in keys]
    args: dict[str, Json] = {"bundle": to_base64(bundle), "signature": to_base64(signature), "keys": trusted}
    trial.expect("wasm.verify", args, expect, rule=rule)


def _unread(trial: Trial, fmt: Format, bundle: bytes) -> dict[str, Json] | None:
    """Return the expectation on a bundle that an import refuses, or None."""
    expect = Store(fmt, Limits.of(trial.claims.limits, trial.claims.features)).import_(bundle)
    return None if "ok" in expect else expect


def covers(trial: Trial, fmt: Format) -> None:
    """A signature holds for exactly the format, names and ids that it was made for."""
    graph = _graph(fmt)
    for secret in _SECRETS:
        signature = sign_bundle(secret, fmt.name, graph.references)
        args: dict[str, Json] = {"bundle": to_base64(graph.bundle()), "secret": to_base64(secret)}
        trial.expect("wasm.sign", args, ok(signature=to_base64(signature)), rule=_COVERS)
    key = public_key(_SECRETS[1])
    signature = sign_bundle(_SECRETS[1], fmt.name, graph.references)
    for references in _others(graph):
        _verify(trial, graph, signature, (key,), _COVERS, references)
        own = sign_bundle(_SECRETS[1], fmt.name, references)
        _verify(trial, graph, own, (key,), _COVERS, references)
        _verify(trial, graph, own, (key,), _COVERS)
    if other_format(fmt).name in trial.claims.formats:
        for name in (fmt.name, other_format(fmt).name):
            foreign = sign_bundle(_SECRETS[1], name, graph.references)
            _verify(trial, graph, foreign, (key,), _COVERS)


def _others(graph: Graph) -> Iterator[dict[str, bytes]]:
    """Yield references that differ from those of the graph in one thing, and those themselves."""
    actor, blob = graph.references["actors/a"], graph.references["tags/b"]
    yield graph.references
    yield {"actors/a": actor}
    yield {"tags/b": blob}
    yield {}
    yield {"actors/a": actor, "tags/c": blob}
    yield {"actors/a": actor, "tags/b": actor}
    yield {"actors/a": blob, "tags/b": actor}
    yield {"actors/a": actor, "tags/b": blob, "tags/c": blob}
    yield {"actors/a2": actor, "tags/b": blob}


def trusted(trial: Trial, fmt: Format) -> None:
    """Only a signature of the one form whose key is trusted and that verifies is accepted."""
    graph = _graph(fmt)
    secret, key, stranger = _SECRETS[0], public_key(_SECRETS[0]), public_key(_SECRETS[1])
    signature = sign_bundle(secret, fmt.name, graph.references)
    bits = sign(secret, signed_text(fmt.name, graph.references))
    assert form(key, bits) == signature, "the form is taken apart as it is put together"
    for keys in ((), (stranger,), (key,), (stranger, key), (key,) * 64, (bytes(32),)):
        _verify(trial, graph, signature, keys, _TRUST)
    swapped = form(stranger, bits)
    large = (int.from_bytes(bits[32:], "little") + _ORDER).to_bytes(32, "little")
    for text in (
        *(signature + b"\n", b" " + signature, b"", b"{}", signature[:-1], signature.upper(), signature * 2),
        *(signature.replace(b":", b": "), signature.replace(b'"v":1', b'"v":2'), signature.replace(b"1}", b"1.0}")),
        signature.replace(b"Ed25519", b"ed25519"),
        b'{"key":"%s","alg":"Ed25519","sig":"%s","v":1}' % (key.hex().encode(), bits.hex().encode()),
        signature.replace(b"}", b',"x":1}'),
        *(form(key, bits[:32] + large), form(key, bytes(64)), form(key, bits[32:] + bits[:32]), swapped),
        form(key, bits[::-1]),
    ):
        _verify(trial, graph, text, (key, stranger), _TRUST)


def altered(trial: Trial, fmt: Format, tape: Tape) -> None:
    """A signature of which any byte is changed does not hold."""
    graph = _graph(fmt)
    secret = bytes(tape.below(256) for _ in range(32))
    key = public_key(secret)
    signature = sign_bundle(secret, fmt.name, graph.references)
    args: dict[str, Json] = {"bundle": to_base64(graph.bundle()), "secret": to_base64(secret)}
    trial.expect("wasm.sign", args, ok(signature=to_base64(signature)), rule=_COVERS)
    _verify(trial, graph, signature, (key,), _COVERS)
    at = tape.below(len(signature))
    changed = signature[:at] + bytes((signature[at] ^ 1 << tape.below(7),)) + signature[at + 1 :]
    _verify(trial, graph, changed, (key,), _TRUST)


def broken(trial: Trial, fmt: Format) -> None:
    """A bundle that an import refuses is refused here, one of an unknown format too, and nothing is stored of any."""
    graph = _graph(fmt)
    bundle = graph.bundle()
    lacking = {identity: data for identity, data in graph.encodings.items() if identity != graph.references["tags/b"]}
    unfit = write(fmt, graph.references, lacking)
    secret, key = _SECRETS[0], public_key(_SECRETS[0])
    signature = sign_bundle(secret, fmt.name, graph.references)
    trial.expect("grit.open", {"store": "s", "format": fmt.name, "backend": "memory", "create": True}, ok())
    flipped = bundle[:-1] + bytes((bundle[-1] ^ 1,))
    refusals = [(data, _unread(trial, fmt, data)) for data in (bundle[:-9], flipped, unfit, b"", bundle + b"x")]
    unknown = refused("rejected", "format")
    refusals.extend((bundle.replace(fmt.name.encode(), name, 1), unknown) for name in _UNKNOWN)
    for data, expect in refusals:
        assert expect is not None, "no implementation can read it"
        trial.expect("wasm.sign", {"bundle": to_base64(data), "secret": to_base64(secret)}, expect, rule=_READ)
        for text in (signature, b"{}"):
            args: dict[str, Json] = {"bundle": to_base64(data), "signature": to_base64(text), "keys": [key.hex()]}
            trial.expect("wasm.verify", args, expect, rule=_READ)
    _verify(trial, graph, signature, (key,), _COVERS)
    for identity in graph.encodings:
        trial.expect("grit.get", {"store": "s", "id": identity.hex()}, refused("missing"), rule=_READ)
    names: dict[str, Json] = {"store": "s", "prefix": "", "after": None, "limit": 9}
    trial.expect("grit.refs", names, ok(refs=[], more=False), rule=_READ)


_SIGNS: Final = ("wasm.signature",)

PROPERTIES: Final = (
    *in_each_format("wasm/sign/covers", covers, _COVERS, features=_SIGNS),
    *in_each_format("wasm/sign/trusted", trusted, _TRUST, features=_SIGNS),
    *in_each_format("wasm/sign/altered", altered, _TRUST, _COVERS, features=_SIGNS, given=tape(36), examples=12),
    *in_each_format("wasm/sign/broken", broken, _READ, _COVERS, features=_SIGNS),
)
