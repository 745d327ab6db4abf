"""An actor that answers in a chat: it calls a slow model and replies to the sender."""

import asyncio
from dataclasses import asdict, dataclass

from gritstone.grit import CBOR_BLAKE3, MemoryEngine, Store
from gritstone.kit.actors import ActorRuntime, BlobObject, MessageContext, OutboxMessage, TreeObject, Wit
from gritstone.runtime import Config
from gritstone.wit import External, Laws


@dataclass
class ChatMessage:
    """Answer a message with the reply of the model."""

    from_name: str
    text: str

    @classmethod
    async def load_from_tree(cls, messages: TreeObject) -> list["ChatMessage"]:
        """Read messages in the order of their names."""
        return [cls(**(await messages.getb(name)).get_as_json()) for name in messages]


async def chat_completion(messages: list[ChatMessage]) -> dict[str, str]:
    """Stand in for a request to a model."""
    await asyncio.sleep(0.01)
    return asdict(ChatMessage("assistant", f"You said: {messages[-1].text}"))


app = Wit("chat")


@app.message("new_user_message")
async def on_new_user_message(messages_tree: TreeObject, ctx: MessageContext) -> None:
    """Answer the last message of a chat, if it is the user's."""
    messages = await ChatMessage.load_from_tree(messages_tree)
    if not messages or messages[-1].from_name != "user":
        return
    new_chat_message = await chat_completion(messages)
    ctx.outbox.add(OutboxMessage.from_reply(ctx.message, BlobObject.from_json(new_chat_message), mt="head_reply"))


def make_core() -> TreeObject:
    """Make the first core: it names code outside of it."""
    core = TreeObject()
    for node in ("wit", "wit_query"):
        core.makeb_path(node).set_as_str("external:chat")
    return core


async def main() -> None:
    store = Store.open(MemoryEngine(), CBOR_BLAKE3)
    runtime = ActorRuntime(store, Laws(External({"chat": app.code})), Config("example"))
    actor = runtime.keep(make_core())
    await runtime.inject(actor, actor, [("mt", "genesis")])
    messages = TreeObject()
    messages.makeb_path("1").set_as_json({"from_name": "user", "text": "Are you there?"})
    await runtime.inject(actor, runtime.keep(messages), [("mt", "new_user_message")])
    await runtime.run()
    for reply in runtime.received():
        print(reply.mt, reply.content.get_as_json())
        await runtime.acknowledge(reply.sender_id, reply.message_id)
    await runtime.stop(drain=True)


if __name__ == "__main__":
    asyncio.run(main())
