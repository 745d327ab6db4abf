"""A behaviour of the model in words: one line for each action, with the actor, what it covers and what changed.

A message is written as its chain, oldest first: ``queue < fail`` is a message with the program ``fail`` behind one with
the program ``queue``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from gritstone_conformance.model_checking.profile_words import is_profile, profile_words
from gritstone_conformance.model_checking.values import State

__all__ = ["trace_words"]


def trace_words(trace: Sequence[State]) -> list[str]:
    """Return one line for each action of a behaviour."""
    if is_profile(trace):
        return profile_words(trace)
    lines = []
    for number, (before, after) in enumerate(pairwise(trace), 1):
        lines.append(f"{number:>3}  {_act(after.action, before.variables, after.variables)}")
    return lines


def _act(action: str, old: dict[str, Any], new: dict[str, Any]) -> str:
    if "db" not in new:  # the module Store has no actors
        return f"{action}: " + ", ".join(f"{name} = {_plain(new[name])}" for name in new if new[name] != old[name])
    words = [
        _begun(old, new) or _title(action, old, new),
        *_durable(old["db"], new["db"]),
        *_views(old, new),
        *_memory(old, new),
    ]
    return "; ".join(each for each in words if each)


def _title(action: str, old: dict[str, Any], new: dict[str, Any]) -> str:
    ended = [
        actor
        for runtime, runs in old["run"].items()
        for actor, run in runs.items()
        if run["on"] and not new["run"][runtime][actor]["on"]
    ]
    match action:
        case "Kill":
            return "a runtime is killed and started again"
        case "Flush":
            return "the runtime makes steps durable"
        case "Inject":
            return "a client injects a message"
        case "Reply":
            return "the client receives the reply to its injection"
        case "DelayOver":
            return "a delay ends"
        case "End" if ended:
            return f"the run of {' and '.join(ended)} ends"
        case _:
            return action


def _begun(old: dict[str, Any], new: dict[str, Any]) -> str:
    for runtime, runs in new["run"].items():
        for actor, run in runs.items():
            if run["on"] and run != old["run"][runtime][actor]:
                named = ", ".join(f"{x}: {_message(m)}" for x, m in run["proposal"].items() if m)
                owner = f" in the runtime {runtime}" if len(new["run"]) > 1 else ""
                return f"a run of {actor} begins{owner} with the proposal {{{named}}}, attempt {run['attempt']}"
    return ""


def _durable(old: dict[str, Any], new: dict[str, Any]) -> Iterable[str]:
    yield from _changes(old, new, "")


def _views(old: dict[str, Any], new: dict[str, Any]) -> Iterable[str]:
    for runtime, view in new["view"].items():
        if view != old["view"][runtime] and view != new["db"] and new["db"] == old["db"]:
            yield from _changes(old["view"][runtime], view, "not durable yet: ")
        elif view == new["db"] != old["view"][runtime] and new["db"] == old["db"]:
            yield "the runtime reads the store"


def _changes(old: dict[str, Any], new: dict[str, Any], prefix: str) -> Iterable[str]:
    for name, chain in new["heads"].items():
        before = old["heads"][name]
        for step in chain[len(before) :] if len(chain) > len(before) else ():
            yield prefix + _step(name, step)
        if len(chain) <= len(before) and chain != before:
            yield f"{prefix}the head of {name} {'changes' if chain else 'is removed'}"
    for name, mark in new["marks"].items():
        if mark != old["marks"][name]:
            yield prefix + (
                f"{name} is marked for {_message(mark[1])} of {mark[0]}" if mark else f"the mark of {name} is removed"
            )
    if new["away"] != old["away"]:
        yield f"{prefix}away: {', '.join(new['away']) or 'none'}"


def _step(name: str, step: dict[str, Any]) -> str:
    covers = ", ".join(f"{_message(m)} of {x}" for x, m in step["covered"])
    sends = ", ".join(f"{_message(m)} to {y}" for y, m in step["sent"])
    parts = [f"covers {covers}" if covers else "", f"sends {sends}" if sends else ""]
    return f"a step of {name} " + (" and ".join(part for part in parts if part) or "changes its mailboxes")


def _memory(old: dict[str, Any], new: dict[str, Any]) -> Iterable[str]:
    for runtime, memory in new["memory"].items():
        before = old["memory"][runtime]
        for actor, messages in memory["isolated"].items():
            if messages and messages != before["isolated"][actor]:
                yield f"the run failed: {actor} is isolated"
        for actor, messages in memory["delayed"].items():
            for x, m in (each for each in messages if each not in before["delayed"][actor]):
                yield f"the run failed: {_message(m)} of {x} to {actor} is delayed"
        for actor, proposals in memory["declined"].items():
            if len(proposals) > len(before["declined"][actor]):
                yield f"{actor} declined the proposal"


def _message(chain: Sequence[Any]) -> str:
    return " < ".join(label[0] for label in chain) or "none"


def _plain(value: Any) -> str:
    match value:
        case dict():
            return "{" + ", ".join(f"{key}: {_plain(each)}" for key, each in value.items()) + "}"
        case list() | tuple():
            return "(" + ", ".join(_plain(each) for each in value) + ")"
        case _:
            return str(value)
