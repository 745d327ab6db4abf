"""Run two actors and export the store: ``history_demo.py FILE``; ``--tampered`` edits a state afterwards."""

import asyncio
import dataclasses
import sys

from gritstone import grit, wit
from gritstone.runtime import Config, Runtime

fmt, limits = grit.FRAMED_SHA256, grit.DEFAULT_LIMITS
store = grit.Store.open(grit.MemoryEngine(), fmt)


def put(value):
    return store.put(fmt.encode(value, limits))


def get(object_id):
    return fmt.decode(store.get(object_id), limits)


def blob(data, **headers):
    return put(grit.Blob(headers, data))


async def play():
    runtime = Runtime(store, wit.Laws(wit.External(wit.PUPPETS)), Config("demo"))
    puppet = blob(b"external:puppet/1", ct="s")
    alice, bob = (put(grit.Tree({"name": blob(name, ct="s"), "wit": puppet})) for name in (b"alice", b"bob"))
    for actor in (alice, bob):
        await runtime.inject(actor, actor, [("mt", "genesis")])
    answer = put(grit.Tree({"program": blob(b"A\x03log\x00\x05hello")}))  # A log "hello"
    program = blob(b"A\x03log\x00\x02hiS\x00q\x00\x01")  # A log "hi"; S 00 q "" 01
    await runtime.inject(alice, put(grit.Tree({"program": program, "00": bob, "01": answer})))
    await runtime.run()
    return alice


def tamper(actor):
    """Write something else into the log of an actor, and set its head to a step with that core."""
    name = f"heads/{actor.hex()}"
    head = dict(store.list_references(name, None, 1)[0])[name]
    step = get(head)
    core = grit.Tree({**get(step.core).entries, "log": blob(b"hi, all is well")})
    store.update_references([grit.Change(name, head, put(dataclasses.replace(step, core=put(core))))])


actor = asyncio.run(play())
if "--tampered" in sys.argv:
    tamper(actor)
with store.snapshot() as snapshot, open(sys.argv[1], "wb") as file:
    file.writelines(grit.export_bundle(snapshot))
