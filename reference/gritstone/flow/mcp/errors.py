"""The failures of tools of a server.

A flow sees the class of an error, and whether the call may be repeated. The message is for people: it is in the
exception only, and no flow reads it.
"""

from __future__ import annotations

from typing import ClassVar

from gritstone.errors import GritstoneError
from gritstone.flow.calls import ToolError

__all__ = ["BadResult", "CallRejected", "Disconnected", "McpFailed", "NotOffered", "TimedOut", "ToolFailed"]

_MOST_CHARACTERS = 4_096


class NotOffered(GritstoneError):  # noqa: N818 - the name states what is wrong
    """The tools of a server cannot be used as requested: a name is absent, or is not a name of a tool of a flow."""


class McpFailed(ToolError):  # noqa: N818 - as the names of its subclasses
    """A call of a tool of a server has failed. The text is what the server reported, cut after 4,096 characters.

    Attributes:
        name: the class of the error in the flow.
        is_transient: whether the flow may call again.
    """

    name: ClassVar[str]
    is_transient: ClassVar[bool] = False

    def __init__(self, text: str) -> None:
        super().__init__(self.name, text[:_MOST_CHARACTERS], retry=self.is_transient)


class ToolFailed(McpFailed):
    """The tool reported an error."""

    name = "tool_failed"


class CallRejected(McpFailed):
    """The server, or this module, rejected the call: an unknown tool, an invalid argument, or a ref."""

    name = "call_rejected"


class BadResult(McpFailed):
    """The result is not a value of a flow, or is too large."""

    name = "bad_result"


class TimedOut(McpFailed):
    """The server did not answer in time. The tool may have run."""

    name = "timed_out"
    is_transient = True


class Disconnected(McpFailed):
    """There is no connection to the server. The tool may have run."""

    name = "disconnected"
    is_transient = True
