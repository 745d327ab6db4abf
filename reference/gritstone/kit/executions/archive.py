"""Archives: an actor in a file, with everything that its step reaches, and its unread messages.

The bundle of an actor contains its head, or its reference ``moved/``, and its unread messages, if any. A
bundle with other references is rejected.

Spec: :rule:`wasm.image.equal`, :rule:`wasm.handoff.one-owner`, :rule:`wasm.sign.trust`.
"""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TypeAlias

from gritstone.errors import Rejected
from gritstone.files import replacing
from gritstone.grit.export import export_bundle, export_references
from gritstone.grit.importing import import_bundle
from gritstone.grit.memory import MemoryEngine
from gritstone.grit.objects import NO_HEADERS, Blob, Message, ObjectId
from gritstone.grit.references import Change
from gritstone.grit.store import Store
from gritstone.kit.executions.sandbox import Sandbox
from gritstone.wasm.cores import is_wasm_actor, manifest_of
from gritstone.wasm.documents import Manifest
from gritstone.wasm.handoff import adopt_actor, release_actor
from gritstone.wasm.signature import read_references, sign_bundle, verify_bundle
from gritstone.wit.objects import Objects
from gritstone.wit.position import load_position, position_of
from gritstone.wit.workspace import Workspace

__all__ = ["Unread", "load_actor", "save_actor"]

Unread: TypeAlias = tuple[bytes, Mapping[str, str]]
"""The content and the headers of an unread message."""

_RULE = "wasm.image.equal"
_SIGNATURE = ".sig"
_ACTOR = re.compile("[0-9a-f]{64}")


def save_actor(
    sandbox: Sandbox, actor: ObjectId, unread: tuple[Unread, ...], path: Path, *, move: bool, secret: bytes | None
) -> None:
    """Write the bundle of an actor; see ``Execution.save``.

    The bytes are durable before the store records that the actor moved, and the file has its name only after that. So
    in no moment the actor may run in two places, and a process that is killed between them leaves an actor that has
    moved and can be saved again. The store keeps its unread messages for that.
    """
    store = sandbox.store
    head, moved, mail = (f"{space}/{actor.hex()}" for space in ("heads", "moved", "unread"))
    with store.snapshot() as snapshot:
        step, left, kept = snapshot.target(head), snapshot.target(moved), snapshot.target(mail)
    place = step or left
    assert place is not None, "the actor is in the store"
    tip = _mail(sandbox, actor, place, unread) or (kept if step is None else None)
    names = [(moved if move else head, place), *([(mail, tip)] if tip is not None else [])]
    with store.snapshot() as snapshot:
        data = b"".join(export_references(snapshot, names))
    with ExitStack() as files:
        parts = [(files.enter_context(replacing(path)), data)]
        if secret is not None:
            signature = sign_bundle(io.BytesIO(data), secret, store.limits)
            parts.append((files.enter_context(replacing(_signature_of(path))), signature))
        for part, content in parts:
            part.file.write(content)
            part.sync()
        if move and kept != tip:
            store.update_references([Change(mail, kept, tip)])
        if move and step is not None:
            release_actor(store, actor, step)


def _signature_of(path: Path) -> Path:
    return path.with_name(path.name + _SIGNATURE)


def _mail(sandbox: Sandbox, actor: ObjectId, place: ObjectId, unread: tuple[Unread, ...]) -> ObjectId | None:
    """Store the unread messages of an actor after the last one that it has read; return the newest one."""
    workspace = sandbox.workspace()
    tip = position_of(workspace, place).inbox.get(sandbox.agent)
    for content, headers in unread:
        tip = workspace.put(Message(tip, headers, workspace.put(Blob(NO_HEADERS, content))))
    workspace.keep(sandbox.store)
    return tip if unread else None


def load_actor(
    sandbox: Sandbox, path: Path, keys: Collection[bytes] | None, granted: Manifest | None
) -> tuple[ObjectId, tuple[Unread, ...]]:
    """Import the bundle of an actor; see ``load``. It may have at most the fuel and pages of ``granted``."""
    store = sandbox.store
    source = io.BytesIO(path.read_bytes())  # check and import the same bytes, even if the file is changed meanwhile
    if keys is not None:
        verify_bundle(source, _signature_of(path).read_bytes(), keys, store.limits)
        source.seek(0)
    _, references = read_references(source, store.limits)
    names = dict(references)
    spaces = {name.partition("/")[0] for name in names}
    actors = {name.partition("/")[2] for name in names}
    if len(actors) != 1 or not all(map(_ACTOR.fullmatch, actors)) or spaces - {"unread"} not in ({"heads"}, {"moved"}):
        raise Rejected("a bundle of something else than one actor", rule=_RULE, got=sorted(names)[:4])
    (label,) = actors
    scratch = Store.open(MemoryEngine(), store.format, limits=store.limits)
    source.seek(0)
    import_bundle(scratch, source)
    unread = _read_mail(Workspace(Objects(scratch.format, scratch.limits, scratch.get)), names, label, granted)
    mail = f"unread/{label}"
    with scratch.snapshot() as snapshot:  # the unread messages stay outside of the store
        import_bundle(store, io.BytesIO(b"".join(export_bundle(snapshot, names.keys() - {mail}))))
    actor = bytes.fromhex(label)
    if "moved" in spaces:
        adopt_actor(store, actor)
    with store.snapshot() as snapshot:
        kept = snapshot.target(mail)
    if kept is not None:  # the actor had moved out of this store
        store.update_references([Change(mail, kept, None)])
    return actor, unread


def _read_mail(
    workspace: Workspace, names: Mapping[str, ObjectId], label: str, granted: Manifest | None
) -> tuple[Unread, ...]:
    """Check an actor; read its unread messages, oldest first."""
    place = names.get(f"heads/{label}") or names[f"moved/{label}"]
    position = load_position(workspace, place, bytes.fromhex(label))
    if not is_wasm_actor(workspace, position.core):
        raise Rejected("no step of code that runs here", rule=_RULE, got=place.hex())
    if granted is not None:
        _check_amounts(manifest_of(workspace, position.core), granted)
    read = set(position.inbox.values())
    found: list[Unread] = []
    at = names.get(f"unread/{label}")
    while at is not None and at not in read:
        message = workspace.message(at)
        value = workspace.look(message.content)
        if not isinstance(value, Blob):
            raise Rejected("mail with another content than bytes", rule=_RULE, got=at.hex())
        found.append((value.data, dict(message.headers)))
        at = message.previous
    return tuple(reversed(found))


def _check_amounts(manifest: Manifest, granted: Manifest) -> None:
    for name in ("fuel", "pages"):
        got, most = getattr(manifest, name), getattr(granted, name)
        if got > most:
            raise Rejected(
                f"the file grants itself too much: {name}",
                rule="wasm.manifest.deny",
                code="grants",
                got=got,
                expected=f"at most {most}",
            )
