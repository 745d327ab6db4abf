"""Python source for code with labels: blocks of lines, and a loop that goes from one to the next.

Python has no jumps, so a function is a loop over a number, the place of the block to run. A block that ends falls into
the one after it; a jump sets the place and continues the loop. Blocks are found by halving.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

__all__ = ["Blocks", "Label"]

_LEAF: Final = 6  # blocks that are tried one after the other


@dataclass(eq=False, slots=True)
class Label:
    """A place to jump to; its number is known when its block begins."""

    place: int = -1


@dataclass(slots=True)
class Blocks:
    """Lines that are being written, in blocks; a line may hold labels, as ``{0}``."""

    found: list[list[tuple[str, tuple[Label, ...]]]] = field(default_factory=lambda: [[]])
    open: bool = True
    """Whether control reaches the end of the last block."""

    def line(self, text: str, *labels: Label) -> None:
        """Write one line."""
        self.found[-1].append((text, labels))

    def jump(self, label: Label, condition: str = "") -> None:
        """Jump to a label, if the condition holds where one is given."""
        indent = ""
        if condition:
            self.line(f"if {condition}:")
            indent = " "
        self.line(indent + "pc = {0}", label)
        self.line(indent + "continue")
        self.open = self.open and bool(condition)

    def begin(self, label: Label) -> None:
        """Begin the block of a label; the last block falls into it if its end can be reached."""
        if self.open:
            self.line("pc = {0}", label)
        label.place = len(self.found)
        self.found.append([])
        self.open = True

    def render(self, indent: str) -> Iterator[str]:
        """Yield the lines of the whole."""
        if len(self.found) == 1:
            yield from self._block(0, indent)
            return
        yield f"{indent}pc = 0"
        yield f"{indent}while True:"
        yield from self._halves(range(len(self.found)), indent + " ")

    def _halves(self, places: Sequence[int], indent: str) -> Iterator[str]:
        if len(places) <= _LEAF:
            for place in places:
                yield f"{indent}if pc == {place}:"
                yield from self._block(place, indent + " ")
            return
        middle = len(places) // 2
        yield f"{indent}if pc < {places[middle]}:"
        yield from self._halves(places[:middle], indent + " ")
        yield f"{indent}else:"
        yield from self._halves(places[middle:], indent + " ")

    def _block(self, place: int, indent: str) -> Iterator[str]:
        for text, labels in self.found[place]:
            yield indent + (text.format(*[label.place for label in labels]) if labels else text)
        if not self.found[place]:
            yield f"{indent}pass"
