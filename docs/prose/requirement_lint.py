"""Report requirements in the chapters of the specification that no rule states.

Outside rules, the prose of ``spec/`` defines and explains. A block (a paragraph, an item of a list, a table) that uses
a word of requirement names the rule that requires it, by ``:rule:``. The words and the pages that only explain are
data: ``requirements.toml``. A word with a literal in it is the class of an answer, for example "is ``missing``"; all
other words are not searched in literals. Rules, examples and literal blocks are not checked.
"""

import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prose_lint import Finding, blank, shown, without_literals

HERE = Path(__file__).parent
ROOT = HERE.parent.parent

NOT_CHECKED = re.compile(r"\s*\.\. (?:rule|example|code-block|math|raw|toctree|state-diagram|state-table)::")
ITEM = re.compile(r"\s*(?:[*-]|\d+\.|#\.) ")
QUOTED = re.compile(r"\"[^\"]*\"")  # words that are mentioned
CITED = re.compile(r":rule:`[^`]+`")


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, an item of a list or a table, with the line where it begins."""

    line: int
    text: str

    @property
    def cites(self) -> bool:
        """Whether the block names a rule."""
        return CITED.search(self.text) is not None

    @property
    def introduces(self) -> bool:
        """Whether the block leads to the list or table after it."""
        return self.text.rstrip().endswith(":")


def words() -> list[re.Pattern[str]]:
    """Return the words of requirement."""
    return [re.compile(entry["pattern"], re.IGNORECASE) for entry in data()["word"]]


def data() -> dict[str, Any]:
    """Return the contents of ``requirements.toml``."""
    return tomllib.loads((HERE / "requirements.toml").read_text())


def blocks(text: str) -> Iterator[Block]:
    """Yield the blocks of a page outside rules, notes, examples and literal blocks."""
    lines: list[str] = []
    start = 0
    skipped: int | None = None
    for number, line in enumerate([*text.split("\n"), ""], 1):
        indent = len(line) - len(line.lstrip())
        if skipped is not None and (not line.strip() or indent > skipped):
            continue
        skipped = None
        if lines and (not line.strip() or ITEM.match(line)):
            yield Block(start, "\n".join(lines))
            lines = []
        if NOT_CHECKED.match(line):
            skipped = indent
        elif line.strip():
            start = start if lines else number
            lines.append(line)
        if line.rstrip().endswith("::") and not line.lstrip().startswith(".. "):
            skipped = indent


def findings(path: str, text: str, patterns: list[re.Pattern[str]]) -> Iterator[Finding]:
    """Yield each word of requirement in a block that names no rule and that no block with a rule leads to."""
    cited = False
    for block in blocks(text):
        item = ITEM.match(block.text) is not None
        covered = block.cites or (cited and (item or block.text.startswith((" ", "="))))
        if not covered:
            whole = QUOTED.sub(lambda found: blank(found[0]), block.text.replace("|", " "))
            prose = without_literals(whole)
            for pattern in patterns:
                for found in pattern.finditer(whole if "``" in pattern.pattern else prose):
                    line = block.line + whole.count("\n", 0, found.start())
                    yield Finding(path, line, shown(found[0]), "name the rule that requires it, or define or explain")
        if not (item or block.text.startswith((" ", "=", ".. "))):
            cited = block.cites and block.introduces


def main() -> int:
    """Print each finding; return 1 if there are any."""
    explanations = data()["explanations"]
    patterns = words()
    found: list[Finding] = []
    for page in sorted((ROOT / "spec").rglob("*.rst")):
        path = page.relative_to(ROOT).as_posix()
        if path not in explanations:
            found += sorted(findings(path, page.read_text(), patterns), key=lambda finding: finding.line)
    print("".join(f"{finding}\n" for finding in found), end="")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
