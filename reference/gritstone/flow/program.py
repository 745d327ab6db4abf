"""Programs and policies for people: written in Python, JSON or YAML, and checked.

::

    program = Program.load("refund.yaml")
    for defect in program.check(policy):
        print(defect.at, defect.code, defect.text)

Spec: ``flow/documents``, ``flow/check``.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

from gritstone.errors import Exhausted, Malformed, Rejected
from gritstone.exact import exact_copy
from gritstone.flow.check import check
from gritstone.flow.forms import is_name
from gritstone.flow.json_form import read_json, write_json
from gritstone.flow.limits import MOST_PROGRAM_BYTES, MOST_VALUE_BYTES
from gritstone.flow.shapes import POLICY
from gritstone.flow.values import Value, encode_value
from gritstone.flow.yaml_form import read_yaml, write_yaml

__all__ = ["HOST", "Defect", "Defects", "Document", "Policy", "Program", "encoding_or_problem"]

HOST = "host"
"""The peer that the functions here name: the host."""

_TEXTS = {
    "core": (1, "the first core has another form"),
    "program-malformed": (2, "the program is not a value within its limits"),
    "policy-malformed": (2, "the policy is not a value within its limits"),
    "input-malformed": (2, "the input is not a value within its limits, or not a map"),
    "policy-shape": (3, "the policy is not of the form of a policy"),
    "shape": (4, "a member is unknown, missing or out of range"),
    "unknown-target": (5, "start, an exit or an element of depends_on does not exist"),
    "unknown-tool": (5, "the policy does not have the tool"),
    "unknown-param": (5, "an argument is not a parameter of the tool"),
    "unknown-event": (5, "the policy does not have the event"),
    "unknown-variable": (5, "a variable is not available here"),
    "unknown-peer": (5, "the policy does not have the peer"),
    "unknown-ref": (5, "the flow does not have the ref"),
    "expression": (5, "the expression is malformed or too long"),
    "template": (5, "a text of the template is malformed"),
    "policy-expression": (5, "the condition of the tool is malformed or too long"),
    "policy-variable": (5, "a variable of the condition is not available here"),
    "no-timer": (5, "the policy has no timer"),
    "unguarded": (5, "the tool is guarded and the node has no guards"),
    "depends-cycle": (5, "the call depends on itself"),
    "unreachable": (6, "there is no way from start to the node"),
    "no-exit": (6, "there is no way from start to an end"),
    "cycle": (6, "there is a way from the node to itself, and max_visits is 1"),
    "guard": (6, "a guard is not an exit of a branch, or a way to the node avoids it"),
}


class Defect(NamedTuple):
    """One reason why a program cannot run.

    Attributes:
        at: a node, a sub (``node.sub``), a tool, or nothing for the whole.
        code: a word of ``defects.json``.
    """

    at: str
    code: str

    @property
    def stage(self) -> int:
        """Return the stage of the check, 1 to 6."""
        return _TEXTS[self.code][0]

    @property
    def text(self) -> str:
        """Return the condition in words."""
        return _TEXTS[self.code][1]

    def __str__(self) -> str:
        return f"{self.at or 'program'}: {self.code}: {self.text}"


class Defects(Rejected):
    """A program that cannot run.

    Attributes:
        defects: all defects, in ascending order.
    """

    def __init__(self, defects: Iterable[Defect], problems: Iterable[str] = ()) -> None:
        """List the defects.

        Args:
            defects: the defects.
            problems: what is wrong in documents that are not values.
        """
        self.defects = list(defects)
        listed = "; ".join([*map(str, self.defects), *filter(None, problems)])
        super().__init__(f"the program has {len(self.defects)} defects: {listed}", rule="flow.check.defects")


def encoding_or_problem(value: Value, most: int = MOST_VALUE_BYTES) -> tuple[bytes, str]:
    """Return the encoding of a value and nothing, or nothing and why it has no encoding."""
    try:
        return encode_value(value, most), ""
    except (Malformed, Exhausted) as refusal:
        return b"", str(refusal)


_D = TypeVar("_D", bound="Document")


class Document:
    """A document that people write. It may have defects, which a check reports.

    Attributes:
        value: the value; it is not changed.
        data: its encoding; empty if it has none, for example because it contains a fraction.
        problem: why it has no encoding; empty if it has one.
    """

    most_bytes = MOST_VALUE_BYTES

    def __init__(self, value: Value) -> None:
        self.value = copy.deepcopy(value)
        self.data, self.problem = encoding_or_problem(self.value, self.most_bytes)
        if self.data:
            self.value = exact_copy(self.value)

    @classmethod
    def from_value(cls: type[_D], value: Value) -> _D:
        """Return the document of a value."""
        made = cls.__new__(cls)
        Document.__init__(made, value)
        return made

    @classmethod
    def from_json(cls: type[_D], text: str) -> _D:
        """Read a document from JSON.

        Raises:
            Malformed: the text is not JSON, or has no value of a flow.
            Exhausted: the value is nested too deeply.
        """
        return cls.from_value(read_json(text))

    @classmethod
    def from_yaml(cls: type[_D], text: str) -> _D:
        """Read a document from YAML. It needs the extra ``gritstone[yaml]``.

        Raises:
            Malformed: the text is not YAML, or has no value of a flow.
            Exhausted: the text is too long, or the value is nested too deeply.
            ModuleNotFoundError: the extra is not installed.
        """
        return cls.from_value(read_yaml(text))

    @classmethod
    def load(cls: type[_D], path: str | Path) -> _D:
        """Read a file: YAML if its name ends with ``.yaml`` or ``.yml``, else JSON.

        Raises:
            OSError: the file cannot be read.
            Malformed, Exhausted, ModuleNotFoundError: as for ``from_json`` and ``from_yaml``.
        """
        return cls.from_value(read_file(Path(path)))

    def to_json(self) -> str:
        """Return the document as JSON.

        Raises:
            Malformed: a map has the one member ``$ref``, so it has no JSON form.
        """
        return write_json(self.value)

    def to_yaml(self) -> str:
        """Return the document as YAML. It needs the extra ``gritstone[yaml]``.

        Raises:
            Malformed: as for ``to_json``.
        """
        return write_yaml(self.value)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and isinstance(other, Document) and self.value == other.value

    def __hash__(self) -> int:
        return hash(self.data)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self.data)} bytes>"


def read_file(path: Path) -> Value:
    """Return the value of a YAML or JSON file.

    Raises:
        OSError: the file cannot be read.
        Malformed: the file is not UTF-8, or has no value of a flow.
    """
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError:
        raise Malformed(f"{path} is not UTF-8", rule="flow.value.canonical") from None
    return read_yaml(text) if path.suffix in (".yaml", ".yml") else read_json(text)


class Policy(Document):
    """A policy: which tools a program may call, with which arguments, and how much it may spend."""

    @classmethod
    def allow(
        cls,
        tools: Mapping[str, Iterable[str] | Mapping[str, Value]],
        *,
        events: Iterable[str] = (),
        limits: Mapping[str, int] | None = None,
    ) -> Policy:
        """Return a policy in which the host performs all tools, measures time, erases, and controls.

        Args:
            tools: the parameters of each tool, or its whole document without ``peer``.
            events: the names of the events that the host may send.
            limits: the limits of all programs.
        """
        listed: dict[str, Value] = {}
        for name, tool in tools.items():
            listed[name] = {"peer": HOST, **(tool if isinstance(tool, Mapping) else {"params": list(tool)})}
        roles = dict.fromkeys(("timer", "eraser", "agent"), HOST)
        value: dict[str, Value] = {"flow_policy": 1, "tools": listed, **roles}
        value["control"] = {name: [HOST] for name in ("cancel", "erase", "replan")}
        named = {name: [HOST] for name in events}
        if named:
            value["events"] = named
        if limits is not None:
            value["limits"] = dict(limits)
        return cls(value)

    @property
    def peers(self) -> list[str]:
        """Return the names of all peers in the policy, ascending; none if it has another form."""
        if not POLICY(self.value):
            return []
        found = {self.value[role] for role in ("timer", "eraser", "agent") if role in self.value}
        found.update(tool["peer"] for tool in self.value["tools"].values())
        for part in ("events", "control"):
            found.update(name for names in self.value.get(part, {}).values() for name in names)
        return sorted(found)


class Program(Document):
    """A program. Its nodes are documents, which the functions in ``nodes`` make."""

    most_bytes = MOST_PROGRAM_BYTES

    def __init__(
        self,
        name: str,
        *,
        start: str,
        nodes: Mapping[str, Mapping[str, Value]],
        limits: Mapping[str, int] | None = None,
        desc: str | None = None,
    ) -> None:
        """Make a program.

        Args:
            name: a name for people.
            start: the first node.
            nodes: the nodes by name.
            limits: the limits of the flow.
            desc: a text for people.
        """
        value: dict[str, Value] = {"flow": 1, "name": name, "start": start}
        value["nodes"] = {key: dict(node) for key, node in nodes.items()}
        if limits is not None:
            value["limits"] = dict(limits)
        if desc is not None:
            value["desc"] = desc
        super().__init__(value)

    @property
    def name(self) -> str:
        """Return the name; empty if there is none."""
        name = self.value.get("name") if isinstance(self.value, dict) else None
        return name if isinstance(name, str) else ""

    def check(
        self,
        policy: Policy,
        input: Value = None,  # noqa: A002 - the name in the core
        *,
        refs: Collection[str] = (),
        peers: Collection[str] | None = None,
    ) -> list[Defect]:
        """Return all defects, in ascending order; an empty list if the program can run.

        Args:
            policy: the policy.
            input: the input, a map; None for an empty one.
            refs: the names of the sealed blobs.
            peers: the names of the peers; None for those in the policy.
        """
        data, _ = encoding_or_problem({} if input is None else input)
        known = [name for name in policy.peers if is_name(name)] if peers is None else peers
        return [Defect(*one) for one in check(self.data, policy.data, data, known, refs)]

    def require(
        self,
        policy: Policy,
        input: Value = None,  # noqa: A002 - the name in the core
        *,
        refs: Collection[str] = (),
    ) -> None:
        """Check the program.

        Raises:
            Defects: it has defects.
        """
        found = self.check(policy, input, refs=refs)
        if found:
            _, problem = encoding_or_problem({} if input is None else input)
            raise Defects(found, [self.problem, policy.problem, problem])

    def mermaid(self, trace: Iterable[Mapping[str, Value]] = ()) -> str:
        """Return the graph as a text for Mermaid. See ``drawing.mermaid``."""
        from gritstone.flow.drawing import mermaid

        return mermaid(self.value, trace)
