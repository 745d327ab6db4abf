"""Tools of the Model Context Protocol: take them for a host of flows, or offer flows and functions as a server.

::

    with connect("http://localhost:8000/mcp") as tools, Host(store, tools=tools, policy=policy) as host:
        ...
    server = flow_server("shop", host, {"refund": program})

``taking`` has the client, ``serving`` the server, and ``errors`` what can fail. Needs the official SDK:
``pip install gritstone[mcp]``.
"""

from gritstone.flow.mcp.errors import BadResult, CallRejected, Disconnected, McpFailed, NotOffered, TimedOut, ToolFailed
from gritstone.flow.mcp.serving import flow_server, tool_server
from gritstone.flow.mcp.taking import connect, tools_of

__all__ = [
    "BadResult",
    "CallRejected",
    "Disconnected",
    "McpFailed",
    "NotOffered",
    "TimedOut",
    "ToolFailed",
    "connect",
    "flow_server",
    "tool_server",
    "tools_of",
]
