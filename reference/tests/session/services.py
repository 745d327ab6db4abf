"""The two usual services: their replies, and their published clients for a local server that checks requests."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import anthropic
import openai

from gritstone.session import providers

from .serving_http import Scripted
from .strictness import check_blocks, check_chat

PROVIDERS = ["chat", "blocks"]


def chat_reply(text: str | None, calls: list[tuple[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
    """Return a reply in the shape of chat completions."""
    message: dict[str, Any] = {"role": "assistant", "content": text, **more.pop("message", {})}
    if calls:
        message["tool_calls"] = [
            {
                "id": f"x{at}",
                "type": "function",
                "function": {"name": tool, "arguments": given if isinstance(given, str) else json.dumps(given)},
            }
            for at, (tool, given) in enumerate(calls)
        ]
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop", **more}
    return {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}


def blocks_reply(text: str | None, calls: list[tuple[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
    """Return a reply in the shape of messages."""
    blocks: list[dict[str, Any]] = [] if text is None else [{"type": "text", "text": text}]
    blocks += [
        {"type": "tool_use", "id": f"x{at}", "name": tool, "input": given}
        for at, (tool, given) in enumerate(calls or ())
    ]
    reason = "tool_use" if calls else "end_turn"
    usage = {"input_tokens": 1, "output_tokens": 1}
    base = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": blocks, "usage": usage}
    return {**base, "stop_reason": reason, "stop_sequence": None, **more}


REPLIES: dict[str, Callable[..., dict[str, Any]]] = {"chat": chat_reply, "blocks": blocks_reply}


class Service:
    """A provider with its client and server."""

    def __init__(self, name: str, server: Scripted, **options: Any) -> None:
        self.name = name
        self.server = server
        self.reply = REPLIES[name]
        server.check = check_chat if name == "chat" else check_blocks
        self.client: Any
        if name == "chat":
            self.client = openai.OpenAI(api_key="k", base_url=server.url, max_retries=0, timeout=5)
            self.model = providers.chat(self.client.chat.completions.create, model="m", **options)
        else:
            self.client = anthropic.Anthropic(api_key="k", base_url=server.url, max_retries=0, timeout=5)
            self.model = providers.blocks(self.client.messages.create, model="m", max_tokens=100, **options)
