"""An order that does not move: the loop ends as stalled, and a person continues it with another program."""

from pathlib import Path

from gritstone import grit
from gritstone.flow import Host, Policy, Program

HERE = Path(__file__).parent


def order_status(order):
    """Stand in for the shop."""
    return "processing"


def resubmit(order):
    return "accepted"


def page(text):
    print("to the person on duty:", text)


def refund(order):
    return f"R-{order}"


TOOLS = {"order_status": order_status, "resubmit": resubmit, "page": page, "refund": refund}


def main():
    store = grit.Store.open(grit.MemoryEngine(), grit.CBOR_BLAKE3)
    with Host(store, tools=TOOLS, policy=Policy.load(HERE / "stuck_order.policy.yaml")) as host:
        flow = host.start(Program.load(HERE / "stuck_order.yaml"), input={"order": "S-1"})
        outcome = flow.result(timeout=60)
        print(outcome.status, outcome.failure, "after", flow.status().calls, "calls")
        successor = flow.replan(Program.load(HERE / "stuck_order.plan.yaml"))
        host.run(timeout=60)
        successor.deliver("decision", "refund")
        outcome = successor.result(timeout=60)
        print(outcome.status, outcome.output)


if __name__ == "__main__":
    main()
