"""``gritstone doctor``: check an adapter step by step, and show each result; advice follows each bad one."""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from itertools import count
from typing import Final

from gritstone_conformance.attachment.target import Target, attach_settings_of
from gritstone_conformance.doctor.ladder import GRACE, BadRungError, UnaskedRung, climb
from gritstone_conformance.text import counted, say

__all__ = ["run_command"]

_MOST_IN_FULL: Final = 5  # bad rungs; for further ones only the first line is shown


def run_command(options: argparse.Namespace) -> int:
    """Run all rungs; return 0 if every rung is good, else 1."""
    target = Target.parse(options.iut, options.connect)
    ladder = climb(target, replace(attach_settings_of(options), grace=GRACE, hellos=1))
    bad: list[str] = []
    in_full = unasked = 0
    for number in count(1):
        started = time.perf_counter()
        try:
            name, seen = next(ladder)
        except StopIteration:
            break
        except BadRungError as fatal:
            _say_bad(number, fatal, in_full=True)
            return 1
        took_ms = (time.perf_counter() - started) * 1000
        match seen:
            case BadRungError():
                shows = not bad or (in_full < _MOST_IN_FULL and not seen.is_lacking)
                _say_bad(number, seen, in_full=shows)
                in_full += shows
                bad.append(name)
            case UnaskedRung():
                unasked += 1
                say(f"{number:>2} {name:<22} not checked: {seen.why}")
            case _:
                say(f"{number:>2} {name:<22} ok  {took_ms:>5.0f} ms   {seen}".rstrip())
    if bad:
        rest = f", {unasked} not checked" if unasked else ""
        say(f"{counted(len(bad), 'rung is', 'rungs are')} bad{rest}. Start with the first: {bad[0]}")
    return 1 if bad else 0


def _say_bad(number: int, bad: BadRungError, *, in_full: bool) -> None:
    say(f"{number:>2} {bad.lines[0]}")
    for line in bad.lines[1:] if in_full else ():
        say(f"   {line}")
