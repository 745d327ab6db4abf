"""The functions of the ABI that make objects.

Spec: "Functions" of ``wasm/abi``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from gritstone_conformance.model.values import ZERO, Blob, Mailbox, Message, Object, Step, Tree
from gritstone_conformance.model.wasm.abi import ABSENT, LIMIT, Host, Reply, Use, read_headers, read_path
from gritstone_conformance.model.wasm.weights import OBJECT_LIMIT, tree_weight, weight

__all__ = ["MAKING"]

_CONTENT: Final = ("blob", "tree")


def _blob(host: Host, data: bytes, headers: bytes, out: int) -> Reply:
    return _made(host, Blob(read_headers(headers, host.shelf.format.name), data), out)


def _message(host: Host, previous: bytes, headers: bytes, content: bytes, out: int) -> Reply:
    pairs = read_headers(headers, host.shelf.format.name)
    host.check(Use(previous, ("message",), maybe=True, edge=True), Use(content, _CONTENT, edge=True))
    return _made(host, Message(_maybe(previous), pairs, content), out)


def _step(host: Host, *operands: Any) -> Reply:
    previous, actor, inbox, outbox, core, out = operands
    host.check(
        Use(previous, ("step",), maybe=True, edge=True),
        Use(actor, ("tree",), edge=True),
        Use(inbox, ("mailbox",), maybe=True, edge=True),
        Use(outbox, ("mailbox",), maybe=True, edge=True),
        Use(core, ("tree",), edge=True),
    )
    return _made(host, Step(_maybe(previous), actor, _maybe(inbox), _maybe(outbox), core), out)


def _mail(host: Host, mailbox: bytes, actor: bytes, message: bytes, out: int) -> Reply:
    host.check(
        Use(mailbox, ("mailbox",), maybe=True),
        Use(actor, ("tree",), edge=True),
        Use(message, ("message",), maybe=True, edge=True),
    )
    entries = dict(host.shelf.mail(_maybe(mailbox)))
    before = weight(Mailbox(tuple(entries.items())))
    if message != ZERO:
        entries[actor] = message
    elif entries.pop(actor, None) is None:
        return Reply(ABSENT, before)
    made = Mailbox(tuple(entries.items()))
    total = before + weight(made)
    if weight(made) > OBJECT_LIMIT:
        return Reply(LIMIT, total)
    return Reply(0, total, ((out, host.shelf.put(made) if entries else ZERO, True),))


def _place(host: Host, tree: bytes, path: bytes, child: bytes, out: int) -> Reply:
    names = read_path(path, host.shelf.format.name)
    host.check(Use(tree, ("tree",), maybe=True), Use(child, _CONTENT, maybe=True, edge=True))
    levels = _opened(host, tree, names)
    total = sum(tree_weight(level) for level in levels)
    if child == ZERO and (len(levels) < len(names) or names[-1] not in levels[-1]):
        return Reply(ABSENT, total)
    levels += [{} for _ in names[len(levels) :]]
    target = _maybe(child)
    weights = []
    for name, level in zip(reversed(names), reversed(levels), strict=True):
        if target is None:
            level.pop(name)
        else:
            level[name] = target
        weights.append(tree_weight(level))
        if weights[-1] > OBJECT_LIMIT:
            return _too_heavy(total, weights, names, levels)
        target = host.shelf.put(Tree(tuple(level.items()))) if level else None
    return Reply(0, total + sum(weights), ((out, target or ZERO, True),))


def _opened(host: Host, tree: bytes, names: list[str]) -> list[dict[str, bytes]]:
    """Return the entries of the trees on a path that were there before, from the first on."""
    levels = [dict(host.shelf.names(tree)) if tree != ZERO else {}]
    for name in names[:-1]:
        below = levels[-1].get(name)
        if below is None or not host.shelf.is_tree(below):
            break
        levels.append(dict(host.shelf.names(below)))
    return levels


def _too_heavy(total: int, weights: list[int], names: list[str], levels: list[dict[str, bytes]]) -> Reply:
    """Return LIMIT with the weight of all that would have been made: above the tree that is too heavy, too."""
    above = len(names) - len(weights)
    rest = [tree_weight({**level, name: ZERO}) for name, level in zip(names[:above], levels[:above], strict=True)]
    return Reply(LIMIT, total + sum(weights) + sum(rest))


def _made(host: Host, value: Object, out: int) -> Reply:
    total = weight(value)
    if total > OBJECT_LIMIT:
        return Reply(LIMIT, total)
    return Reply(0, total, ((out, host.shelf.put(value), True),))


def _maybe(identity: bytes) -> bytes | None:
    return None if identity == ZERO else identity


MAKING: Final[dict[str, Callable[..., Reply]]] = {
    "blob": _blob,
    "message": _message,
    "step": _step,
    "mail": _mail,
    "place": _place,
}
"""Function to what it does."""
