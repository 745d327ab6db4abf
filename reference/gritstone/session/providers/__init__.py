"""Models of the two usual services: a prepared turn becomes a request, and the reply becomes a response.

::

    model = providers.chat(OpenAI().chat.completions.create, model="...")
    model = providers.blocks(Anthropic().messages.create, model="...", max_tokens=1024)
    answer = chat.run("What is 1 + 2?", model=model, tools=tools)

``completions`` and ``messages`` have the two wire shapes, ``shapes`` what they share, and ``errors`` what can fail. The
functions only translate; the client sends, and no client is imported here.
"""

from gritstone.session.providers.completions import chat, chat_request, chat_response
from gritstone.session.providers.errors import (
    EmptyPrompt,
    EmptyReply,
    MalformedReply,
    ModelRefused,
    ProviderFailed,
    RateLimited,
    RequestRejected,
    ServerFailed,
    StoppedEarly,
    Unreachable,
)
from gritstone.session.providers.messages import blocks, blocks_request, blocks_response

__all__ = [
    "EmptyPrompt",
    "EmptyReply",
    "MalformedReply",
    "ModelRefused",
    "ProviderFailed",
    "RateLimited",
    "RequestRejected",
    "ServerFailed",
    "StoppedEarly",
    "Unreachable",
    "blocks",
    "blocks_request",
    "blocks_response",
    "chat",
    "chat_request",
    "chat_response",
]
