"""What functions of callers return and raise: any of them may be asynchronous, and may raise any exception.

A function that returns something awaitable is asynchronous, however it was made: a coroutine function, a partial of
one, a wrapper around one, or an object with ``__call__``. So it is called first, and its result is awaited.
"""

from __future__ import annotations

import asyncio
import inspect
import signal
import threading
from collections.abc import Callable
from functools import partial
from types import CodeType
from typing import Any

__all__ = ["awaited", "described_by", "is_coroutine_function", "is_stop", "parameters_of", "text_of"]


async def awaited(result: Any) -> Any:
    """Return what a function has returned; if that is awaitable, what it results in."""
    while inspect.isawaitable(result):
        result = await result
    return result


def is_coroutine_function(function: Callable[..., Any]) -> bool:
    """Return whether a call of a function only makes a coroutine. Other functions may be asynchronous, too."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004


def described_by(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function whose name and docstring describe a function: that within partials."""
    while isinstance(function, partial):
        function = function.func
    return function


def parameters_of(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """Return the parameters of a function, with annotations that are evaluated if that is possible.

    Raises:
        TypeError, ValueError: the function has no signature.
    """
    try:
        found = inspect.signature(function, eval_str=True)
    except Exception:  # noqa: BLE001 - an annotation can be any expression
        found = inspect.signature(function)
    return [
        one.replace(annotation=one.annotation.__origin__) if hasattr(one.annotation, "__metadata__") else one
        for one in found.parameters.values()
    ]


def text_of(error: BaseException, most: int) -> str:
    """Return the class and the text of an exception in at most ``most`` characters, without lone surrogates."""
    try:
        text = f"{type(error).__name__}: {error}"
    except BaseException:  # noqa: BLE001 - the text is that of a foreign class
        text = type(error).__name__
    return text[:most].encode("utf-8", "replace").decode()


def is_stop(error: BaseException) -> bool:
    """Return whether an exception ends the work on behalf of its owner, and not of the function that raised it.

    Signals are handled in the main thread only, within the function that runs there. So an interrupt that is raised in
    the main thread counts as that of the owner, and so does what a handler of a signal has raised, unless it is an
    ordinary ``Exception``. The cancellation of a task is that of its owner if it was asked for.
    """
    if isinstance(error, Exception):
        return False
    if isinstance(error, asyncio.CancelledError):
        return _is_cancelled()
    if threading.current_thread() is not threading.main_thread():
        return False
    if isinstance(error, KeyboardInterrupt):
        return True
    handlers = {_code_of(signal.getsignal(number)) for number in signal.valid_signals()} - {None}
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code in handlers:
            return True
        trace = trace.tb_next
    return False


def _is_cancelled() -> bool:
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return False
    return task is not None and task.cancelling() > 0


def _code_of(handler: Any) -> CodeType | None:
    """Return the code of a handler of a signal; None if it has none."""
    for one in (handler, getattr(handler, "func", None), getattr(type(handler), "__call__", None)):  # noqa: B004
        code = getattr(one, "__code__", None)
        if isinstance(code, CodeType):
            return code
    return None
