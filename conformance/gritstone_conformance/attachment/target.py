"""The command-line options that name an implementation and set how it is attached.

A command is split as a shell splits it, and is run without a shell.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from gritstone_conformance.attachment.connection import Address
from gritstone_conformance.attachment.process import Command
from gritstone_conformance.attachment.settings import AttachSettings
from gritstone_conformance.errors import UsageError

__all__ = ["Target", "attach_settings_of"]


@dataclass(frozen=True, slots=True)
class Target:
    """The implementation to verify.

    Attributes:
        attach: ``stdio``, ``unix:PATH`` or ``tcp:HOST:PORT``.
        command: the command line; empty for a socket.
    """

    attach: str
    command: tuple[str, ...] = ()

    @classmethod
    def parse(cls, iut: str | None, connect: str | None) -> Target:
        """Build from ``--iut`` or ``--connect``; raises UsageError unless exactly one is given and well formed."""
        if (iut is None) == (connect is None):
            raise UsageError("give exactly one of --iut COMMAND and --connect ADDRESS")
        if iut is not None:
            return cls("stdio", Command.parse(iut).argv)
        return cls(str(Address.parse(connect or "")))

    def opener(self) -> Command | Address:
        """Return the object that starts the command or opens the connection."""
        return Command(self.command) if self.attach == "stdio" else Address.parse(self.attach)


def attach_settings_of(options: argparse.Namespace, seed: int = 1) -> AttachSettings:
    """Return the settings from ``--deadline-scale``, ``--no-deadline``, ``--max-rss``, ``--trace`` and ``--blind``.

    Raises:
        UsageError: the trace file cannot be written.
    """
    if options.trace is not None:
        try:
            options.trace.open("ab").close()
        except OSError as problem:
            raise UsageError(f"{options.trace}: {problem.strerror or problem}") from problem
    return AttachSettings(
        seed=seed,
        deadline_scale=None if options.no_deadline else options.deadline_scale,
        max_rss_bytes=options.max_rss,
        trace=options.trace,
        blind=getattr(options, "blind", False),
    )
