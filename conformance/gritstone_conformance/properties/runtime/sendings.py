"""Sendings: a message that is sent again is delivered again, unless it is the cursor of its channel."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.runtime.choosing import CHOSEN, born, choose_of
from gritstone_conformance.properties.runtime.double import Double
from gritstone_conformance.properties.wit.registry import in_each_format
from gritstone_conformance.strategies import programs
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_SCRIPTS: Final = ("E.F.E.", "E.FE.F.", "E.-E.F.", "E.-F.-E.", "EFE.F.E.", "EF-E.")
"""``E`` and ``F`` signal, ``-`` withdraws, and ``.`` reads what is unread."""


def _programs(double: Double, to: bytes, contents: tuple[bytes, bytes], mt: str = "") -> dict[str, bytes]:
    """Return what a sender is sent for each letter of a script."""
    stage = double.stage
    return {
        "E": stage.program(programs.send(0, 1, mt, b"s"), to, contents[0]),
        "F": stage.program(programs.send(0, 1, mt, b"s"), to, contents[1]),
        "-": stage.program(programs.release(0), to),
    }


def to_actor(trial: Trial, fmt: Format) -> None:
    """A signal that was superseded or withdrawn and is sent again is covered, unless it is the cursor."""
    double = Double(trial, fmt, CHOSEN)
    stage = double.stage
    logs = stage.program(programs.append("log", b"e")), stage.program(programs.append("log", b"f"))
    for number, script in enumerate(_SCRIPTS):
        sender, reader = born(double, b"sender %d" % number), born(double, b"reader %d" % number)
        tells = _programs(double, reader, logs)
        for letter in script:
            if letter in tells:
                double.inject(sender, tells[letter])
                choose_of(double, sender, sender)
            elif double.model.mailroom.unread(sender, reader).ids:
                double.ready(rule="runtime.route.superseded")
                choose_of(double, reader, sender, rule="runtime.route.superseded")
            else:
                double.ready(rule="wit.channel.cursor")
        double.query(reader, "get", b"log", rule="runtime.route.superseded")
    double.export(rule="runtime.route.in-order")


def to_outside(trial: Trial, fmt: Format) -> None:
    """A signal to the outside that is sent again after another was acknowledged is listed again."""
    double = Double(trial, fmt)
    contents = double.stage.blob(b"e"), double.stage.blob(b"f")
    for number, script in enumerate(_SCRIPTS):
        sender = double.born(b"sender %d" % number)
        tells = _programs(double, double.agent, contents)
        for letter in script:
            if letter in tells:
                double.tell(sender, tells[letter])
            is_unread = double.model.mailroom.unread(sender, double.agent).ids
            listed = double.mail(rule="runtime.agent.mail" if is_unread else "wit.channel.cursor")
            if letter == "." and listed:
                double.ack(*listed[-1], rule="runtime.agent.mail")
        double.restart()
        double.mail(rule="runtime.agent.mail")
    double.export(rule="runtime.agent.changes")


def effects(trial: Trial, fmt: Format) -> None:
    """An effect that is sent again after another was answered is open again."""
    rule = "runtime.effect.open"
    double = Double(trial, fmt)
    contents = double.stage.blob(b"e"), double.stage.blob(b"f")
    for number, script in enumerate(_SCRIPTS):
        sender = double.born(b"sender %d" % number)
        tells = _programs(double, double.agent, contents, "effect.x")
        for letter in script:
            if letter in tells:
                double.tell(sender, tells[letter])
            names = double.effects(rule=rule)
            if letter == "." and names:
                double.resolve(names[-1], "ok", b"answer", rule="runtime.effect.linked")
                double.run()
                double.effects(rule=rule)
    double.export(rule="runtime.effect.linked")


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
        "runtime/sending/effects",
        effects,
        *("runtime.effect.open", "runtime.effect.linked"),
        features=("external", "effects"),
    ),
)
