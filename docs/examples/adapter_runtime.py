"""The toy adapter with the profile ``runtime``, a chosen schedule, the suite's clock, and effects."""

import asyncio

from adapter import FEATURES, HELLO, OPERATIONS, handle, serve
from adapter_wit import LAWS
from spelling import from_hex, from_text, to_hex, to_text

from gritstone import errors
from gritstone.runtime import Config, Runtime

HELLO["profiles"] += ["runtime"]
HELLO["features"] += ["schedule", "clock", "effects"]
FEATURES |= {("schedule", "chosen"): "schedule", ("clock", "suite"): "clock"}
SETTINGS = ("base_ms", "cap_ms", "max_attempts", "transition_ms")

LOOP = asyncio.new_event_loop()
RUNTIMES = {}  # handle of the runtime -> runtime, handle of its store, schedule


def wait(coroutine):
    return LOOP.run_until_complete(coroutine)


def runtime(args, schedule=None):
    """Find the runtime of a request, and look whether others moved heads of its store meanwhile."""
    if args["runtime"] not in RUNTIMES:
        raise errors.Missing("no such handle", rule="harness.reply.total")
    found, _, its_schedule = RUNTIMES[args["runtime"]]
    if schedule not in (None, its_schedule):
        raise errors.Rejected(f"the schedule is {its_schedule}", rule="runtime.schedule.exact")
    found.refresh()
    return found


def start(args):
    store = handle(args)
    if args["runtime"] in RUNTIMES:
        raise errors.Rejected("the handle is bound already", rule="harness.state.isolated")
    config = Config(args["agent"], **{name: args[name] for name in SETTINGS})
    started = Runtime(store, LAWS, config, suite_clock=args["clock"] == "suite")
    RUNTIMES[args["runtime"]] = started, args["store"], args["schedule"]
    return {"agent": to_hex(started.agent)}


def inject(args):
    to, content, headers = from_hex(args["to"]), from_hex(args["content"]), [tuple(pair) for pair in args["headers"]]
    message = wait(runtime(args).inject(to, content, headers, signal=args["mode"] == "signal"))
    return {"message": to_hex(message)}


def run(args):
    report = wait(runtime(args, "free").run(args["max_steps"]))
    parked = [(to_hex(actor), failure) for actor, failure in report.parked]
    return {"cause": report.cause, "steps": report.steps, "parked": parked}


def query(args):
    asked = runtime(args).query(from_hex(args["actor"]), args["name"], from_text(args["args"]))
    step, result = wait(asked)
    return {"step": to_hex(step), "result": to_hex(result)}


def stop(args):
    stopped = runtime(args)
    del RUNTIMES[args["runtime"]]
    wait(stopped.stop(drain=args["how"] == "drain"))
    return {}


# --- the agent's mail, and the end of a life ---


def list_mail(args):
    return {"mail": [(to_hex(sender), to_hex(message)) for sender, message in runtime(args).mail()]}


def acknowledge(args):
    wait(runtime(args).acknowledge(from_hex(args["sender"]), from_hex(args["message"])))
    return {}


def collect(args):
    return {"removed": [to_hex(actor) for actor in wait(runtime(args).collect())]}


def release(args):
    actors = [from_hex(actor) for actor in args["actors"]]
    return {"released": [to_hex(actor) for actor in wait(runtime(args).release(actors))]}


def cut(args):
    return {"step": to_hex(wait(runtime(args).cut()))}


# --- features: schedule, clock, effects ---


def ready(args):
    choices = []
    for actor, proposal in runtime(args, "chosen").ready():
        inbox = [(to_hex(sender), to_hex(message)) for sender, message in proposal.mailbox.items()]
        choices.append({"actor": to_hex(actor), "inbox": inbox})
    return {"choices": choices}


def choose(args):
    return {"step": to_hex(wait(runtime(args, "chosen").choose(args["choice"])))}


def set_time(args):
    return {"due": runtime(args).set_time(int(args["now_ms"]))}


def effects(args):
    found = []
    for one in runtime(args).effects():
        actor, message = to_hex(one.sender), to_hex(one.message)
        request = None if one.request is None else to_text(one.request)
        names = {"effect": f"{actor}.{message}", "actor": actor, "message": message}
        found.append({**names, "kind": one.kind, "request": request})
    return {"effects": found}


def resolve(args):
    sender, message = args["effect"].split(".")
    (word, value), *_ = args["outcome"].items()
    outcome = {word: from_text(value) if word == "ok" else value}
    wait(runtime(args).resolve((from_hex(sender), from_hex(message)), outcome))
    return {}


# --- what a store under a runtime does differently ---


def close_store(args):
    """Closing a store stops its runtimes, like ``now``."""
    handle(args)
    for name in [name for name, (_, store, _) in RUNTIMES.items() if store == args["store"]]:
        stop({"runtime": name, "how": "now"})
    return close_bare_store(args)


def prune(args):
    """What runs in progress have read is pinned, and what was removed is forgotten."""
    mine = [one for one, store, _ in RUNTIMES.values() if store == args["store"]]
    pins = [*args["pins"], *(to_hex(one) for found in mine for one in found.pins())]
    answer = prune_bare({**args, "pins": pins})
    for found in mine:
        found.forget()
    return answer


close_bare_store, prune_bare = OPERATIONS["grit.close"], OPERATIONS["grit.prune"]
OPERATIONS |= {
    "grit.close": close_store,
    "grit.prune": prune,
    "runtime.start": start,
    "runtime.inject": inject,
    "runtime.run": run,
    "runtime.query": query,
    "runtime.stop": stop,
    "runtime.mail": list_mail,
    "runtime.ack": acknowledge,
    "runtime.collect": collect,
    "runtime.release": release,
    "runtime.cut": cut,
    "runtime.ready": ready,
    "runtime.choose": choose,
    "runtime.time": set_time,
    "runtime.effects": effects,
    "runtime.resolve": resolve,
}

if __name__ == "__main__":
    serve()
