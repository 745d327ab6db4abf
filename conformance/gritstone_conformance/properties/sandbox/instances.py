"""Instances: what a call finds, and what it does not find."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.properties.sandbox.scene import SandboxScene, of_sandboxes
from gritstone_conformance.strategies.sandbox_probes import counter, predict

__all__ = ["PROPERTIES"]


def apart(scene: SandboxScene) -> None:
    """Interleaved instances count as if each were the only one."""
    expected = predict(counter, 4)
    reports = [scene.judge(scene.run(counter, keep=True), expected[0], "sandbox.run.fresh") for _ in range(3)]
    for at, calls in ((0, 1), (0, 2), (2, 1), (1, 1), (0, 3), (2, 2)):
        instance = reports[at].instance
        assert instance is not None
        scene.judge(scene.again(instance), expected[calls])


PROPERTIES: Final = (
    of_sandboxes("sandbox/keep/apart", apart, "sandbox.run.apart", "sandbox.run.fresh", features=("keep",)),
)
