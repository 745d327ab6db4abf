"""Checkouts: reserve, wait for the payment, ship; nodes of the program undo what fails."""

from pathlib import Path

from gritstone import grit
from gritstone.flow import Call, Host, Policy, Program, Ref, ToolError

HERE = Path(__file__).parent


def screen(order):
    """Stand in for a service that estimates the risk of an order."""
    return {"risk": 90 if order == "C-2" else 10, "countries": ["BE", "NL"]}


def reserve(order, items):
    print("reserve", order, items)


def release(order):
    print("release", order)


def ship(order, items):
    if order == "C-3":
        raise ToolError("out_of_stock")
    return f"P-{order}"


def refund(payment, amount):
    print("refund", payment, amount)


async def mail(call: Call, to, text):
    print("mail to", call.secret(to).decode(), "-", text)


async def sms(to, text):
    raise ConnectionError("no network")  # the call is optional


TOOLS = {one.__name__: one for one in (screen, reserve, release, ship, refund, mail, sms)}


def buy(host, order):
    flow = host.start(
        Program.load(HERE / "checkout.yaml"),
        input={
            "order": order,
            "amount": 2500,
            "items": ["lamp"],
            "country": "BE",
            "customer": Ref("customer"),
            "phone": Ref("phone"),
        },
        refs={"customer": b"ada@example.org", "phone": b"+32 470 00 00 00"},
    )
    host.run(timeout=60)
    if flow.status().status == "suspended":  # the service for payments calls the shop
        flow.deliver("payment", {"id": f"pay-{order}", "status": "captured", "amount": 2500})
    outcome = flow.result(timeout=60)
    print(order, outcome.status, outcome.output)
    return outcome


if __name__ == "__main__":
    store = grit.Store.open(grit.MemoryEngine(), grit.CBOR_BLAKE3)
    with Host(store, tools=TOOLS, policy=Policy.load(HERE / "checkout.policy.yaml")) as host:
        for order in ("C-1", "C-2", "C-3"):
            buy(host, order)
