"""Processes of a host in another environment, and hosts that are busy, for what must not depend on them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from gritstone_conformance.attachment.conditions import CONDITIONS, Missing
from gritstone_conformance.attachment.process import Command
from gritstone_conformance.attachment.subject import Subject
from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.model.values import to_base64
from gritstone_conformance.properties.harness.probe import process_of
from gritstone_conformance.properties.sandbox.scene import SandboxScene, limits
from gritstone_conformance.replies import Json
from gritstone_conformance.strategies.sandbox_states import endless
from gritstone_conformance.trial import SubjectLike

__all__ = ["busy", "elsewhere"]

_CHANGED: Final = ("another hash seed", "LC_ALL=tr_TR.UTF-8", "TZ=Asia/Kathmandu", "64 KiB more environment")
_PLACE: Final = "another working directory"
_BUSY_S: Final = 30.0


@contextmanager
def elsewhere(scene: SandboxScene) -> Iterator[SubjectLike]:
    """Start a process of the host with another environment and, if it starts there, in another working directory."""
    here = process_of(scene.trial.subject)
    assert isinstance(here.opener, Command)  # a host that is attached at a socket cannot be started
    command, place = here.opener, Path(scene.trial.directory())
    changes = {condition.name: condition.made for condition in CONDITIONS}
    for name in _CHANGED:
        made = changes[name](command, place)
        command = command if isinstance(made, Missing) else made
    moved = changes[_PLACE](command, place)
    assert isinstance(moved, Command)
    settings = replace(here.settings, trace=None)
    try:
        process = Subject(moved, settings)
    except SubjectFault:
        scene.trial.remark = "it does not start in another working directory"
        process = Subject(command, settings)
    try:
        yield process
    finally:
        process.close()


@contextmanager
def busy(scene: SandboxScene) -> Iterator[None]:
    """Keep another process of the host at work within this context."""
    process, is_over = scene.trial.spawn(), threading.Event()
    module = to_base64(endless("calls")(scene.abi))
    within = limits(fuel=10_000_000, ms=100)
    args: dict[str, Json] = {"module": module, "limits": within, "grants": {}, "keep": False}

    def work() -> None:
        while not is_over.is_set():
            try:
                process.ask("sandbox.run", args)
            except SubjectFault:  # the other properties judge this
                return

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    try:
        yield
    finally:
        is_over.set()
        worker.join(_BUSY_S)
