"""Lists of profiles, features and chapters on operations: each has all of them, so none becomes outdated."""

from __future__ import annotations

import re

import pytest

from gritstone_conformance.attachment.claims import FEATURES, PROFILES
from selftests.paths import CHECKOUT

SPEC = CHECKOUT / "spec"
HEADING = re.compile(r"(?m)^(\S.*)\n(?:-{4,}|={4,})\n")


def section(name: str, heading: str) -> str:
    """Return the section of a chapter below a heading."""
    parts = HEADING.split((SPEC / name).read_text(encoding="utf-8"))
    return parts[parts.index(heading) + 1]


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize(
    ("name", "heading", "form"),
    [
        ("index.rst", "Specification", r"\* - :doc:`{}/index`"),
        ("index.rst", "Specification", r"(?m)^   {}/index$"),
        ("introduction.rst", "Where to continue", r":ref:`{}[`-]"),
    ],
)
def test_list_of_profiles_is_complete(name: str, heading: str, form: str, profile: str) -> None:
    assert re.search(form.format(profile), section(name, heading))


def test_diagram_of_profiles_is_that_of_the_suite() -> None:
    text = section("conventions.rst", "Profiles, features, formats, limits")
    rows = re.findall(r"(?m)^   (.*<-.*)$", text)
    columns: dict[int, str] = {}
    found: dict[str, tuple[str, ...]] = {}
    for row in rows:
        for place in re.finditer(r"[a-z]+", row):
            left = [column for column in columns if column < place.start()]
            found[place[0]] = (columns[max(left)],) if left else ()
            columns = {column: name for column, name in columns.items() if column < place.start()}
            columns[place.start()] = place[0]
    alone = re.findall(r"The profile ``(\w+)`` \(:ref:`\w+`\) needs none of these\.", text)
    assert found | dict.fromkeys(alone, ()) == PROFILES


@pytest.mark.parametrize("profile", [name for name in PROFILES if name != "grit"])
def test_each_profile_has_a_chapter_on_its_operations(profile: str) -> None:
    assert f"\n   operations-{profile}\n" in (SPEC / "harness" / "index.rst").read_text(encoding="utf-8")
    assert f"``{profile}." in (SPEC / "harness" / f"operations-{profile}.rst").read_text(encoding="utf-8")


def test_tables_of_features_are_complete() -> None:
    listed = set(re.findall(r"(?m)^   \* - ``([a-z.]+)``", section("harness/hello.rst", "Features")))
    assert listed == {name for name in FEATURES if not name.startswith("sandbox.")}
    sandbox = (SPEC / "sandbox" / "index.rst").read_text(encoding="utf-8")
    assert [name for name in FEATURES if name.startswith("sandbox.") and f"``{name}``" not in sandbox] == []


@pytest.mark.parametrize("folder", sorted(path.name for path in (CHECKOUT / "vectors").iterdir() if path.is_dir()))
def test_readme_of_vectors_explains_each_folder(folder: str) -> None:
    assert f"| `{folder}/` |" in (CHECKOUT / "vectors" / "README.md").read_text(encoding="utf-8")
