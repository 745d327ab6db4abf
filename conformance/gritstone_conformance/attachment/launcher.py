"""How an implementation is attached, as one value: the command or address, and the settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from gritstone_conformance.attachment.connection import Address
from gritstone_conformance.attachment.process import Command
from gritstone_conformance.attachment.settings import AttachSettings
from gritstone_conformance.attachment.subject import Subject

__all__ = ["Launcher"]


@dataclass(frozen=True, slots=True)
class Launcher:
    """A command or an address, and the settings.

    Attributes:
        opener: the command to start or the address to connect to.
        settings: seed, deadlines, memory limit, spec version and trace.
    """

    opener: Command | Address
    settings: AttachSettings = field(default_factory=AttachSettings)

    @classmethod
    def for_command(cls, command: str | Sequence[str], settings: AttachSettings | None = None) -> Launcher:
        """Attach by starting a command, which is a shell-like string or a list of words; raises UsageError."""
        return cls(Command.parse(command), settings or AttachSettings())

    @classmethod
    def for_address(cls, address: str, settings: AttachSettings | None = None) -> Launcher:
        """Attach by connecting to ``unix:PATH`` or ``tcp:HOST:PORT``; raises UsageError."""
        return cls(Address.parse(address), settings or AttachSettings())

    def start(self) -> Subject:
        """Start or connect, and send hello.

        Raises:
            UsageError: the command cannot be started, or nothing listens at the address.
            SubjectFault: hello failed twice.
        """
        return Subject(self.opener, self.settings)
