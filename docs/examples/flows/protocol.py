"""Flows and the Model Context Protocol: take the tools of a server, and offer programs as a server."""

import asyncio

from mcp import Client
from refund import POLICY, PROGRAM, refund

from gritstone import grit
from gritstone.flow import Host, Policy, Program, call, end
from gritstone.flow.mcp import connect, flow_server, tool_server


def convert(amount, currency):
    """Convert an amount in cents to another currency."""
    return {"amount": amount * 108 // 100, "currency": currency}


def take(store, server):
    """`server` is a URL, a command (`StdioServerParameters`), or a server in this process."""
    program = Program(
        "price",
        start="rate",
        nodes={
            "rate": call("convert", {"amount": "$input.amount", "currency": "USD"}, next="e"),
            "e": end(output="$out.rate"),
        },
    )
    policy = Policy.allow({"convert": {"params": ["amount", "currency"], "when": "$args.currency in $input.allowed"}})
    with connect(server) as tools, Host(store, tools=tools, policy=policy) as host:
        outcome = host.start(program, input={"amount": 1900, "allowed": ["USD"]}).result()
        print(outcome.status, outcome.output)


def offer(store):
    tools = {"llm": lambda prompt: "yes", "refund": refund}
    with Host(store, tools=tools, policy=POLICY) as host:
        server = flow_server("shop", host, {"refund": PROGRAM}, sealed=["customer"])
        asyncio.run(ask(server))  # or: mcp.server.stdio, or HTTP


async def ask(server):
    """Stand in for a model with a client."""
    async with Client(server) as client:
        arguments = {"order": "A-20", "amount": 40, "request": "It arrived broken.", "customer": "ada@example.org"}
        result = await client.call_tool("refund", arguments)
        print(result.structured_content["status"], result.structured_content["output"])


if __name__ == "__main__":
    take(grit.Store.open(grit.MemoryEngine(), grit.CBOR_BLAKE3), tool_server("prices", {"convert": convert}))
    offer(grit.Store.open(grit.MemoryEngine(), grit.CBOR_BLAKE3))
