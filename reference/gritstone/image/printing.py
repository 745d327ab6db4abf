"""Lines about actors and operations, for people.

Text of actors is printed as a JSON string of ASCII, so it cannot control a terminal.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from gritstone.image.image import Image
from gritstone.image.record import Record
from gritstone.image.views import View

__all__ = ["item_line", "record_lines", "view_line", "view_lines"]

_SHORT = 12
_LONGEST = 60
_LONGEST_PATH = 400
_ID_DIGITS = 64


def _short(name: str) -> str:
    """Return a name, or the first digits of an id."""
    return name[:_SHORT] if len(name) == _ID_DIGITS else name


def view_line(image: Image, view: View) -> str:
    """Return the line of an actor."""
    parts = [f"{_short(view.name):<16}", view.actor.id.hex()[:_SHORT]]
    if view.owner is None:
        return "  ".join([*parts, "of another owner"])
    parts.append("principal" if view.owner == view.actor.id else "actor    ")
    if view.code:
        parts.append(f"handles {', '.join(view.code)}")
    if view.timers:
        parts.append(f"timers {len(view.timers)}")
    return "  ".join(parts).rstrip()


def view_lines(image: Image, view: View) -> Iterator[str]:
    """Yield the lines about the rights of an actor."""
    yield f"actor    {view.actor.id.hex()}"
    yield f"name     {view.name}"
    if view.owner is not None:
        yield f"owner    {'itself' if view.owner == view.actor.id else image.name(view.owner)}"
    for capability, granter in view.caps.items():
        yield f"may      {_right(image, capability)}    granted by {_named(image, granter)}"
    for mt, senders in view.entry.items():
        listed = "all" if senders == "*" else ", ".join(_named(image, one) for one in senders.split("\n"))
        yield f"admits   {mt} from {listed}"
    for mt in view.code:
        yield f"handles  {mt}"
    for due, _, _, mt in sorted(view.timers.values()):
        yield f"timer    {mt} at {due} ms"
    for event, subscriber in view.subs:
        yield f"informs  {_named(image, subscriber)} of {event}"


def _named(image: Image, id_text: str) -> str:
    return _short(image.name(bytes.fromhex(id_text)))


def _right(image: Image, capability: str) -> str:
    """Return a capability as words, with the name of the actor."""
    verb, _, rest = capability.partition(".")
    actor, _, name = rest.partition(".")
    if not actor:
        return verb
    return " ".join(word for word in (verb, actor if actor == "*" else _named(image, actor), name) if word)


def item_line(path: str, data: bytes | None) -> str:
    """Return the line of a path and its data, both shortened."""
    path = path if len(path) <= _LONGEST_PATH else path[:_LONGEST_PATH] + "..."
    if data is None:
        return f"{path} erased"
    text = json.dumps(data.decode("utf-8", "backslashreplace"))
    return f"{path} {text if len(text) <= _LONGEST else text[:_LONGEST] + '...'}"


def record_lines(image: Image, record: Record) -> Iterator[str]:
    """Yield the lines of an operation: its outcome and roots, and the savepoints that were undone."""
    word = "committed" if record.failure is None else f"failed {record.failure}"
    roots = [f"{_short(sender)} -> {_short(target)}: {mt}" for sender, target, mt in image.roots(record)]
    about = "; ".join(roots) or (f"no roots, clock {record.clock}" if record.seq else "the image begins")
    yield f"{record.seq:>4}  {word:<32}  fuel {record.fuel:<4}  {about}"
    for undone in record.savepoints:
        sender, target = (_short(image.name(one)) for one in (undone.root.sender, undone.root.target))
        yield f"      undone: {sender} -> {target}, {undone.failure}"
