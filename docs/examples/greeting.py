"""An actor that stores greetings. Its code is in its own core, from which a runtime loads and runs it."""

import asyncio
import datetime as dt
from pathlib import Path

from gritstone.grit import FRAMED_SHA256, MemoryEngine, Store
from gritstone.kit.actors import ActorRuntime, BlobObject, Core, Sources, TreeObject, Wit
from gritstone.runtime import Config
from gritstone.wit import Laws

app = Wit("greetings")


@app.message("greeting")
async def handle_greeting(greeting: str, core: Core) -> None:
    """Store a greeting under the time of its arrival."""
    greeting_key = f"{dt.datetime.now():%Y-%m-%d_%H.%M.%S.%f}.txt"
    core.makeb_path(f"my_greetings/{greeting_key}").set_as_str(greeting)


@app.query("greetings", returns="blob")
async def list_greetings(core: Core) -> list[str]:
    """Return all greetings, the oldest first."""
    kept = await core.gett("my_greetings")
    return [(await kept.getb(key)).get_as_str() for key in kept]


def make_core() -> TreeObject:
    """Make the first core: this file, and where to find the code in it."""
    core = TreeObject()
    core.makeb_path("code/greeting.py").set_as_str(Path(__file__).read_text())
    for node in ("wit", "wit_query"):
        core.makeb_path(node).set_as_str("/code:greeting:app")
    return core


async def main() -> None:
    store = Store.open(MemoryEngine(), FRAMED_SHA256)
    runtime = ActorRuntime(store, Laws(Sources()), Config("example"))
    actor = runtime.keep(make_core())
    await runtime.inject(actor, actor, [("mt", "genesis")])
    for text in ("Hello.", "Good evening."):
        await runtime.inject(actor, runtime.keep(BlobObject.from_str(text)), [("mt", "greeting")])
    report = await runtime.run()
    print(report.steps, "steps, then", report.cause)
    _, answer = await runtime.query(actor, "greetings")
    print(runtime.open(answer).get_as_json())
    await runtime.stop(drain=True)


if __name__ == "__main__":
    asyncio.run(main())
