"""Optional parts of the reference: speed and isolation. The specification requires none of them.

A reader of the profiles can skip this package. Its results are the same as those of the plain code.

These parts are only faster. One switch replaces the plain parts by all of them: ``turn_on`` and ``turn_off``. The kit
and the adapter turn it on; ``python -m gritstone.harness --plain`` leaves it off.

- ``encoding_templates``: encode objects of the same shape without repeating the work.
- ``resident_images``: keep memory images of guests in memory, and find the pages that a call wrote.
- ``native_calls``: call the engine through its C interface.
- ``remembered_talks``: keep what a guest of sessions has read and prepared.

These run guests in a separate process, for a host that passes ``Isolated`` in the place of ``Guests``.

- ``isolation``, ``worker``, ``frames``.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from gritstone.switch import set_faster

__all__ = ["turn_off", "turn_on"]


def _encoder() -> Any:
    from gritstone.optional.encoding_templates import encoder_of

    return encoder_of


def _images() -> Any:
    from gritstone.optional.resident_images import ResidentImages

    return ResidentImages


def _engine_calls() -> Any:
    from gritstone.optional.native_calls import NativeCalls

    return NativeCalls()


@cache
def _talks() -> Any:
    from gritstone.optional.remembered_talks import RememberedTalks

    return RememberedTalks()


def turn_on() -> None:
    """Use the faster parts from now on. They are loaded at their first use."""
    set_faster({"encoder": _encoder, "images": _images, "engine calls": _engine_calls, "talks": _talks})


def turn_off() -> None:
    """Use only the plain parts from now on."""
    set_faster({})
