"""Objects as values, and the table of fields."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from types import MappingProxyType

import pytest

from gritstone.grit import Blob, Kind, Mailbox, Message, Step, Tree
from gritstone.grit.objects import FIELDS, KINDS, Shape

A = bytes(range(1, 33))


def test_the_table_names_the_attributes_in_order() -> None:
    for kind, class_ in KINDS.items():
        assert class_.kind is kind
        assert [field.name for field in FIELDS[kind]] == [field.name for field in fields(class_)]


def test_every_id_field_allows_some_kind() -> None:
    for kind in Kind:
        for field in FIELDS[kind]:
            holds_ids = field.shape not in (Shape.HEADERS, Shape.DATA)
            assert bool(field.leads_to) == holds_ids
            assert bool(field.keys_lead_to) == (field.shape is Shape.KEYED_IDS)


def test_kind_words_are_lower_case() -> None:
    assert [kind.word for kind in Kind] == ["blob", "tree", "message", "mailbox", "step"]


def test_object_does_not_change_with_the_map_it_was_made_from() -> None:
    entries = {"a": A}
    tree = Tree(entries)
    entries["b"] = A
    assert dict(tree.entries) == {"a": A}
    with pytest.raises(TypeError):
        tree.entries["c"] = A  # type: ignore[index]


def test_read_only_views_are_not_copied() -> None:
    view = MappingProxyType({"a": "b"})
    assert Blob(view, b"").headers is view


def test_setting_an_attribute_of_an_object_raises() -> None:
    with pytest.raises(FrozenInstanceError):
        Step(None, A, None, None, A).core = A  # type: ignore[misc]


def test_objects_with_entries_in_another_order_are_equal() -> None:
    assert Tree({"a": A, "b": A}) == Tree({"b": A, "a": A})
    assert Message(None, {"a": "1", "b": "2"}, A) == Message(None, {"b": "2", "a": "1"}, A)
    assert Mailbox({A: A}) != Mailbox({A: bytes(31) + b"x"})
