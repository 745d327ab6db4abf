"""Scripts of runs of flows: they send messages, each in a step of its own, and queries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from gritstone_conformance.properties.flow.scene import FlowScene
from gritstone_conformance.strategies.flow_runs import call, end
from selftests.vectors.flow_runs import started

__all__ = [
    "DONE",
    "LOST",
    "OUT",
    "Script",
    "all_of",
    "asked",
    "calling",
    "control",
    "error",
    "fire",
    "nothing",
    "ok",
    "replayed",
    "said",
]

Script = Callable[[FlowScene, str], object]

OUT: Final = end(output="$out.a")
DONE: Final = ("settled", "entered", "ended")
LOST: Final = ("settled", "failed", "ended")


def calling(then: Script, nodes: dict[str, Any] | None = None, **options: Any) -> Script:
    """Return the script that starts a flow, by default one with a call, and does more."""

    def script(scene: FlowScene, rule: str) -> None:
        started(scene, rule, {"a": call(), "e": OUT} if nodes is None else nodes, **options)
        then(scene, rule)

    return script


def ok(value: Any = "v", **options: Any) -> Script:
    return lambda scene, rule: scene.ok(value, rule=rule, **options)


def error(*, retry: bool = True) -> Script:
    return lambda scene, rule: scene.error(retry=retry, rule=rule)


def fire(scene: FlowScene, rule: str) -> None:
    scene.fire(rule=rule)


def all_of(*scripts: Script) -> Script:
    def script(scene: FlowScene, rule: str) -> None:
        for each in scripts:
            each(scene, rule)

    return script


def said(mt: str, content: Callable[[FlowScene], bytes], sender: str = "edge") -> Script:
    """Return the script that sends a message of a peer."""
    return lambda scene, rule: scene.send(mt, content(scene), sender, rule=rule)


def control(name: str, **more: Any) -> Script:
    return lambda scene, rule: scene.control(name, rule=rule, **more)


def nothing(scene: FlowScene, rule: str) -> None:
    """Send nothing more."""


def asked(*names: str) -> Script:
    def script(scene: FlowScene, rule: str) -> None:
        for name in names:
            scene.query(name, rule)

    return script


def replayed(scene: FlowScene, rule: str) -> None:
    scene.replay(rule)
