"""The guest of sessions as a module: its file, its vectors, and its steps on the model's machine."""

from __future__ import annotations

import hashlib

import pytest

from gritstone_conformance.bundled import vectors_dir
from gritstone_conformance.model.formats import CBOR_BLAKE3, FRAMED_SHA256
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.wasm import calls
from gritstone_conformance.model.wasm.running import Guest, Left, run_guest
from gritstone_conformance.model.wasm.sessions import SESSION_GUEST
from gritstone_conformance.model.wasm.stand_in import stand_in
from gritstone_conformance.properties.wasm.session_module import FILES_OF_HOSTS, chosen_cases
from gritstone_conformance.strategies.session_guest import session_guest, session_guest_dir
from selftests.vectors import session_guest_cases
from selftests.vectors.session_guest_cases import SCRIPTS, GuestRecorder, session_guest_file, window

MOST_UNITS_OF_A_TURN = 3_000_000
PREPARE_UNITS = 550_000  # as the chapter on sessions states
COMMIT_UNITS = 740_000


class Measured(GuestRecorder):
    """A recorder that notes the units of each step."""

    def __post_init__(self) -> None:
        self.spent: list[int] = []
        super().__post_init__()

    def read(self, tip: bytes) -> None:
        before = 0 if self.head is None else self.used()
        super().read(tip)
        self.spent.append(self.used() - before)


@pytest.fixture
def queries(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note the units of each query."""
    spent: list[int] = []

    def noted(shelf: Shelf, guest: Guest) -> Left:
        left = run_guest(shelf, guest)
        spent.extend([left.spent] if guest.query is not None else [])
        return left

    monkeypatch.setattr(calls, "run_guest", noted)
    return spent


def test_digest_names_the_module() -> None:
    digest = hashlib.sha256(session_guest()).hexdigest()
    assert (session_guest_dir() / "DIGEST").read_text() == f"{digest}  session.wasm\n"
    assert digest == SESSION_GUEST.hex()


def test_file_of_vectors_is_current() -> None:
    file = session_guest_file()
    assert (vectors_dir() / file.path).read_text(encoding="utf-8") == file.to_text()


@pytest.mark.parametrize("slug", SCRIPTS)
def test_module_makes_the_steps_of_the_model(slug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    script, entries = SCRIPTS[slug]
    manifest = {"v": 1, "fuel": 1_000_000_000, "send": "reply"}  # keeps no state, so that the model can stand in
    monkeypatch.setattr(session_guest_cases, "_MANIFEST", manifest)
    heads = []
    for stands_in in (stand_in, lambda *_: None):
        monkeypatch.setattr(calls, "stand_in", stands_in)
        scene = GuestRecorder(CBOR_BLAKE3, entries)
        script(scene)
        heads.append((scene.head, [step.expect for step in scene.steps]))
    assert heads[0] == heads[1]


def test_turn_costs_what_the_chapter_states(queries: list[int]) -> None:
    scene = Measured(FRAMED_SHA256)
    window(scene)
    commits, prepared = scene.spent[1:], queries[:-1]
    assert len(commits) == len(prepared) == 16
    assert max(prepared) <= PREPARE_UNITS
    assert max(commits) <= COMMIT_UNITS
    assert PREPARE_UNITS + COMMIT_UNITS <= MOST_UNITS_OF_A_TURN


def test_gate_runs_each_set_of_rules() -> None:
    for path in (vectors_dir() / "session").glob("*.json"):
        chosen, others = chosen_cases(path.stem, FRAMED_SHA256)
        assert {case.rules for case in others} <= {case.rules for case in chosen}
        assert bool(chosen) == (path.stem not in FILES_OF_HOSTS), path
