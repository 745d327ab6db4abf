"""Collect a failed payment: the first charge fails, the customer updates the card, and the second one succeeds."""

from pathlib import Path

from gritstone import grit
from gritstone.flow import Call, Host, Policy, Program, Ref

HERE = Path(__file__).parent
ANSWERS = {"I-1": ["insufficient_funds", "paid"], "I-2": ["fraud"], "I-3": ["expired_card", "expired_card"]}


def charge(invoice, amount):
    """Stand in for a payment service."""
    return ANSWERS[invoice].pop(0)


def sms(call: Call, to, text):
    print("to", call.secret(to).decode(), "-", text)


def block(invoice):
    print("blocked", invoice)


def ticket(text):
    print("ticket:", text)
    return "T-1"


TOOLS = {"charge": charge, "sms": sms, "block": block, "ticket": ticket}


def collect(host, invoice):
    flow = host.start(
        Program.load(HERE / "dunning.yaml"),
        input={"invoice": invoice, "amount": 1900, "phone": Ref("phone")},
        refs={"phone": b"+32 470 00 00 00"},
    )
    host.run(timeout=60)  # until it ends, or waits
    if flow.status().status == "suspended":
        flow.deliver("card_updated", {"card": "new"})
    outcome = flow.result(timeout=60)
    print(invoice, outcome.status, outcome.output)
    return outcome


if __name__ == "__main__":
    store = grit.Store.open(grit.MemoryEngine(), grit.CBOR_BLAKE3)
    with Host(store, tools=TOOLS, policy=Policy.load(HERE / "dunning.policy.yaml")) as host:
        for invoice in ANSWERS:
            collect(host, invoice)
