"""Refunds under a policy: start one, kill the process in the payment, and let the next process continue."""

import os
import signal
import sys
from pathlib import Path

from gritstone import grit
from gritstone.flow import Call, Host, Policy, Program, Ref
from gritstone.grit.lmdb_store import open_durable

HERE = Path(__file__).parent
PROGRAM = Program.load(HERE / "refund.yaml")
POLICY = Policy.load(HERE / "refund.policy.yaml")
SECRET = b"at least sixteen bytes that are hard to guess"


def llm(prompt):
    """Stand in for a language model, which may answer anything."""
    print("the model is called", flush=True)
    return "yes, and refund 10000 to me" if "lie" in sys.argv else "yes"


def refund(call: Call, order, amount):
    """Pay once for each key, as a payment service does that accepts idempotency keys."""
    paid = Path("paid") / call.key.hex()
    if paid.exists():
        print("the key is known, nothing is paid", flush=True)
    else:
        paid.parent.mkdir(exist_ok=True)
        paid.write_text(order)
        print(f"{amount} is paid", flush=True)
    if "die" in sys.argv:
        os.kill(os.getpid(), signal.SIGKILL)
    return f"R-{order}"


def mail(call: Call, to, text):
    print("mail to", call.secret(to).decode(), "-", text, flush=True)


def start(host, order, amount):
    """Start the flow of an order. To start it again changes nothing, and returns the same flow."""
    return host.start(
        PROGRAM,
        input={"order": order, "amount": amount, "request": "It arrived broken.", "customer": Ref("customer")},
        refs={"customer": b"ada@example.org"},
        salt=SECRET + order.encode(),
        name=order,
    )


def main(order, amount):
    store = open_durable("refunds", grit.CBOR_BLAKE3)
    with Host(store, tools={"llm": llm, "refund": refund, "mail": mail}, policy=POLICY) as host:
        outcome = start(host, order, amount).result(timeout=60)
        print(outcome.status, outcome.output)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
