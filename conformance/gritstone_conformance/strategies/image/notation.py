"""A short notation of operations: ``A{x=1 join B{y=1 !}}`` is a message to A whose program writes x and joins B.

::

    message  = actor "{" *item "}"
    item     = path "=" text            op write
             / path "+" digits          op add
             / mode SP message          op send of a message ``run``
             / "!" [code]               op fail
             / "~" digits               op spin
    mode     = "join" / "save" / "post"

Spec: ``image/operation``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from gritstone_conformance.strategies.image.cores import ImageStage
from gritstone_conformance.strategies.image.ops import MODES, Draft

__all__ = ["TREES", "Told", "parse"]

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<mode>join|save|post)\s+)?(?:(?P<actor>[A-Z])\{|(?P<end>\})|!(?P<code>[a-z-]*)|~(?P<units>\d+)"
    r"|(?P<path>[a-z/]+)(?P<how>[=+])(?P<value>\d+))"
)

TREES: Final = (
    "A{x=1 join B{y=1}}",
    "A{x=1 !}",
    "A{x=1 join B{y=1 !}}",
    "A{save B{y=1} join C{!}}",
    "A{x=30 save B{y=31 !} join C{z=33}}",
    "A{x=1 save B{y=1 join C{z=1 !}}}",
    "A{x=1 save B{y=1 save C{z=1} join D{!}}}",
    "A{save B{y=1 save C{z=1 !}}}",
    "A{x=50 save A{x=51 !}}",
    "A{x=1 save B{join A{x=9} join B{!}}}",
    "A{save B{post C{z=1} !} post D{w=1}}",
)
"""The table of savepoints in ``image/examples``."""


@dataclass(frozen=True, slots=True)
class Told:
    """A message in the notation: the name of its receiver, and its program."""

    actor: str
    program: bytes


def parse(stage: ImageStage, actors: Mapping[str, bytes], text: str) -> Told:
    """Add the programs of a message in the notation; return the outermost one."""
    open_: list[tuple[str, str, Draft]] = []
    for token in _tokens(text):
        if token["actor"] is not None:
            open_.append((token["mode"] or "", token["actor"], stage.draft()))
        elif token["end"] is not None:
            mode, name, draft = open_.pop()
            if not open_:
                return Told(name, draft.seal())
            open_[-1][2].send(MODES[mode], actors[name], "run", draft.seal())
        else:
            _append(open_[-1][2], token)
    raise ValueError(f"{text}: a message has no end")


def _tokens(text: str) -> Iterator[dict[str, str | None]]:
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise ValueError(f"{text}: unknown item at {at}")
        yield found.groupdict()
        at = found.end()


def _append(draft: Draft, token: Mapping[str, str | None]) -> None:
    path, value = token["path"], token["value"]
    if path is not None and value is not None:
        if token["how"] == "=":
            draft.write(path, value)
        else:
            draft.add(path, int(value))
    elif token["units"] is not None:
        draft.spin(int(token["units"]))
    else:
        draft.fail(token["code"] or "")
