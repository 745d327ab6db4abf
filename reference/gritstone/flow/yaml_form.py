"""The YAML form of values. It needs the extra ``gritstone[yaml]``.

Only the part of YAML 1.2 that JSON has is read: ``yes`` and ``no`` are texts, ``true`` and ``false`` are booleans, and
there are no aliases, dates, fractions and repeated keys. The only tag is ``!!str`` of a scalar. A ref is a map with the
one member ``$ref``.

Spec: ``flow/values``.
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any

from gritstone.errors import Exhausted, Malformed
from gritstone.flow.json_form import plain, read_json, value_of_members
from gritstone.flow.values import Value, encode_value

__all__ = ["read_yaml", "write_yaml"]

_MOST_CHARACTERS = 1 << 20
_INT, _BOOL, _NULL, _FLOAT, _TEXT = (f"tag:yaml.org,2002:{name}" for name in ("int", "bool", "null", "float", "str"))
_PLAIN = (
    (_NULL, re.compile(r"(?:~|null|)$"), ["~", "n", ""]),
    (_BOOL, re.compile(r"(?:true|false)$"), ["t", "f"]),
    (_INT, re.compile(r"-?(?:0|[1-9][0-9]*)$"), list("-0123456789")),
    (_FLOAT, re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)(?:[eE][-+]?[0-9]+)?$"), list("-+.0123456789")),
)


def read_yaml(text: str) -> Value:
    """Return the value of a YAML text.

    Raises:
        Malformed: the text is not YAML, or has no value of a flow.
        Exhausted: the text is longer than 2^20 characters, or the value is nested too deeply.
        ModuleNotFoundError: the extra is not installed.
    """
    if len(text) > _MOST_CHARACTERS:
        raise Exhausted("the YAML text is too long", rule="flow.value.limits", expected=f"at most {_MOST_CHARACTERS}")
    yaml = _library()
    try:
        value = yaml.load(text, _loader(yaml))
    except (yaml.YAMLError, ValueError) as error:
        where = " ".join(str(error).split())
        raise Malformed(f"the text is not YAML of a value: {where}", rule="flow.value.canonical") from None
    except RecursionError:
        raise Exhausted("the YAML text is nested too deeply", rule="flow.value.limits") from None
    encode_value(value, None)
    return value


def write_yaml(value: Value) -> str:
    """Return the YAML form of a value.

    Raises:
        Malformed: a map has the one member ``$ref``, so it has no YAML form.
        ModuleNotFoundError: the extra is not installed.
    """
    yaml = _library()

    class Dumper(yaml.SafeDumper):  # type: ignore[misc, name-defined]
        def ignore_aliases(self, data: Any) -> bool:
            return True

    return str(yaml.dump(plain(value), Dumper=Dumper, sort_keys=False, allow_unicode=True, width=100))


def _library() -> Any:
    try:
        return import_module("yaml")
    except ModuleNotFoundError:
        raise ModuleNotFoundError("YAML needs the extra: pip install 'gritstone[yaml]'", name="yaml") from None


def _loader(yaml: Any) -> Any:
    """Return a class that reads values and nothing else."""

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - the form of the library
        yaml_constructors: dict[str, Any] = {}  # noqa: RUF012

        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                raise ValueError("aliases are not supported")
            event = self.peek_event()
            tag = getattr(event, "tag", None)
            if tag is not None and not (tag == _TEXT and isinstance(event, yaml.ScalarEvent)):
                raise ValueError(f"{tag} is not supported")
            return super().compose_node(parent, index)

    for tag, expression, first in _PLAIN:
        Loader.add_implicit_resolver(tag, expression, first)
        Loader.add_constructor(tag, _scalar)
    Loader.add_constructor(_TEXT, _text)
    Loader.add_constructor("tag:yaml.org,2002:map", _members)
    Loader.add_constructor("tag:yaml.org,2002:seq", _listed)
    return Loader


def _scalar(loader: Any, node: Any) -> Value:
    return read_json(node.value or "null") if node.value != "~" else None


def _text(loader: Any, node: Any) -> Value:
    return node.value


def _members(loader: Any, node: Any) -> Value:
    pairs = [(loader.construct_object(key, True), loader.construct_object(one, True)) for key, one in node.value]
    if any(type(key) is not str for key, _ in pairs):
        raise ValueError("a key is not a text")
    return value_of_members(pairs)


def _listed(loader: Any, node: Any) -> Value:
    return [loader.construct_object(one, True) for one in node.value]
