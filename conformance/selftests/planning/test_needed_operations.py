"""A property uses the operations that its rules need, and few others: a missing operation breaks few cases.

The operations that a property uses are read from its code: the methods of ``Pair`` that its body names, and those that
the functions of ``properties.grit`` that it calls name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache, partial
from types import CodeType, FunctionType
from typing import Any, Final

import pytest

from gritstone_conformance.properties import load_properties
from gritstone_conformance.rules import load_rules
from gritstone_conformance.trial import Property

RULES: Final = load_rules().rules

PACKAGE: Final = "gritstone_conformance.properties."

METHODS: Final = {
    "prune": {"prune"},
    "export": {"export", "export_file", "export_piece"},
    "erase": {"erase"},
    "damage": {"damage"},
}
"""The methods of ``Pair`` that make a request; that for an import has the name of a method of a tape."""

NEEDED: Final = {
    "prune": {
        "id/zero-arguments": "the rule is about every operation with an id",
        "ref/two-handles-pruned": "the rule is about every operation on another handle",
    },
    "export": {
        "bundle/*": "the rules of the topic are about bundles",
        "crash/import": "what an import left is seen in an export",
        "crash/prune": "what a prune left is seen in an export",
        "crash/*-at-each-write": "what is left is seen in an export",
        "erase/no-trace": "a bundle holds the bytes of a blob, too",
        "erase/no-way-back": "an import shows whether the blob is restored, and an export shows the tombstone",
        "erase/not-over-bytes": "the model exports",
        "shared/*": "an export reads all that several processes wrote",
        "store/handle-closed": "a transfer in progress is an export or an import",
    },
    "erase": {
        "crossing/bounds*": "an erased object is one of the states",
        "crossing/bytes*": "an erased object is one of the states",
        "crossing/killed-bounds*": "an erased object is one of the states",
        "crash/import": "the bundle has tombstones",
        "crash/import-at-each-write": "the bundle has tombstones",
        "erase/not-over-bytes": "the model erases",
        "id/zero-arguments": "the rule is about every operation with an id",
    },
    "damage": {
        "crossing/*": "only rows that need the feature damage",
        "id/zero-arguments": "the rule is about every operation with an id",
    },
}
"""What a case needs an operation for that none of its rules names."""


def names_in(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from names_in(constant)


def names_of(body: Any, seen: set[object]) -> set[str]:
    """Return the names that a function uses, with those of the property functions that it may call."""
    if isinstance(body, partial):
        return set().union(*(names_of(each, seen) for each in (body.func, *body.args, *body.keywords.values())))
    if not isinstance(body, FunctionType) or body in seen or not body.__module__.startswith(PACKAGE):
        return set()
    if body.__module__.endswith((".pair", ".registry")):
        return set()
    seen.add(body)
    names = set(names_in(body.__code__))
    return names.union(*(names_of(body.__globals__.get(name), seen) for name in names))


@cache
def grit() -> list[Property]:
    return [prop for prop in load_properties() if prop.name.startswith("grit/")]


def is_named(operation: str, prop: Property) -> bool:
    stem = operation.removesuffix("e")  # an erased blob, a damaged object
    return any(re.search(rf"\b{stem}", RULES[rule].text, re.IGNORECASE) for rule in prop.rules)


def is_listed(operation: str, prop: Property) -> str | None:
    slug = prop.name.removeprefix("grit/").removesuffix("-cbor").removesuffix("-framed")
    return next((glob for glob in NEEDED[operation] if fnmatchcase(slug, glob)), None)


@pytest.mark.parametrize("operation", METHODS)
def test_property_uses_only_the_operations_it_needs(operation: str) -> None:
    asking = [prop for prop in grit() if names_of(prop.body, set()) & METHODS[operation]]
    assert asking, "no property was found to use the operation"
    assert [prop.name for prop in asking if not is_named(operation, prop) and not is_listed(operation, prop)] == []


@pytest.mark.parametrize("operation", METHODS)
def test_each_listed_need_is_in_use(operation: str) -> None:
    asking = [prop for prop in grit() if names_of(prop.body, set()) & METHODS[operation]]
    used = {is_listed(operation, prop) for prop in asking if not is_named(operation, prop)}
    assert set(NEEDED[operation]) - used == set()


PRUNING: Final = (
    "prune",
    "store/rewritten",
    "graph/long-chain",
    "graph/deep-trees",
    "store/commands",
    "crossing/",
    "id/zero",
)


def test_cases_that_prune_have_prune_in_their_name() -> None:
    asking = {prop.name for prop in grit() if names_of(prop.body, set()) & METHODS["prune"]}
    others = {name for name in asking if not any(word in name for word in PRUNING)}
    assert others == set()
