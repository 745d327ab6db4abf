"""The toy adapter of the pure part of flows: it checks programs, evaluates expressions and renders templates."""

import adapter
from spelling import from_text, to_text

from gritstone.errors import Rejected
from gritstone.flow import check, evaluate_text, render_value


def hello(args):
    if 1 not in args["protocol"]:
        raise Rejected("only protocol 1", rule="harness.hello.refused")
    return adapter.HELLO


def defects(args):
    documents = (from_text(args[name]) for name in ("program", "policy", "input"))
    return {"defects": check.check(*documents, args["peers"], args["refs"])}


def evaluate(args):
    return {"value": evaluate_text(args["expr"], from_text(args["env"]))}


def render(args):
    return {"value": to_text(render_value(from_text(args["template"]), from_text(args["env"])))}


OPERATIONS = {"flow.check": defects, "flow.eval": evaluate, "flow.render": render}

if __name__ == "__main__":
    adapter.OPERATIONS = {
        "hello": hello,
        "ping": adapter.OPERATIONS["ping"],
        "bye": adapter.OPERATIONS["bye"],
        **OPERATIONS,
    }
    adapter.HELLO |= {"formats": [], "profiles": [], "features": ["flow.pure"]}
    adapter.HELLO["limits"] = {"window": 64, "frame_bytes": 4194304}
    adapter.serve()
