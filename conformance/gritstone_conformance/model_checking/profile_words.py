"""Behaviours of the models of ``session``, ``flow`` and ``image`` in words: one line for each action."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Protocol

__all__ = ["is_profile", "profile_words"]

_Variables = Mapping[str, Any]


class _State(Protocol):
    @property
    def action(self) -> str: ...

    @property
    def variables(self) -> _Variables: ...


def is_profile(trace: Sequence[_State]) -> bool:
    """Return whether a behaviour is one of the models of a profile."""
    return bool(trace) and _model_of(trace[0].variables) is not None


def profile_words(trace: Sequence[_State]) -> list[str]:
    """Return one line for each action of a behaviour."""
    lines = []
    for number, (before, after) in enumerate(pairwise(trace), 1):
        words = _model_of(after.variables)
        changes = words(after.action, before.variables, after.variables) if words else [after.action]
        lines.append(f"{number:>3}  {'; '.join(changes) or after.action}")
    return lines


def _model_of(variables: _Variables) -> Any:
    """Return the function for the model that has these variables, or None."""
    marks = {"parcel": _session, "performed": _flow, "budget": _parallel, "client": _image}
    return next((words for name, words in marks.items() if name in variables), None)


def _changed(old: Mapping[Any, Any], new: Mapping[Any, Any]) -> list[Any]:
    return [key for key in new if new[key] != old[key]]


def _session(action: str, old: _Variables, new: _Variables) -> Iterable[str]:
    for host in _changed(old["host"], new["host"]):
        before, after = old["host"][host], new["host"][host]
        plan, ended = after["plan"], before["plan"]
        if action == "Kill":
            yield f"{host} is killed and started again"
        elif action == "Prepare":
            yield f"{host} prepares a turn of {_changed(before['lease'], after['lease'])[0]}, which is leased now"
        elif plan["op"] != "none":
            what = "begins a step of" if plan["op"] == "step" else f"decides to {plan['op']}"
            label = f" ({plan['label']})" if plan["label"] != "none" and plan["op"] != "step" else ""
            yield f"{host} {what} {plan['s']}{label}"
        elif old["db"] == new["db"]:
            yield f"{host} finds other references than it expects: {ended['op']} of {ended['s']} is discarded"
        else:
            yield f"{host} publishes {ended['op']} of {ended['s']}"
    for store, refs in new["db"].items():
        before = old["db"][store]
        for name in ("head", "archived", "moved", "closed"):
            for session in _changed(before[name], refs[name]):
                step = refs[name][session]
                reference = f"{store}: {'heads' if name == 'head' else name}/{session}"
                yield f"{reference} = {_step(step)}" if _exists(step) else f"{reference} is removed"
        for kind, session, _ in refs["notices"][len(before["notices"]) :]:
            yield f"{store}: notice {kind} of {session}"


def _exists(step: Mapping[str, Any]) -> bool:
    return bool(step["read"] or step["heard"] or step["told"])


def _step(step: Mapping[str, Any]) -> str:
    parts = [f"read {' < '.join(step['read']) or 'nothing'}"]
    parts += [f"{name} {step[name]}" for name in ("heard", "told") if step[name]]
    return f"the step with {', '.join(parts)}"


def _flow(action: str, old: _Variables, new: _Variables) -> Iterable[str]:
    if action == "Kill":
        yield "a runtime is killed and started again"
    for flow, mail in new["mail"].items():
        for message in mail[len(old["mail"][flow]) :]:
            details = ", ".join(_plain(value) for key, value in message.items() if key != "mt")
            yield (
                f"the outside sends {message['mt']} ({details}) to {flow}"
                if details
                else (f"the outside sends {message['mt']} to {flow}")
            )
    for host in _changed(old["view"], new["view"]):
        before, after = old["view"][host]["now"], new["view"][host]["now"]
        if action == "Flush":
            lost = "" if new["db"] == before else ", which discards its own steps"
            yield f"{host} makes its steps durable" if not lost else f"{host} reads the store{lost}"
        for flow in _changed(before, after) if action in ("Step", "Hear") else ():
            events = after[flow]["log"][len(before[flow]["log"]) :]
            yield f"a step of {flow} in {host}: " + (
                ", ".join(_event(event) for event in events) or "nothing is logged"
            )


def _parallel(action: str, old: _Variables, new: _Variables) -> Iterable[str]:
    logged = ", ".join(_event(event) for event in new["log"][len(old["log"]) :]) or "nothing is logged"
    yield f"a step after {action}: {logged}"
    if new["stop"] != old["stop"]:
        yield f"{new['stop']} stops the parallel"
    if new["status"] != old["status"] and new["status"] != "open":
        yield f"the parallel ends: {new['status']}"


def _event(event: Sequence[Any]) -> str:
    return " ".join(_plain(part) for part in event if part != "none")


def _image(action: str, old: _Variables, new: _Variables) -> Iterable[str]:
    for host in _changed(old["host"], new["host"]):
        before, after = old["host"][host], new["host"][host]
        plan = after["plan"]
        if action == "Kill":
            yield f"{host} is killed and started again"
        elif before["running"] != after["running"]:
            yield f"a runtime.run {'begins' if after['running'] else 'ends'} in {host}"
        elif plan["kind"] != "none" and before["plan"] != plan:
            yield f"{host} plans {_root(plan)} on world {after['base']}"
        elif action == "Publish" and old["db"] == new["db"]:
            yield f"{host} finds another world than it expects" + (
                "" if plan["kind"] != "none" else " and drops its plan"
            )
    journal, before = new["db"]["journal"], old["db"]["journal"]
    if len(journal) < len(before):
        yield f"the image is set to its world {len(journal)}"
    for record in journal[len(before) :]:
        saves = f", {len(record['saves'])} failed savepoints" if record["saves"] else ""
        yield f"operation {record['seq']}, {_root(record['plan'])}: {record['outcome']}{saves}"
    for request in _changed(old["client"], new["client"]):
        state = new["client"][request]
        reply = f" with operation {state['seq']}, {state['outcome']}" if state["is"] == "replied" else ""
        yield f"the request {request} is {state['is']}{reply}"


def _root(plan: Mapping[str, Any]) -> str:
    match plan["kind"]:
        case "request" | "inject":
            return f"the {plan['kind']} {plan['program']} to {plan['to']}"
        case "post":
            return f"the post {plan['program']} of {plan['from']} to {plan['to']}"
        case "timer":
            return f"the timer {plan['program']} of {plan['to']}"
        case "rollback":
            return f"a rollback to world {plan['to']}"
        case kind:
            return f"the operation {kind}"


def _plain(value: Any) -> str:
    return " ".join(_plain(each) for each in value) if isinstance(value, tuple) else str(value)
