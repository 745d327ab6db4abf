"""The console: shows the progress of a run.

On a terminal, one line per profile is redrawn during the run; elsewhere lines are only added. A failure is shown when
it is found, the first one of each rule and signature, at most ten. Text from an implementation is already safe; only
this module adds styles.
"""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TextIO

from gritstone_conformance.planning.plan import Plan
from gritstone_conformance.planning.suite import SuiteData
from gritstone_conformance.replies import Json
from gritstone_conformance.reporting.conclusions import ending_lines
from gritstone_conformance.reporting.messages import (
    SHOWN,
    Teller,
    is_asked,
    known_line,
    opening_lines,
    signature_key,
)
from gritstone_conformance.results.expectations import Expectations
from gritstone_conformance.results.outcomes import Outcome
from gritstone_conformance.results.repeated_replies import RepeatedReplies
from gritstone_conformance.results.report import Conclusion
from gritstone_conformance.text import counted, plain, say

__all__ = ["Aside", "Console", "ConsoleOutput", "terminal_width"]

_BAR: Final = 20
_PLAIN_WIDTH: Final = 120
_EVERY_S: Final = 5.0  # between two progress lines


def terminal_width() -> int:
    """Return the width of the terminal, or 120 without a terminal."""
    return shutil.get_terminal_size((_PLAIN_WIDTH, 24)).columns


@dataclass(frozen=True, slots=True)
class ConsoleOutput:
    """The streams of a console.

    Attributes:
        stream: where to write.
        live: whether to redraw lines; requires a terminal.
        progress: the stream for progress of long operations if lines are not redrawn; None: no progress.
    """

    stream: TextIO
    live: bool
    progress: TextIO | None = None


class Console:
    """Shows a run in progress; a :class:`~gritstone_conformance.running.verification.Listener`.

    Args:
        data: rules and vectors, for texts and twins.
        plan: the cases to run.
        home: the report's directory.
        output: the streams.
    """

    def __init__(self, data: SuiteData, plan: Plan, home: Path, output: ConsoleOutput) -> None:
        self._data = data
        self._home = home
        self._out = output.stream
        self._planned = Counter(item.profile for item in plan.items if item.counted)
        self._tallies: dict[str, Counter[str]] = {profile: Counter() for profile in sorted(self._planned)}
        self._current: dict[str, str] = {}
        self._started = time.monotonic()
        self._teller: Teller | None = None
        self._shown: set[tuple[str, ...]] = set()
        self._replies = RepeatedReplies()
        self._expected: Expectations | None = None
        self._known: set[tuple[str, str, str]] = set()
        self._today = ""
        self._verdicts: dict[str, str] = {}
        self._asked = plan.selection.rule or "*"
        self._wants_live = output.live
        self._live: Any = None
        self._aside = None if output.progress is None else Aside(output.progress)

    def begin(self, header: Mapping[str, Json], notes: Sequence[str]) -> None:
        """Show the suite, the implementation and the notes of the plan."""
        width = terminal_width() if self._wants_live else _PLAIN_WIDTH
        self._teller = Teller(self._data.book, self._data.vectors.by_name(), header, self._home, width)
        for line in (*opening_lines(header), *(f"note: {note}" for note in notes)):
            self._line(line)
        self._today = header.get("today", "")
        self._expected = Expectations.from_json(header["expect"]) if "expect" in header else None
        if self._wants_live and header["iut"] is not None:
            self._live = _live_display(self._out, self._render())
            self._live.start()

    def notice(self, outcome: Outcome) -> None:
        """Add one outcome, and show it if it is a failure of a new kind."""
        self._tallies.setdefault(outcome.profile, Counter())[outcome.verdict] += 1
        self._current[outcome.profile] = outcome.rules[0]
        self._verdicts[outcome.case] = outcome.verdict
        if self._aside is not None:
            self._aside.clear()
        if outcome.verdict == "fail":
            self._replies.note(outcome)
            outcome = replace(outcome, may_follow_from=self._replies.source_of(outcome))
        if outcome.verdict in ("fail", "error"):
            self._show(outcome)
        if self._live is not None:
            self._live.update(self._render())

    def progress(self, case: str, seconds: float, tries: int) -> None:
        """Show the progress of shrinking: on the line of its profile, or on stderr."""
        words = f"shrinking {case}: {seconds:.0f} s, {counted(tries, 'try', 'tries')}"
        if self._live is not None:
            self._current[case.split("/", 1)[0]] = words
            self._live.update(self._render())
        elif self._aside is not None:
            self._aside.say(words, time.monotonic())

    def end(self, conclusion: Conclusion) -> None:
        """Stop redrawing and show the conclusion of the run."""
        self.close(ending_lines(conclusion))

    def close(self, lines: Sequence[str]) -> None:
        """Stop redrawing and show the last lines."""
        if self._live is not None:
            self._live.stop()
            self._live = None
        unshown = len(self._shown) - SHOWN
        if unshown > 0:
            more = counted(unshown, "more kind")
            self._line(f"and {more} of failure: `gritstone report FILE` shows all; the last line names FILE")
        for line in lines:
            self._line(line)
        self._out.flush()

    def abort(self) -> None:
        """Stop redrawing."""
        if self._live is not None:
            self._live.stop()

    def _line(self, text: str, style: str = "") -> None:
        text = plain(text)
        if self._live is not None:
            from rich.text import Text

            self._live.console.print(Text(text, style=style), soft_wrap=True)
        else:
            print(text, file=self._out, flush=True)  # the reader of a pipe sees each line at once

    def _show(self, outcome: Outcome) -> None:
        entry = self._expected.entry_for(outcome, self._today) if self._expected is not None else None
        if entry is not None:
            if entry.key not in self._known:
                self._line(known_line(outcome, entry))
            self._known.add(entry.key)
            return
        key = signature_key(outcome)
        if key in self._shown or not is_asked(outcome, self._asked):
            return
        self._shown.add(key)
        if len(self._shown) <= SHOWN and self._teller is not None:
            for index, text in enumerate(self._teller.block(outcome, self._verdicts)):
                self._line(text, "" if index else "bold red")

    def _render(self) -> Any:
        from rich.text import Text

        seconds = time.monotonic() - self._started
        lines = (self._bar(profile, tally, seconds) for profile, tally in self._tallies.items())
        return Text("\n".join(lines), no_wrap=True, overflow="ellipsis")

    def _bar(self, profile: str, tally: Counter[str], seconds: float) -> str:
        done, planned = tally.total(), max(self._planned[profile], 1)
        bar = "█" * (_BAR * done // planned)
        counts = f"{tally['fail']} fail   {tally['error']} error   {tally['skip']} skip"
        current = self._current.get(profile, "") if done < planned else ""
        return f"{profile:<8} {bar:<{_BAR}} {f'{done}/{planned}':>11}   {counts}   {seconds:.1f} s   {current}"


class Aside:
    """Progress of a long operation: one line that is rewritten on a terminal, else a line every few seconds."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._rewrites = out.isatty()
        self._written: float | None = None
        self._shown = False

    def say(self, words: str, now: float) -> None:
        """Print a line for a time in seconds; without a terminal not before five seconds."""
        if self._rewrites:
            self._out.write(f"\r{plain(words)[: terminal_width() - 1]}\x1b[K")
            self._out.flush()
            self._shown = True
        elif self._written is None:
            self._written = now
        elif now - self._written >= _EVERY_S:
            self._written = now
            say(words, self._out)

    def clear(self) -> None:
        """Erase the line after the operation."""
        if self._shown:
            self._out.write("\r\x1b[K")
            self._out.flush()
        self._shown, self._written = False, None


def _live_display(out: TextIO, first: Any) -> Any:
    from rich.console import Console as RichConsole
    from rich.live import Live

    console = RichConsole(file=out, highlight=False, markup=False, emoji=False)
    return Live(first, console=console, refresh_per_second=8, transient=True)
