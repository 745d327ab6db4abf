"""A session file contains code: what it may grant itself in the store that loads it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from gritstone.errors import Rejected
from gritstone.grit.formats import FORMATS
from gritstone.grit.memory import MemoryEngine
from gritstone.grit.objects import Blob, Mailbox, Message, ObjectId, Step, Tree
from gritstone.grit.references import Change
from gritstone.grit.store import Store
from gritstone.session import Sessions
from gritstone.session.command import main
from gritstone.session.grants import SESSION_GRANTS
from gritstone.wasm.documents import Clock as GuestClock
from gritstone.wasm.documents import Manifest, manifest_blob
from gritstone.wit.objects import Objects
from gritstone.wit.position import position_of
from gritstone.wit.workspace import Workspace

from .conversing import NONCE, Clock, module, scripted

Forge = Callable[[Workspace, dict[str, Any]], None]


def new_store() -> Store:
    return Store.open(MemoryEngine(), FORMATS["cbor-blake3"], create=True)


def forged_file(path: Path, forge: Forge, *, guest: bytes | None = None) -> ObjectId:
    """Write the file of a session whose last step was changed by ``forge``; return the id of the session."""
    store = new_store()
    with Sessions(store, guest=module() if guest is None else guest or None, clock_s=Clock()) as sessions:
        chat = sessions.open(nonce=NONCE)
        chat.run("q", model=scripted("a"))
        chat.archive()
        archived = f"archived/{chat.session.hex()}"
        with store.snapshot() as snapshot:
            step = snapshot.target(archived)
        assert step is not None
        workspace = Workspace(Objects(store.format, store.limits, store.get))
        position = position_of(workspace, step)
        parts: dict[str, Any] = {name: dict(getattr(position, name)) for name in ("core", "inbox", "outbox")}
        forge(workspace, parts)
        inbox, outbox = (workspace.put(Mailbox(MappingProxyType(parts[name]))) for name in ("inbox", "outbox"))
        core = workspace.put(Tree(parts["core"]))
        forged = workspace.put(Step(position.step.previous, chat.session, inbox, outbox, core))
        workspace.keep(store)
        store.update_references([Change(archived, step, forged)])
        chat.export(path)
    return chat.session


def granting(manifest: Manifest) -> Forge:
    def forge(workspace: Workspace, parts: dict[str, Any]) -> None:
        parts["core"]["wasm"] = workspace.put(Tree({"manifest": workspace.put(manifest_blob(manifest))}))

    return forge


def with_peer(workspace: Workspace, parts: dict[str, Any]) -> None:
    manifest, peer = workspace.put(manifest_blob(SESSION_GRANTS)), workspace.put(Tree({"wit": parts["core"]["wit"]}))
    peers = workspace.put(Tree({"it": peer}))
    parts["core"]["wasm"] = workspace.put(Tree({"manifest": manifest, "peers": peers}))


def with_birth(workspace: Workspace, parts: dict[str, Any]) -> None:
    other = workspace.put(Tree({"wit": parts["core"]["wit"]}))
    parts["outbox"][other] = workspace.put(Message(None, MappingProxyType({"mt": "genesis"}), other))


def with_sender(workspace: Workspace, parts: dict[str, Any]) -> None:
    other = workspace.put(Tree({"wit": parts["core"]["wit"]}))
    parts["inbox"][other] = workspace.put(Message(None, MappingProxyType({}), workspace.put(Blob({}, b""))))


MORE: dict[str, tuple[Forge, str]] = {
    "fuel": (granting(replace(SESSION_GRANTS, fuel=2**63 - 1)), "fuel 9223372036854775807, this store grants at most"),
    "pages": (granting(replace(SESSION_GRANTS, pages=65_536)), "pages 65536"),
    "send": (granting(replace(SESSION_GRANTS, send="any")), "send 'any', this store grants 'reply'"),
    "spawn": (granting(replace(SESSION_GRANTS, spawn="wasm")), "spawn 'wasm', this store grants 'nothing'"),
    "update": (granting(replace(SESSION_GRANTS, update="any")), "update 'any'"),
    **{
        name: (granting(replace(SESSION_GRANTS, **{name: True})), f"'{name}', this store does not")  # type: ignore[arg-type]
        for name in ("attempt", "code", "query", "raw")
    },
    "peer": (with_peer, "may send to another actor"),
    "sender": (with_sender, "may send to another actor"),
    "birth": (with_birth, "has sent mail to another actor"),
}


@pytest.mark.parametrize("name", MORE)
def test_code_that_grants_itself_more_is_not_loaded(tmp_path: Path, name: str) -> None:
    forge, text = MORE[name]
    forged_file(tmp_path / "chat.grit", forge)
    store = new_store()
    with Sessions(store) as sessions:
        with pytest.raises(Rejected, match=text) as refused:
            sessions.load(tmp_path / "chat.grit")
        assert refused.value.code == "grants"
        assert sessions.archived() == []


def test_mail_to_others_is_refused_without_a_module(tmp_path: Path) -> None:
    forged_file(tmp_path / "chat.grit", with_birth, guest=b"")
    with Sessions(new_store()) as sessions, pytest.raises(Rejected, match="has sent mail to another actor"):
        sessions.load(tmp_path / "chat.grit")


def test_invalid_manifest_is_not_loaded(tmp_path: Path) -> None:
    def forge(workspace: Workspace, parts: dict[str, Any]) -> None:
        parts["core"]["wasm"] = workspace.put(Tree({"manifest": workspace.put(Blob({}, b"x"))}))

    forged_file(tmp_path / "chat.grit", forge)
    with Sessions(new_store()) as sessions, pytest.raises(Rejected):
        sessions.load(tmp_path / "chat.grit")


def test_grants_inside_the_session_are_its_own(tmp_path: Path) -> None:
    mounts = MappingProxyType({"data": "rw"})
    own = replace(SESSION_GRANTS, fuel=1, image=True, random=bytes(32), clock=GuestClock(0, 1), tank=5, mounts=mounts)
    session = forged_file(tmp_path / "chat.grit", granting(own))
    with Sessions(new_store()) as sessions:
        assert sessions.load(tmp_path / "chat.grit").session == session


def test_caller_grants_more(tmp_path: Path) -> None:
    more = replace(SESSION_GRANTS, fuel=SESSION_GRANTS.fuel + 1)
    session = forged_file(tmp_path / "chat.grit", granting(more))
    with Sessions(new_store()) as sessions:
        chat = sessions.load(tmp_path / "chat.grit", grants=more)
        chat.restore()
        assert (chat.session, chat.run("r", model=scripted("b"))) == (session, "b")


def test_command_refuses_with_one_line_and_leaves_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, folder = str(tmp_path / "chat.grit"), tmp_path / "new"
    forged_file(tmp_path / "chat.grit", granting(replace(SESSION_GRANTS, fuel=2**63 - 1)))
    assert main(["load", str(folder), file]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "grants itself fuel 9223372036854775807, this store grants at most 10000000000" in line
    assert not folder.exists()
    assert main(["load", str(folder), file, "--fuel", str(2**63 - 1)]) == 0
