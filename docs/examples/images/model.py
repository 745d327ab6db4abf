"""A model works in an image by the Model Context Protocol, as one principal. Here a client stands in for the model."""

import asyncio

from mcp import Client

from gritstone import grit
from gritstone.image import Image, Program
from gritstone.image.desk import Desk
from gritstone.image.mcp import image_server

PROGRAMS = ["add budget 100", "add budget", 'send @shop join sell "70"', 'send @shop join refund "70"']


async def work(server):
    async with Client(server) as client:
        for program in PROGRAMS:
            result = await client.call_tool("run", {"program": program})
            print(program, "->", result.content[0].text)
        result = await client.call_tool("read", {"path": "till", "actor": "shop"})
        print("read till of shop ->", result.content[0].text)


with Image(grit.Store.open(grit.MemoryEngine(), grit.CBOR_BLAKE3)) as image:
    shop = image.principal("shop", entry={"sell": "*"}, code={"sell": Program().count("till")})
    alice = image.principal("alice", caps=["spawn", shop.may_send("sell")])
    asyncio.run(work(image_server("world", Desk(image, alice))))  # or: gritstone image serve DIR alice
