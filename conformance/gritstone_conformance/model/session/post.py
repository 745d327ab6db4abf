"""What a session sends: every message goes to its host, behind the one before.

Spec: ``session/requests``.
"""

from __future__ import annotations

from dataclasses import dataclass

from gritstone_conformance.model.session.json_text import JsonText
from gritstone_conformance.model.session.requests import copied
from gritstone_conformance.model.session.tree import json_blob
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.values import Message

__all__ = ["Post"]


@dataclass(frozen=True, slots=True)
class Post:
    """The channel to the host; ``outbox`` is the working outbox, which is changed."""

    shelf: Shelf
    host: bytes
    outbox: dict[bytes, bytes]

    def send(self, headers: dict[str, str], content: bytes) -> str:
        """Queue a message and return its id as text."""
        message = Message(self.outbox.get(self.host), tuple(headers.items()), content)
        self.outbox[self.host] = self.shelf.put(message)
        return self.outbox[self.host].hex()

    def reply(self, request: bytes, mt: str, content: bytes | JsonText, *, replayed: bool = False) -> None:
        """Reply to a request, with the id of a blob or with a value.

        Spec: :rule:`session.reply.one`.
        """
        message = self.shelf.message(request)
        headers = {"mt": mt, "reply": request.hex(), **dict(copied(message))}
        if replayed:
            headers["replay"] = "1"
        self.send(headers, content if isinstance(content, bytes) else self.shelf.put(json_blob(content)))
