"""Variables of the published engine, and the paths of flows that have the same values.

The engine looks a variable up in the outputs of steps and subs, under output keys, and in the context of the run. In
a template it skips each segment ``output``; in a condition a step is a map with the one key ``output``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from gritstone.flow.importing.conditions import NotPossible
from gritstone.flow.importing.source import Source

__all__ = ["References"]

_SEGMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_VARIABLE = re.compile(r"\$(\w+(?:\.\w+)*)")
_MOST_SEGMENTS = 8
_OF_EVENTS = ("__webhook__", "__webhook_source__")

Note = Callable[[str], None]


class References:
    """The variables of one program.

    Attributes:
        inputs: the keys of the input that the program reads.
    """

    def __init__(self, source: Source, nodes: Mapping[str, list[str]]) -> None:
        """Read variables of a program.

        Args:
            source: the program.
            nodes: the names of the nodes of each step; none if no way leads to the step.
        """
        self.inputs: set[str] = set()
        self._source = source
        self._nodes = nodes
        self._keys: dict[str, list[str]] = {}
        for step in source.steps:
            if step["output_key"]:
                self._keys.setdefault(step["output_key"], []).append(step["id"])

    # --- conditions ----------------------------------------------------------------------------------------

    def in_condition(self, text: str) -> str:
        """Return the path of a variable of a condition.

        Raises:
            NotPossible: no path has its value.
        """
        root, *rest = text.split(".")
        if root in self._keys:
            step = self._producer(root)
            if rest[:1] == ["output"]:
                if self._type(step) != "llm":
                    raise NotPossible(f"${text} depends on whether the value has a key output; write ${root}")
                rest = rest[1:]
            return self._path(text, "out", self._node(step), *rest)
        if root in self._source.index or root in self._source.subs:
            if rest[:1] != ["output"]:
                raise NotPossible(f"${text} is not the output of the step; write ${root}.output")
            return self._of_step(text, root, rest[1:])
        if rest[:1] == ["output"]:
            raise NotPossible(f"${text} depends on whether the value has a key output")
        return self._of_input(text, root, rest)

    # --- templates -----------------------------------------------------------------------------------------

    def template(self, value: Any, note: Note, *, is_nested: bool = False) -> Any:
        """Return the template of an argument or a prompt.

        Raises:
            NotPossible: it has no template.
        """
        if isinstance(value, str):
            return value.replace("$", "$$") if is_nested else self._text(value, note)
        if isinstance(value, Mapping):
            if not all(type(name) is str for name in value):
                raise NotPossible("a key of a map is not a text")
            return {name: self.template(item, note, is_nested=True) for name, item in value.items()}
        if isinstance(value, list):
            return [self.template(item, note, is_nested=True) for item in value]
        if value is None or type(value) in (bool, int):
            return value
        raise NotPossible(f"a value of the type {type(value).__name__} is not a value of a flow")

    def _text(self, text: str, note: Note) -> str:
        whole = _VARIABLE.fullmatch(text)
        if whole is not None:
            path = self._in_template(whole[1])
            if path is not None:
                return f"${path}"
        made, at = "", 0
        for found in _VARIABLE.finditer(text):
            path = self._in_template(found[1])
            if path is None:
                note(f"{found[0]} stays a text, as a key of an input does not begin with a digit")
            made += text[at : found.start()].replace("$", "$$")
            made += f"$${found[1]}" if path is None else f"${{{path}}}"
            at = found.end()
        return made + text[at:].replace("$", "$$")

    def _in_template(self, text: str) -> str | None:
        """Return the path of a variable of a template; None for a text such as ``$5``."""
        root, *rest = text.split(".")
        if root in self._source.index or root in self._source.subs:
            return self._of_step(text, root, [one for one in rest if one != "output"])
        if "0" <= root[0] <= "9":
            return None
        if rest:
            raise NotPossible(f"the engine does not replace ${text}: only outputs of steps have members there")
        if root in self._keys:
            return self._path(text, "out", self._node(self._producer(root)))
        return self._of_input(text, root, [])

    # --- both ----------------------------------------------------------------------------------------------

    def _of_input(self, text: str, root: str, rest: list[str]) -> str:
        if root in _OF_EVENTS:
            raise NotPossible(f"${text} is what resumed the program; read the output of the step that was suspended")
        self.inputs.add(root)
        return self._path(text, "input", root, *rest)

    def _of_step(self, text: str, root: str, rest: list[str]) -> str:
        parent = self._source.subs.get(root)
        step = root if parent is None else parent
        if self._type(step) == "condition":
            raise NotPossible(f"${text} is the target of a condition, which has no value in a flow")
        return self._path(text, "out", self._node(step), *([] if parent is None else [root]), *rest)

    def _type(self, step: str) -> str:
        return str(self._source.steps[self._source.index[step]]["type"])

    def _producer(self, key: str) -> str:
        steps = self._keys[key]
        if len(steps) > 1:
            raise NotPossible(f"several steps set ${key}: {', '.join(steps)}")
        return steps[0]

    def _node(self, step: str) -> str:
        nodes = self._nodes[step]
        if not nodes:
            raise NotPossible(f"the step {step!r} is read, and no way leads to it")
        if len(nodes) > 1:
            raise NotPossible(f"the step {step!r} is read, and is entered in sequence and as a target of a condition")
        return nodes[0]

    def _path(self, text: str, *segments: str) -> str:
        for one in segments:
            if _SEGMENT.fullmatch(one) is None:
                raise NotPossible(f"${text} has a segment that a variable of a flow cannot have: {one!r}")
        if len(segments) > _MOST_SEGMENTS + 1:
            raise NotPossible(f"${text} has more than {_MOST_SEGMENTS} segments")
        return ".".join(segments)
