"""A server of the Model Context Protocol that offers functions, or programs of a host.

A client of ``flow_server`` starts flows and gets their outcome. It chooses the input, and nothing else: which tools a
flow calls and with which arguments is decided by the program and the policy of the host.

Arguments and results are data. In particular, an object with the member ``$ref`` is a map and never a ref.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeAlias

from anyio import to_thread
from mcp.server.lowlevel import Server
from mcp.types import CallToolRequestParams, CallToolResult, ContentBlock, ListToolsResult, TextContent
from mcp.types import Tool as Described

from gritstone.errors import Rejected
from gritstone.exact import exact_copy
from gritstone.flow.expressions import read_expression
from gritstone.flow.handle import Flow
from gritstone.flow.host import Host
from gritstone.flow.json_form import shown
from gritstone.flow.limits import MOST_VALUE_BYTES
from gritstone.flow.program import Program
from gritstone.flow.templates import read_template
from gritstone.flow.values import Ref, Value, encode_value
from gritstone.foreign import awaited, is_coroutine_function, is_stop, text_of
from gritstone.functions import Signature

__all__ = ["flow_server", "tool_server"]

Json: TypeAlias = dict[str, Any]

_MOST_ERROR: Final = 4_096  # characters
_STATUS: Final = "flow_status"


@dataclass(frozen=True, slots=True)
class _Offer:
    """One tool of a server.

    Attributes:
        run: is called with the arguments by name, in a thread unless it is a coroutine function.
        schema: the JSON schema of the arguments.
        description: a text for the model.
        read: returns the arguments for the function from those of a call; raises ``ValueError`` if they do not fit.
    """

    run: Callable[..., Any]
    schema: Json
    description: str | None = None
    read: Callable[[Json], Json] = dict


class _Failed(Exception):  # noqa: N818 - a result, not an error of this program
    """The result of a tool is an error with this value."""

    def __init__(self, value: Value) -> None:
        super().__init__("the flow did not succeed")
        self.value = value


def tool_server(name: str, tools: Mapping[str, Callable[..., Any]]) -> Server[Any]:
    """Return a server that offers functions.

    Args:
        name: the name of the server.
        tools: functions, synchronous or asynchronous, whose parameters can be passed by name.

    The first line of the docstring of a function describes it. Its annotations become the JSON Schema of the arguments,
    which are validated before the call. A function that raises has an error with the text of the exception as its
    result.

    Raises:
        ValueError: a parameter cannot be passed by name, or an annotation has no JSON Schema.
    """
    return _server(name, {tool: _offer_of(tool, function) for tool, function in tools.items()})


def flow_server(
    name: str,
    host: Host,
    programs: Mapping[str, Program],
    *,
    sealed: Collection[str] = (),
    name_of: Callable[[str, Mapping[str, Value]], str] | None = None,
    timeout_s: float = 60.0,
) -> Server[Any]:
    """Return a server with one tool for each program; a call starts a flow and returns its outcome.

    The result has the members ``flow`` (the id), ``status``, ``output`` and ``failure``. It is an error if the flow has
    ended without success. A flow that does not end in time continues; the tool ``flow_status`` returns its status.

    Args:
        name: the name of the server.
        host: performs the flows, under its policy.
        programs: by the name of the tool.
        sealed: the arguments with personal data. Each is a text that becomes a sealed blob, and the program gets a ref.
        name_of: returns the name of the flow from the name of the tool and its arguments. Calls with equal arguments
            and names are one flow, if no argument is sealed. None draws a new name for each call.
        timeout_s: how long a call waits for the end of its flow, in seconds.

    Raises:
        Defects: a program has defects.
        Rejected: the host has no policy.
    """
    if host.policy is None:
        raise Rejected("the host has no policy", rule="flow.core.closed")
    for program in programs.values():
        program.require(host.policy, refs=sealed)
    offers = {
        tool: _Offer(
            partial(_run_flow, host, program, frozenset(sealed), name_of and partial(name_of, tool), timeout_s),
            {"type": "object", "properties": {one: {} for one in _inputs(program.value)}},
            program.value.get("desc"),
        )
        for tool, program in programs.items()
    }
    schema = {"type": "object", "properties": {"flow": {"type": "string"}}, "required": ["flow"]}
    offers[_STATUS] = _Offer(partial(_status_of, host), schema, "Return the status of a flow.")
    return _server(name, offers)


def _run_flow(
    host: Host,
    program: Program,
    sealed: frozenset[str],
    name_of: Callable[[Mapping[str, Value]], str] | None,
    timeout_s: float,
    /,
    **arguments: Value,
) -> Value:
    secrets = {name: arguments[name] for name in sealed & arguments.keys()}
    if not all(isinstance(secret, str) for secret in secrets.values()):
        raise TypeError(f"the arguments {sorted(secrets)} are texts")
    flow = host.start(
        program,
        input={**arguments, **{name: Ref(name) for name in secrets}},
        refs={name: secret.encode() for name, secret in secrets.items()},
        name=name_of and name_of(arguments),
    )
    with suppress(TimeoutError):
        flow.result(timeout=timeout_s)
    return _report(flow)


def _status_of(host: Host, /, flow: str) -> Value:
    return _report(host.flow(flow))


def _report(flow: Flow) -> Value:
    status = flow.status()
    members = {"output": status.output, "failure": status.failure}
    report = {"flow": flow.id.hex(), "status": status.status}
    report |= {name: value for name, value in members.items() if value is not None}
    if status.has_ended and status.status != "succeeded":
        raise _Failed(report)
    return report


def _inputs(program: Value) -> list[str]:
    """Return the members of the input that a program reads."""
    variables = []
    for node in program.get("nodes", {}).values():
        works = [node, *node.get("calls", {}).values()]
        variables += [
            one for work in works for key in ("args", "output") for one in read_template(work.get(key)).variables
        ]
        if "if" in node:
            variables += read_expression(node["if"]).variables
    return sorted({one.path[0] for one in variables if one.space == "input"})


def _offer_of(tool: str, function: Callable[..., Any]) -> _Offer:
    signature = Signature(function, tool)
    return _Offer(function, signature.schema, signature.description or None, signature.read)


def _server(name: str, offers: Mapping[str, _Offer]) -> Server[Any]:
    listed = [
        Described(name=tool, description=offer.description, input_schema=offer.schema) for tool, offer in offers.items()
    ]

    async def list_tools(_context: Any, _params: Any) -> ListToolsResult:
        return ListToolsResult(tools=listed)

    async def call_tool(_context: Any, params: CallToolRequestParams) -> CallToolResult:
        offer = offers.get(params.name)
        if offer is None:
            return _error(f"there is no tool {params.name!r}")
        try:
            return _result(await _carried_out(offer, params.arguments or {}))
        except _Failed as failed:
            return _result(failed.value, is_error=True)
        except BaseException as error:
            if is_stop(error):
                raise
            return _error(text_of(error, _MOST_ERROR))  # the error of a tool is a result that the client reads

    return Server(name, on_list_tools=list_tools, on_call_tool=call_tool)


async def _carried_out(offer: _Offer, arguments: Json) -> Value:
    encode_value(arguments, MOST_VALUE_BYTES)
    inspect.signature(offer.run).bind(**arguments)
    arguments = offer.read(arguments)
    if is_coroutine_function(offer.run):
        return await awaited(offer.run(**arguments))
    result, error = await to_thread.run_sync(partial(_tried, offer.run, arguments), abandon_on_cancel=True)
    if error is not None:
        raise error
    return await awaited(result)


def _tried(run: Callable[..., Any], arguments: Json) -> tuple[Any, BaseException | None]:
    """Return the result of a function, or what it raised; some exceptions cannot leave a thread otherwise."""
    try:
        return run(**arguments), None
    except BaseException as error:  # noqa: BLE001 - raised again by the caller
        return None, error


def _result(value: Value, *, is_error: bool = False) -> CallToolResult:
    """Return a text as it is, a map as structured content, and any other value as the member ``result`` of a map."""
    encode_value(value, MOST_VALUE_BYTES)
    sent = shown(exact_copy(value))
    if isinstance(sent, str):
        return CallToolResult(content=[TextContent(type="text", text=sent)], is_error=is_error)
    content: list[ContentBlock] = [TextContent(type="text", text=json.dumps(sent, ensure_ascii=False))]
    structured = sent if isinstance(sent, dict) else {"result": sent}
    return CallToolResult(content=content, structured_content=structured, is_error=is_error)


def _error(text: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=text[:_MOST_ERROR])], is_error=True)
