"""How an implementation is attached, as one value: what to start or connect to, and the terms it is held to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from gritstone_conformance.attachment.connection import Address
from gritstone_conformance.attachment.process import Command
from gritstone_conformance.attachment.subject import Subject
from gritstone_conformance.attachment.terms import Terms

__all__ = ["Launcher"]


@dataclass(frozen=True, slots=True)
class Launcher:
    """A command or an address, and the terms.

    Attributes:
        opener: what is started or connected to.
        terms: seed, deadlines, memory, spec version, trace.
    """

    opener: Command | Address
    terms: Terms = field(default_factory=Terms)

    @classmethod
    def for_command(cls, command: str | Sequence[str], terms: Terms | None = None) -> Launcher:
        """Attach by starting a command, given as a shell-like string or as words; raises UsageError."""
        return cls(Command.parse(command), terms or Terms())

    @classmethod
    def for_address(cls, address: str, terms: Terms | None = None) -> Launcher:
        """Attach by connecting to ``unix:PATH`` or ``tcp:HOST:PORT``; raises UsageError."""
        return cls(Address.parse(address), terms or Terms())

    def start(self) -> Subject:
        """Start or connect, and say hello.

        Raises:
            UsageError: the command cannot be started, or nothing listens at the address.
            SubjectFault: hello failed, twice.
        """
        return Subject(self.opener, self.terms)
