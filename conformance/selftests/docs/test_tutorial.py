"""Each recorded session of the documentation has the same output when it runs again."""

from __future__ import annotations

import importlib.util
import re
import shutil
from pathlib import Path

import pytest

from selftests.docs.sessions import EXAMPLES, SESSIONS, Turn, fold, play_session, read_session, with_digest
from selftests.paths import CHECKOUT

NAMES = sorted(path.stem for path in SESSIONS.glob("*.txt"))
PAGES = sorted((CHECKOUT / "docs").glob("*.rst"))
WHOLE_GATES = ("verify", "verify-runtime")
"""Sessions that run the gate of a whole profile; they run nightly, because the same cases run in ``tox -e conform``."""


def lines(turn: Turn) -> list[str]:
    return fold(f"$ {turn.command}\n{turn.output}").splitlines()


def has_node() -> bool:
    return (
        shutil.which("node") is not None and (CHECKOUT / "conformance/implementations/javascript/node_modules").is_dir()
    )


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.nightly] if name in WHOLE_GATES else []) for name in NAMES]
)
def test_session_matches_its_recording(name: str, tmp_path: Path) -> None:
    recorded = read_session(SESSIONS / f"{name}.txt")
    if any("node " in turn.command for turn in recorded) and not has_node():
        pytest.skip("needs Node.js and the JavaScript implementation's packages")
    if any("ziglang" in turn.command for turn in recorded) and importlib.util.find_spec("ziglang") is None:
        pytest.skip("needs the package ziglang")
    seen = list(play_session(recorded, tmp_path))
    assert [lines(turn) for turn in seen] == [lines(turn) for turn in recorded]


def test_each_session_is_shown_on_a_page() -> None:
    shown = {name for page in PAGES for name in re.findall(r"examples/sessions/([a-z0-9-]+)\.txt", page.read_text())}
    assert shown == set(NAMES)


def test_each_example_adapter_is_used_in_a_session() -> None:
    words = {word for name in NAMES for turn in read_session(SESSIONS / f"{name}.txt") for word in turn.command.split()}
    adapters = {path.name for path in EXAMPLES.glob("adapter*")}
    assert adapters <= {word.strip("\"'") for word in words}


@pytest.mark.parametrize(
    "name", ["adapter.py", "adapter_wit.py", "adapter_runtime.py", "adapter_pure.py", "adapter_flow.py"]
)
def test_final_adapters_are_short(name: str) -> None:
    assert len((EXAMPLES / name).read_text().splitlines()) < 200


def test_readme_shows_recorded_runs() -> None:
    recorded = {line for name in NAMES for turn in read_session(SESSIONS / f"{name}.txt") for line in lines(turn)}
    blocks = re.findall(r"^```text\n(.*?)^```", (CHECKOUT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    assert [line for block in blocks for line in fold(block).splitlines() if line not in recorded] == []
    assert [block.startswith("FAIL ") for block in blocks] == [False, True]


@pytest.mark.parametrize("path", [CHECKOUT / "README.md", *sorted(SESSIONS.glob("*.txt"))], ids=lambda path: path.stem)
def test_shown_digest_is_that_of_the_vectors(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text == with_digest(text), "run `python conformance/selftests/docs/sessions.py --digest`"


def test_readme_is_short() -> None:
    assert len((CHECKOUT / "README.md").read_text().splitlines()) <= 100
