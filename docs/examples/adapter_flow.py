"""The toy adapter with the code of flows: single steps, queries and pure operations, without a runtime."""

import adapter
import adapter_pure
import adapter_wit
from spelling import from_hex, from_text

from gritstone import wit
from gritstone.flow import FLOWS, metrics, replay

adapter.HELLO["features"] += ["flow.executor", "flow.metrics"]
adapter_wit.LAWS = wit.Laws(FLOWS, wit.External(wit.PUPPETS))


def replayed(args):
    outcome = replay.replay(adapter_wit.objects_of(args), from_hex(args["step"]))
    return {"steps": outcome.steps, "differs": outcome.differs}


def measured(args):
    found = dict(metrics.metrics(metrics.read_trace(from_text(args["trace"])), args["baselines"]))
    found["usage"] = [{**one, "tokens": str(one["tokens"])} for one in found["usage"]]
    if found["change_point"] is not None:
        found["change_point"] |= {"millibits": str(found["change_point"]["millibits"])}
    return found


adapter.OPERATIONS |= {**adapter_pure.OPERATIONS, "flow.replay": replayed, "flow.metrics": measured}

if __name__ == "__main__":
    adapter.serve()
