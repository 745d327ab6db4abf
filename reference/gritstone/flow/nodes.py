"""The nodes of a program in Python: each function returns the document of one node.

::

    nodes = {
        "ask":  call("llm", {"prompt": "$input.question"}, one_of=["yes", "no"], next="gate"),
        "gate": branch("$out.ask == 'yes'", then="done", otherwise="stop"),
        "done": end(output="$out.ask"),
        "stop": end("failure"),
    }

Spec: ``flow/documents``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gritstone.flow.values import Value

__all__ = ["branch", "call", "end", "parallel", "sub", "wait"]

_ABSENT = object()


def _present(**members: Value) -> dict[str, Value]:
    """Return the members that are not None."""
    return {name: value for name, value in members.items() if value is not None}


def _retry(retry: tuple[int, int] | Mapping[str, Value] | None) -> Value:
    """Return the document of ``retry``: attempts, and the delay before the second one in milliseconds."""
    if isinstance(retry, tuple):
        return {"max_attempts": retry[0], "backoff_ms": retry[1]}
    return None if retry is None else dict(retry)


def sub(  # noqa: PLR0913 - keywords
    tool: str,
    args: Mapping[str, Value] | None = None,
    *,
    depends_on: Sequence[str] | None = None,
    optional: bool | None = None,
    retry: tuple[int, int] | Mapping[str, Value] | None = None,
    timeout_ms: int | None = None,
    one_of: Sequence[str] | None = None,
) -> dict[str, Value]:
    """Return one call of a parallel.

    Args:
        tool: the tool of the policy.
        args: its arguments, a template.
        depends_on: the subs of the same parallel that end before this one begins.
        optional: whether the parallel continues if this one fails.
        retry: the number of attempts, and the delay before the second one in milliseconds.
        timeout_ms: after how many milliseconds an attempt has failed.
        one_of: the only texts that a result may be.
    """
    listed = {"depends_on": depends_on, "one_of": one_of}
    lists = {name: None if value is None else list(value) for name, value in listed.items()}
    return {"tool": tool, "args": dict(args or {})} | _present(
        **lists, optional=optional, retry=_retry(retry), timeout_ms=timeout_ms
    )


def call(  # noqa: PLR0913 - keywords
    tool: str,
    args: Mapping[str, Value] | None = None,
    *,
    next: str,  # noqa: A002 - the name in the document
    on_error: str | None = None,
    guards: Sequence[str] | None = None,
    retry: tuple[int, int] | Mapping[str, Value] | None = None,
    timeout_ms: int | None = None,
    one_of: Sequence[str] | None = None,
) -> dict[str, Value]:
    """Return a node that calls a tool. See ``sub`` for the arguments that both have.

    Args:
        tool: the tool of the policy.
        args: its arguments, a template.
        next: the node that is entered next.
        on_error: the node that is entered if the call fails; None to fail the flow.
        guards: exits, such as ``gate.then``, that every way to this node passes.
        retry: the number of attempts, and the delay before the second one in milliseconds.
        timeout_ms: after how many milliseconds an attempt has failed.
        one_of: the only texts that a result may be.
    """
    work = sub(tool, args, retry=retry, timeout_ms=timeout_ms, one_of=one_of)
    return {"kind": "call", **work} | _exits(next, on_error, guards)


def parallel(
    calls: Mapping[str, Mapping[str, Value]],
    *,
    next: str,  # noqa: A002 - the name in the document
    width: int | None = None,
    on_error: str | None = None,
    guards: Sequence[str] | None = None,
) -> dict[str, Value]:
    """Return a node that calls several tools side by side.

    Args:
        calls: the calls by name; see ``sub``.
        next: as in ``call``.
        width: how many calls are open at the same time.
        on_error: the node that is entered if a call that is not optional fails.
        guards: as in ``call``.
    """
    subs = {name: dict(one) for name, one in calls.items()}
    return {"kind": "parallel", "calls": subs} | _present(width=width) | _exits(next, on_error, guards)


def wait(
    event: str,
    *,
    next: str,  # noqa: A002 - the name in the document
    timeout_ms: int | None = None,
    on_error: str | None = None,
) -> dict[str, Value]:
    """Return a node that waits for an event of the policy.

    Args:
        event: the name of the event.
        next: as in ``call``.
        timeout_ms: after how many milliseconds the wait has failed.
        on_error: as in ``call``.
    """
    return {"kind": "wait", "event": event} | _present(timeout_ms=timeout_ms) | _exits(next, on_error, None)


def branch(condition: str, *, then: str, otherwise: str) -> dict[str, Value]:
    """Return a node that chooses one of two exits.

    Args:
        condition: an expression, the member ``if``.
        then: the node that is entered if it is true.
        otherwise: the node that is entered if it is false, the member ``else``.
    """
    return {"kind": "branch", "if": condition, "then": then, "else": otherwise}


def end(outcome: str = "success", *, output: Value = _ABSENT) -> dict[str, Value]:
    """Return a node that ends the flow.

    Args:
        outcome: ``success`` or ``failure``.
        output: the result of the flow, a template; omit it for none.
    """
    result = {} if output is _ABSENT else {"output": output}
    return {"kind": "end", "outcome": outcome, **result}


def _exits(following: str, on_error: str | None, guards: Sequence[str] | None) -> dict[str, Value]:
    listed = None if guards is None else list(guards)
    return _present(next=following, on_error=on_error, guards=listed)
