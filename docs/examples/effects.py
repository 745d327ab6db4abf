"""An actor that requests an effect, a host that answers it, and an update of code in use."""

import asyncio
import sys
from pathlib import Path

from gritstone import grit
from gritstone.kit.actors import ActorRuntime, BlobObject, Core, MessageContext, OutboxMessage, Sources, TreeObject, Wit
from gritstone.runtime import Config
from gritstone.wit import Laws

app = Wit("advisor")


@app.message("question")
async def on_question(question: str, core: Core, ctx: MessageContext) -> None:
    """Keep a question, and ask for its answer."""
    core.makeb_path("question").set_as_str(question)
    ctx.outbox.add(OutboxMessage.from_reply(ctx.message, BlobObject.from_str(question), mt="effect.complete"))


@app.message("effect.ok")
async def on_answer(answer: str, core: Core) -> None:
    """Keep the answer."""
    core.makeb_path("answer").set_as_str(answer)


@app.query("talk")
async def talk(core: Core) -> list[str]:
    """Return the last question and its answer."""
    return [core.blob(name).get_as_str() for name in ("question", "answer")]


def make_core(source: str) -> TreeObject:
    core = TreeObject()
    core.makeb_path("code/advisor.py").set_as_str(source)
    for node in ("wit", "wit_query"):
        core.makeb_path(node).set_as_str("/code:advisor:app")
    return core


async def ask(runtime: ActorRuntime, actor: bytes, question: str) -> None:
    """Send a question, answer the effects that it causes, and print the result."""
    await runtime.inject(actor, runtime.keep(BlobObject.from_str(question)), [("mt", "question")])
    await runtime.run()
    for effect in runtime.effects():
        print("asked to", effect.kind, effect.request)
        await runtime.resolve((effect.sender, effect.message), {"ok": b"about 4.5 billion years"})
    await runtime.run()
    _, answer = await runtime.query(actor, "talk")
    print(runtime.open(answer).get_as_json())


async def main() -> None:
    source = Path(__file__).read_text()
    store = grit.Store.open(grit.MemoryEngine(), grit.FRAMED_SHA256)
    runtime = ActorRuntime(store, Laws(Sources()), Config("example"))
    actor = runtime.keep(make_core(source))
    await runtime.inject(actor, actor, [("mt", "genesis")])
    await ask(runtime, actor, "How old is the moon?")

    changed = TreeObject()
    changed.makeb_path("code/advisor.py").set_as_str(source.replace("set_as_str(answer)", "set_as_str(answer.upper())"))
    await runtime.inject(actor, runtime.keep(changed), [("mt", "update")])
    await ask(runtime, actor, "And the sun?")
    await runtime.stop(drain=True)
    with store.snapshot() as snapshot:
        Path(sys.argv[1]).write_bytes(b"".join(grit.export_bundle(snapshot)))


if __name__ == "__main__":
    asyncio.run(main())
