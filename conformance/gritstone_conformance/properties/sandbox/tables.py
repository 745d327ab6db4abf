"""Table modules: a host runs them as WebAssembly defines, with all their state, or refuses them."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.properties.sandbox.scene import SandboxScene, limits, of_sandboxes
from gritstone_conformance.strategies.sandbox_probes import Build, Prediction, every_word, predict
from gritstone_conformance.strategies.sandbox_tables import (
    CHANGES,
    changing_tables,
    dropping,
    growing_table,
    predict_tables,
)

__all__ = ["PROPERTIES"]

_UNRESOLVED: Final = tuple(f"unresolved:{what}" for what in ("module", "import", "export", "limit"))
_REFUSED: Final = "the host refuses table modules"
_ELEMENTS: Final = 10  # of the tables of a probe, together
_MOST: Final = 40  # elements
_FAILED: Final = 0xFFFF_FFFF  # what `table.grow` returns


def _runs(scene: SandboxScene, build: Build, expected: Prediction) -> str | None:
    """Run a table module; return its handle, which is empty without ``sandbox.keep``, or None if it is refused."""
    report = scene.running(build, expected, keep=scene.claims("keep"), or_ends=_UNRESOLVED)
    if report.kind != "unresolved":
        return report.instance or ""
    scene.trial.remark = _REFUSED
    return None


def _copied(scene: SandboxScene, instance: str) -> str:
    """Return a copy of an instance, through bytes if the host has exports."""
    snapshot = scene.snapshot(instance)
    if scene.claims("export"):
        snapshot = scene.import_(scene.export(snapshot))
    return scene.resume(snapshot)


def changing(scene: SandboxScene) -> None:
    """Elements, sizes and references are those that WebAssembly defines, in each call and in each copy."""
    expected = predict_tables(CHANGES + 2)
    instance = _runs(scene, changing_tables, expected[0])
    for each in expected[1:] if instance else ():
        if scene.claims("snapshot"):
            copy = _copied(scene, str(instance))
            scene.calling(copy, each)
            scene.close(copy)
        scene.calling(instance, each)
    word = every_word(1)
    scene.running(word, predict(word)[0])


def dropped(scene: SandboxScene) -> None:
    """A segment that was dropped is empty in each later call and in each copy."""
    for kind, trap in (("elements", "table-bounds"), ("data", "memory-bounds")):
        instance = _runs(scene, dropping(kind), Prediction("done", (21,)))
        if not instance:
            continue
        if scene.claims("snapshot"):
            scene.calling(_copied(scene, instance), Prediction(f"failed:trap:{trap}"))
        scene.calling(instance, Prediction(f"failed:trap:{trap}"))


def bounded(scene: SandboxScene) -> None:
    """Tables that grow stay within the limit, together."""
    within, ended = limits(table=_MOST), (*_UNRESOLVED, "exhausted:table", "failed")
    rest = _MOST - _ELEMENTS
    scene.running(growing_table(rest), Prediction("done", (6, 6 + rest)), within, or_ends=ended)
    scene.running(growing_table(rest + 1), Prediction("done", (_FAILED, 6)), within, or_ends=ended)


_MODULES: Final = "sandbox.module.table"

PROPERTIES: Final = (
    of_sandboxes("sandbox/module/tables", changing, _MODULES),
    of_sandboxes("sandbox/module/dropped-segments", dropped, _MODULES),
    of_sandboxes("sandbox/table/grown", bounded, "sandbox.table.bound", features=("table",)),
)
