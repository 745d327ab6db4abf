"""The toy adapter with the profile ``wit``: operations on one actor, without a scheduler."""

import time

from adapter import HELLO, OPERATIONS, handle, serve
from spelling import from_hex, from_text, to_hex, to_text

from gritstone import errors, grit, wit
from gritstone.wit import admission, channels, drive, position, queries, update, workspace

HELLO["spec"] = ["0.6"]
HELLO["profiles"] += ["wit"]
HELLO["features"] += ["external"]
LAWS = wit.Laws(wit.External(wit.PUPPETS))


def mail(pairs):
    return [(from_hex(sender), from_hex(message)) for sender, message in pairs]


def objects_of(args):
    store = handle(args)
    return wit.Objects(store.format, store.limits, store.get)


def executor_and_run(args):
    """Read what a transition starts from: where the actor is, and what it is to read."""
    executor = wit.Executor(objects_of(args), LAWS)
    actor, head = from_hex(args["actor"]), from_hex(args["head"])
    if not isinstance(executor.objects.look(actor), grit.Tree):
        raise errors.Invalid("an actor that is no tree", rule="wit.proposal.valid")
    last = position.load_position(executor.objects, head, actor) if head else None
    proposal = wit.read_proposal(executor.objects.load, actor, last, mail(args["inbox"]))
    return executor, executor.prepare(actor, last, proposal, args.get("attempt", 1))


def play(code, limit_ms=0):
    """Run code to its end; time passes only where there is a limit to it."""
    return drive.drive(code, time.sleep if limit_ms else lambda _: None, drive.Deadline(time.monotonic, limit_ms))


def step(args):
    executor, run = executor_and_run(args)
    admitted = play(executor.transition(run), args.get("transition_ms", 0))
    if admitted is None:
        return {"step": args["head"]}
    admitted.workspace.keep(handle(args))
    return {"step": to_hex(admitted.position.step_id)}


def admit(args):
    executor, run = executor_and_run(args)
    admission.admit(run, from_hex(args["step"]), executor.whole, executor.roots, trust_heads=False)
    return {}


def unread(args):
    tip, cursor = from_hex(args["tip"]), from_hex(args["cursor"])
    ids, fresh = channels.unread(objects_of(args).load, tip, cursor, channels.MOST_LISTED)
    return {"ids": [to_hex(one) for one in ids], "fresh": fresh}


def merge(args):
    made = workspace.Workspace(objects_of(args))
    core = update.merge(made, from_hex(args["core"]), from_hex(args["update"]))
    made.keep(handle(args))
    return {"core": to_hex(core)}


def query(args):
    made = workspace.Workspace(objects_of(args))
    asked = queries.read_asked_step(made, from_hex(args["step"]))
    result = play(queries.ask_position(LAWS, made, asked, args["name"], from_text(args["args"])))
    if result is not None:
        made.keep(handle(args))
    return {"result": to_hex(result)}


def openapi(args):
    return {"document": to_text(wit.openapi(from_hex(args["actor"]), from_text(args["wut"])))}


OPERATIONS |= {
    "wit.step": step,
    "wit.admit": admit,
    "wit.unread": unread,
    "wit.merge": merge,
    "wit.query": query,
    "wit.openapi": openapi,
}

if __name__ == "__main__":
    serve()
