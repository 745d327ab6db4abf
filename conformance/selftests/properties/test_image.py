"""The properties of images: the model passes them, also killed, and planted faults are reported under their rules."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import pytest

import gritstone_conformance.properties.image as package
from gritstone_conformance.model.image.state import State
from gritstone_conformance.model.image.views import View
from gritstone_conformance.model.image_host import ImageHost
from gritstone_conformance.planning.settings import examples_of
from gritstone_conformance.properties.image import beside, killing
from gritstone_conformance.properties.image.imaged import Imaged
from gritstone_conformance.replies import Json
from gritstone_conformance.trial import Divergence, Property
from selftests.properties.model_runs import run_on_model
from selftests.properties.test_kills import run_on_host

MODULES = [
    importlib.import_module(f"{package.__name__}.{each.name}") for each in pkgutil.iter_modules(package.__path__)
]
PROPERTIES: list[Property] = [prop for module in MODULES for prop in getattr(module, "PROPERTIES", ())]
APART = {prop.name for prop in (*killing.PROPERTIES, *beside.PROPERTIES)}
BY_NAME = {prop.name: prop for prop in PROPERTIES}
SUPPORTED = [prop for prop in PROPERTIES if set(prop.requires.features) <= set(ImageHost().claims.features)]


@pytest.fixture(autouse=True)
def _audited() -> Iterator[None]:
    """Judge the histories of the model; a gate only compares those of an implementation with them."""
    with patch.object(Imaged, "is_audited", True):
        yield


@pytest.mark.parametrize("prop", [prop for prop in SUPPORTED if prop.name not in APART], ids=lambda prop: prop.name)
def test_model_passes(prop: Property) -> None:
    run_on_model(prop, ImageHost(), examples_of(prop, "gate"))


@pytest.mark.parametrize("prop", [prop for prop in SUPPORTED if prop.name in APART], ids=lambda prop: prop.name)
def test_model_passes_with_other_processes(prop: Property) -> None:
    run_on_host(prop, ImageHost())


class Planted(ImageHost):
    """A model with a fault that is active only while it answers."""

    def __init__(self, owner: Any, name: str, fault: Any) -> None:
        super().__init__()
        self.planted = owner, name, fault

    def spawn(self) -> Planted:
        return Planted(*self.planted)

    def _answer(self, op: str, args: dict[str, Json]) -> dict[str, Json]:
        owner, name, fault = self.planted
        with patch.object(owner, name, fault):
            return super()._answer(op, args)


def _nothing(*args: Any, **kwargs: Any) -> None:
    return None


def _nobody(*args: Any) -> list[bytes]:
    return []


FAULTS: list[tuple[Any, str, Callable[..., Any], str, str]] = [
    (State, "recorded", _nothing, "request/once-framed", "image.request.once"),
    (State, "next_root", _nothing, "post/iff-cbor", "image.post.iff"),
    (View, "unread", _nobody, "order/waiting-posts-cbor", "image.op.order"),
]


@pytest.mark.parametrize(("owner", "name", "fault", "case", "rule"), FAULTS)
def test_planted_fault_is_reported(owner: Any, name: str, fault: Any, case: str, rule: str) -> None:
    with pytest.raises(Divergence) as found:
        run_on_model(BY_NAME[f"image/{case}"], Planted(owner, name, fault), 2)
    assert found.value.rule == rule
