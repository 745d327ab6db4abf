"""Sendings: a message that is sent again is delivered again, unless it is the cursor of its channel."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.runtime.choosing import CHOSEN, born, choose_of
from gritstone_conformance.properties.runtime.lockstep import LockstepModel
from gritstone_conformance.properties.wit.registry import in_each_format
from gritstone_conformance.strategies import programs
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_SCRIPTS: Final = ("E.F.E.", "E.FE.F.", "E.-E.F.", "E.-F.-E.", "EFE.F.E.", "EF-E.")
"""``E`` and ``F`` signal, ``-`` withdraws, and ``.`` reads what is unread."""


def _programs(lockstep: LockstepModel, to: bytes, contents: tuple[bytes, bytes], mt: str = "") -> dict[str, bytes]:
    """Return what a sender is sent for each letter of a script."""
    stage = lockstep.stage
    return {
        "E": stage.program(programs.send(0, 1, mt, b"s"), to, contents[0]),
        "F": stage.program(programs.send(0, 1, mt, b"s"), to, contents[1]),
        "-": stage.program(programs.release(0), to),
    }


def to_actor(trial: Trial, fmt: Format) -> None:
    """A signal that was superseded or withdrawn and is sent again is covered, unless it is the cursor."""
    lockstep = LockstepModel(trial, fmt, CHOSEN)
    stage = lockstep.stage
    logs = stage.program(programs.append("log", b"e")), stage.program(programs.append("log", b"f"))
    for number, script in enumerate(_SCRIPTS):
        sender, reader = born(lockstep, b"sender %d" % number), born(lockstep, b"reader %d" % number)
        by_letter = _programs(lockstep, reader, logs)
        for letter in script:
            if letter in by_letter:
                lockstep.inject(sender, by_letter[letter])
                choose_of(lockstep, sender, sender)
            elif lockstep.model.mailroom.unread(sender, reader).ids:
                lockstep.ready(rule="runtime.route.superseded")
                choose_of(lockstep, reader, sender, rule="runtime.route.superseded")
            else:
                lockstep.ready(rule="wit.channel.cursor")
        lockstep.query(reader, "get", b"log", rule="runtime.route.superseded")
    lockstep.export(rule="runtime.route.in-order")


def to_outside(trial: Trial, fmt: Format) -> None:
    """A signal to the outside that is sent again after another was acknowledged is listed again."""
    lockstep = LockstepModel(trial, fmt)
    contents = lockstep.stage.blob(b"e"), lockstep.stage.blob(b"f")
    for number, script in enumerate(_SCRIPTS):
        sender = lockstep.born(b"sender %d" % number)
        by_letter = _programs(lockstep, lockstep.agent, contents)
        for letter in script:
            if letter in by_letter:
                lockstep.tell(sender, by_letter[letter])
            is_unread = lockstep.model.mailroom.unread(sender, lockstep.agent).ids
            listed = lockstep.mail(rule="runtime.agent.mail" if is_unread else "wit.channel.cursor")
            if letter == "." and listed:
                lockstep.ack(*listed[-1], rule="runtime.agent.mail")
        lockstep.restart()
        lockstep.mail(rule="runtime.agent.mail")
    lockstep.export(rule="runtime.agent.changes")


def effects(trial: Trial, fmt: Format) -> None:
    """An effect that is sent again after another was answered is open again."""
    rule = "runtime.effect.open"
    lockstep = LockstepModel(trial, fmt)
    contents = lockstep.stage.blob(b"e"), lockstep.stage.blob(b"f")
    for number, script in enumerate(_SCRIPTS):
        sender = lockstep.born(b"sender %d" % number)
        by_letter = _programs(lockstep, lockstep.agent, contents, "effect.x")
        for letter in script:
            if letter in by_letter:
                lockstep.tell(sender, by_letter[letter])
            names = lockstep.effects(rule=rule)
            if letter == "." and names:
                lockstep.resolve(names[-1], "ok", b"answer", rule="runtime.effect.linked")
                lockstep.run()
                lockstep.effects(rule=rule)
    lockstep.export(rule="runtime.effect.linked")


def acknowledged_effects(trial: Trial, fmt: Format) -> None:
    """An effect that was answered before an older one, and then acknowledged, is open when it is sent again."""
    rule = "runtime.effect.open"
    lockstep = LockstepModel(trial, fmt)
    stage = lockstep.stage
    sender = lockstep.born(b"sender")
    first, second, other = (
        stage.program(programs.send(0, 1, "effect.x", mode), lockstep.agent, stage.blob(content))
        for mode, content in ((b"s", b"1"), (b"q", b"2"), (b"s", b"3"))
    )
    lockstep.tell(sender, first)
    lockstep.tell(sender, second)
    lockstep.resolve(lockstep.effects(rule=rule)[1], "ok", b"answer", rule="runtime.effect.linked")
    lockstep.run()
    lockstep.ack(*lockstep.mail()[-1])
    lockstep.tell(sender, other)
    lockstep.ack(*lockstep.mail()[-1])
    lockstep.tell(sender, first)
    lockstep.tell(sender, second)
    lockstep.effects(rule=rule)
    lockstep.export(rule=rule)


PROPERTIES: Final = (
    *in_each_format(
        "runtime/sending/actor",
        to_actor,
        *("runtime.route.superseded", "runtime.route.in-order", "wit.channel.cursor"),
        features=("external", "schedule", "clock"),
    ),
    *in_each_format(
        "runtime/sending/outside", to_outside, "runtime.agent.mail", "wit.channel.cursor", "runtime.agent.changes"
    ),
    *in_each_format(
        "runtime/sending/acknowledged-effects",
        acknowledged_effects,
        "runtime.effect.open",
        features=("external", "effects"),
    ),
    *in_each_format(
        "runtime/sending/effects",
        effects,
        *("runtime.effect.open", "runtime.effect.linked"),
        features=("external", "effects"),
    ),
)
