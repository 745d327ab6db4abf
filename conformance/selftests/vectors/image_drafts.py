"""Drafts of vectors of images: scripts of requests, run on the model, whose replies become the expected ones.

A script states how each of its operations ends, and making the vectors fails if the model ends it in another way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from gritstone_conformance.cases import Case, CaseStep, Requires
from gritstone_conformance.model.formats import FRAMED_SHA256, Format
from gritstone_conformance.model.image_host import ImageHost
from gritstone_conformance.model.values import Tree
from gritstone_conformance.properties.image.imaged import Imaged
from gritstone_conformance.strategies.image.ops import Draft as Program
from gritstone_conformance.trial import Trial

__all__ = ["Drafts", "ImageDraft", "Program", "Script", "add_kernel", "case_of_image", "held", "run_script", "still"]

Script = Callable[[Any], None]
"""Makes the requests, on the scene of its draft."""

Scene = Callable[[Trial, Format], Imaged]

Drafts = Iterator[tuple[str, str, Script]]
"""Topic and slug, the rules without ``image.``, and the script of each case."""


@dataclass(frozen=True, slots=True)
class ImageDraft:
    """One case, before it is made in a format.

    Attributes:
        name: topic and slug.
        rules: the rules without ``image.``, the main rule first.
        script: makes the requests.
        features: features that the case needs in addition.
        scene: what the script is run on.
    """

    name: str
    rules: tuple[str, ...]
    script: Script
    features: tuple[str, ...] = ()
    scene: Scene = Imaged


def case_of_image(draft: ImageDraft, fmt: Format) -> Case:
    """Return the case of a draft in a format; raises AssertionError if the model does not end as the draft states."""
    plain = f"image/{draft.name}"
    title = plain if fmt is FRAMED_SHA256 else f"{plain}-in-cbor"
    rules = tuple(f"image.{rule}" for rule in draft.rules)
    profiles = ("image", "wasm") if "image.wasm" in draft.features else ("image",)
    requires = Requires((fmt.name,), draft.features, profiles)
    return Case(title, rules, requires, run_script(draft.script, fmt, rules[0], draft.scene))


def run_script(script: Script, fmt: Format, rule: str, scene: Scene = Imaged) -> tuple[CaseStep, ...]:
    """Run a script on a new image of the model; return its requests with the replies, the newest world last."""
    host = ImageHost()
    trial = Trial(host, rule, host.spawn)
    imaged = scene(trial, fmt)
    script(imaged)
    imaged.world(rule=rule)
    imaged.flush()
    steps = tuple(trial.steps)
    trial.finish()
    return steps


def add_kernel(imaged: Imaged) -> None:
    """Add the first core of K to the stage, so that programs can name it."""
    kernel = imaged.model.shelf.get(imaged.image.kernel)
    assert isinstance(kernel, Tree)
    assert imaged.stage.graph.add(kernel) == imaged.image.kernel


def held(imaged: Imaged, title: str, *caps: str, to_all: str = "", **limits: int) -> bytes:
    """Create a principal with some capabilities that admits the types ``run`` and ``to_all`` from every actor."""
    entry = dict.fromkeys(("run", *to_all.split()), "*")
    actor = imaged.stage.actor(title, caps=caps, entry=entry, limits=limits)
    imaged.create(actor)
    return actor


def still(imaged: Imaged, *actors: bytes) -> Callable[[], None]:
    """Return a check that the cores of actors are as they are now."""
    before: Final = [imaged.core(actor) for actor in actors]

    def check() -> None:
        assert [imaged.core(actor) for actor in actors] == before, "a core has changed"

    return check
