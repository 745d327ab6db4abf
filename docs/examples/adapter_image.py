"""The toy adapter with the profile ``image``: seven operations, and what an image changes of ``runtime``."""

import adapter_runtime as base
import adapter_wit
from adapter import HELLO, OPERATIONS, handle, serve
from spelling import from_hex, to_hex, to_text

from gritstone import wit
from gritstone.image import IMAGES
from gritstone.image.cores import read_timer
from gritstone.image.requests import Request
from gritstone.image.service import Service
from gritstone.image.starting import no_image, refuse_image_store
from gritstone.image.worlds import world_root

HELLO["profiles"] += ["image"]
base.LAWS = adapter_wit.LAWS = wit.Laws(wit.External(wit.PUPPETS), IMAGES)
SERVICES = {}  # handle of the runtime -> its image


def start(args):
    """A runtime whose schedule is chosen cannot serve an image."""
    if args["schedule"] == "chosen":
        refuse_image_store(handle(args))
    started = start_bare(args)
    SERVICES[args["runtime"]] = Service(base.RUNTIMES[args["runtime"]][0])
    return started


def image(args):
    """Find the image of a runtime, with what other runtimes changed."""
    runtime = base.runtime(args)
    if base.RUNTIMES[args["runtime"]][2] == "chosen":
        raise no_image("the schedule is chosen", "start.fresh")
    SERVICES[args["runtime"]].look()
    assert SERVICES[args["runtime"]].runtime is runtime
    return SERVICES[args["runtime"]]


def looked(operation):
    """Another runtime may have made an image of the store: then this one serves it, too."""

    def run(args):
        if args["runtime"] in base.RUNTIMES:
            base.runtime(args)
            SERVICES[args["runtime"]].look()
        return operation(args)

    return run


def outcome(made):
    failure = made.failure
    word = {"committed": {}} if failure is None else {"failed": {"class": failure.kind, "code": failure.code}}
    return {"seq": made.seq, "outcome": word}


def begin(args):
    return {"kernel": to_hex(base.wait(image(args).start()))}


def request(args):
    messages = [
        Request(from_hex(one["to"]), [tuple(pair) for pair in one["headers"]], from_hex(one["content"]))
        for one in args["messages"]
    ]
    return outcome(base.wait(image(args).request(messages, args.get("key"))))


def set_clock(args):
    return {"seq": base.wait(image(args).set_clock(int(args["now_ms"])))}


def rollback(args):
    return outcome(base.wait(image(args).rollback(args["to"])))


def list_actors(args):
    viewer = from_hex(args["as"]) if "as" in args else None
    found, more = image(args).list(viewer, from_hex(args["after"]), args["limit"])
    return {"actors": [shown(one) for one in found], "more": more}


def shown(one):
    if one.facts is None:
        return {"actor": to_hex(one.actor)}
    texts = {
        part: [(name, one.facts.data(target).decode()) for name, target in sorted(one.facts.part(part).items())]
        for part in ("caps", "entry", "timers")
    }
    timers = [(handle, read_timer(text.encode())) for handle, text in texts["timers"]]
    return {
        "actor": to_hex(one.actor),
        "owner": to_hex(one.facts.owner or one.actor),
        "core": to_hex(one.position.step.core),
        "caps": texts["caps"],
        "entry": texts["entry"],
        "code": sorted(one.code),
        "timers": [
            {"handle": handle, "due": str(due), "seq": seq, "index": index, "mt": mt}
            for handle, (due, seq, index, mt) in timers
        ],
        "subs": [tuple(name.split(".", 1)) for name in sorted(one.facts.part("subs"))],
    }


def log(args):
    entries, more = image(args).log(args["from"], args["limit"])
    return {"records": [to_text(one.data) for one in entries], "more": more}


def world(args):
    service = image(args)
    seq, found = service.world(args.get("seq"))
    after = args["after"]
    refs = [(name, to_hex(target)) for name, target in found.references() if after is None or name > after]
    root = to_hex(world_root(found, service.runtime.store.format))
    return {"seq": seq, "root": root, "refs": refs[: args["limit"]], "more": len(refs) > args["limit"]}


start_bare = OPERATIONS["runtime.start"]
for name in OPERATIONS.keys() - {"runtime.start", "runtime.stop"}:
    if name.startswith("runtime."):
        OPERATIONS[name] = looked(OPERATIONS[name])
OPERATIONS |= {
    "runtime.start": start,
    "image.start": begin,
    "image.request": request,
    "image.clock": set_clock,
    "image.rollback": rollback,
    "image.list": list_actors,
    "image.log": log,
    "image.world": world,
}

if __name__ == "__main__":
    serve()
