"""Report words of the old prose in pages, comments, docstrings and messages.

The words are data: ``lexicon.toml``. ``unconverted.txt`` lists folders and files that are not converted yet; the list
may only become shorter. Code, literals and quoted identifiers are not prose: they are replaced by blanks of the same
length, so that each finding keeps its line. Pages in reStructuredText and Markdown are also checked by proselint.
"""

import argparse
import ast
import io
import re
import subprocess
import sys
import tokenize
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
UNCONVERTED = HERE / "unconverted.txt"

# never prose of this project: recorded output, generated files, data, examples of the old prose
SKIPPED = (
    "docs/examples/sessions/",
    "docs/verdicts/",
    "docs/prose/lexicon.toml",
    "docs/_build/",
    "conformance/selftests/docs/test_prose.py",
)
SUFFIXES = (".rst", ".md", ".py", ".js", ".mjs", ".go", ".toml", ".ini")

PROSELINT = {
    "checks": {
        "lexical_illusions": True,
        "malapropisms": True,
        "misc.illogic": True,
        "mixed_metaphors": True,
        "mondegreens": True,
        "needless_variants": True,
        "nonwords": True,
        "redundancy": True,
        "spelling": True,
    },
    "max_errors": 1000,
}

LITERAL_DIRECTIVE = re.compile(
    r"\.\. (?:code-block|code|console|literalinclude|parsed-literal|raw|math|toctree|session|figure|image|csv-table"
    r"|example)::"
)
INLINE = re.compile(r"``.+?``|:[\w:+.-]+:`[^`]*`|`[^`]*`__?|`[^`]*`|\|[^|\n]*\||<[^<>\n]*>|https?://\S+", re.DOTALL)
NEUTRAL = re.compile(r"\bx+\b|\d")
COLUMNS = re.compile(r"\S {2,}\S")  # a repetition across the columns of a table
SCRIPT_TOKEN = re.compile(
    r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`|/(?![/*])(?:\\.|[^/\\\n])+/[a-z]*(?=[,;.)\s])",
    re.DOTALL,
)
INI_TOKEN = re.compile(r"^#[^\n]*|(?<=^description = )[^\n]*", re.MULTILINE)
TOML_CODE = re.compile(
    r"\b(?:old|new|source) = (?:'''.*?'''|\"\"\".*?\"\"\"|\"(?:\\.|[^\"\\\n])*\"|'[^'\n]*')", re.DOTALL
)
TOML_TOKEN = re.compile(r"#[^\n]*|'''.*?'''|\"\"\".*?\"\"\"|\"(?:\\.|[^\"\\\n])*\"|'[^'\n]*'", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the lexicon."""

    pattern: re.Pattern[str]
    advice: str
    bad: str
    good: str
    docstring: bool

    def finds(self, text: str) -> Iterator[re.Match[str]]:
        """Yield each use of the words in a prose text."""
        if not self.docstring:
            yield from self.pattern.finditer(text)
        elif found := self.pattern.match(text.lstrip()):
            yield found


@dataclass(frozen=True, slots=True)
class Finding:
    """A word in a file that the lexicon or proselint reports."""

    path: str
    line: int
    words: str
    advice: str

    def __str__(self) -> str:
        """Return the finding as one line, with the place first."""
        return f'{self.path}:{self.line}: "{self.words}": {self.advice}'


def lexicon() -> list[Entry]:
    """Return the entries of ``lexicon.toml``."""
    entries = tomllib.loads((HERE / "lexicon.toml").read_text())["entry"]
    return [
        Entry(
            pattern=re.compile(entry["pattern"], re.MULTILINE | (0 if entry.get("case") else re.IGNORECASE)),
            advice=entry["advice"],
            bad=entry["bad"],
            good=entry["good"],
            docstring=entry.get("where") == "docstring",
        )
        for entry in entries
    ]


def blank(text: str) -> str:
    """Return blanks in place of a text, keeping its line breaks."""
    return re.sub(r"[^\n]", " ", text)


def without_literals(text: str) -> str:
    """Replace inline literals, roles, links and addresses by a neutral word."""
    return INLINE.sub(lambda found: re.sub(r"[^\n ]", "x", found[0]), text)


def prose_of_rst(text: str) -> str:
    """Return a reStructuredText page without its literal blocks and inline literals."""
    lines: list[str] = []
    literal: int | None = None
    for line in text.split("\n"):
        indent = len(line) - len(line.lstrip())
        if literal is not None and (not line.strip() or indent > literal):
            lines.append("")
            continue
        literal = None
        stripped = line.strip()
        if LITERAL_DIRECTIVE.match(stripped) or (stripped.endswith("::") and not stripped.startswith(".. ")):
            literal = indent
        lines.append("" if LITERAL_DIRECTIVE.match(stripped) else line)
    return without_literals("\n".join(lines))


def prose_of_markdown(text: str) -> str:
    """Return a Markdown page without its fenced blocks and inline code."""
    text = re.sub(r"^```.*?^```", lambda found: blank(found[0]), text, flags=re.MULTILINE | re.DOTALL)
    return without_literals(text)


def prose_of_python(text: str) -> str:
    """Return the comments, docstrings and strings with several words of a Python file."""
    lines = [" " * len(line) for line in text.split("\n")]
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            words = "." + token.string[1:]
        elif token.type == tokenize.STRING and " " in token.string:
            words = re.sub(
                r"^[a-zA-Z]*(\"\"\"|'''|\"|')|(\"\"\"|'''|\"|')$", lambda found: " " * len(found[0]), token.string
            )
            words = re.sub(r"\\n", "  ", words)
        else:
            continue
        row, column = token.start
        for number, part in enumerate(words.split("\n"), row - 1):
            start = column if number == row - 1 else 0
            lines[number] = lines[number][:start] + part + lines[number][start + len(part) :]
    return without_literals(re.sub(r"\{[^{}\n]*\}", lambda found: "x" * len(found[0]), "\n".join(lines)))


def without_marks(token: str) -> str:
    """Replace the marks of a comment or the quotes of a string by blanks; quotes that end a comment are prose."""
    marks = r"^(?://|/\*\*?|#)" if token.startswith(("/", "#")) else r"^[\"'`]+|[\"'`]+$"
    return re.sub(marks, lambda found: blank(found[0]), token)


def prose_of_tokens(text: str, token: re.Pattern[str]) -> str:
    """Return the comments and the strings with several words of a file in another language."""
    kept: list[str] = []
    end = 0
    for found in token.finditer(text):
        words = found[0]
        if " " not in words or (words.startswith("/") and not words.startswith(("//", "/*"))):
            words = blank(words)
        kept += [
            blank(text[end : found.start()]),
            without_marks(words),
        ]
        end = found.end()
    return without_literals("".join(kept) + blank(text[end:]))


def prose(path: str, text: str) -> str:
    """Return the prose of a file, each word in its place."""
    suffix = Path(path).suffix
    if suffix == ".rst":
        return prose_of_rst(text)
    if suffix == ".md":
        return prose_of_markdown(text)
    if suffix == ".py":
        return prose_of_python(text)
    if suffix == ".toml":  # the edits of a mutant are code
        text = TOML_CODE.sub(lambda found: blank(found[0]), text)
    return prose_of_tokens(text, {".toml": TOML_TOKEN, ".ini": INI_TOKEN}.get(suffix, SCRIPT_TOKEN))


def docstrings(text: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each docstring of a Python file."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and (
            words := ast.get_docstring(node)
        ):
            yield node.body[0].lineno, words


def findings(path: str, text: str, entries: list[Entry]) -> list[Finding]:
    """Return what the lexicon reports in one file."""
    words = prose(path, text)
    found = [
        Finding(
            path,
            words.count("\n", 0, use.start() + len(use[0]) - len(use[0].lstrip())) + 1,
            shown(use[0]),
            entry.advice,
        )
        for entry in entries
        if not entry.docstring
        for use in entry.finds(words)
    ]
    if path.endswith(".py"):
        found += [
            Finding(path, line, shown(use[0]), entry.advice)
            for line, words in docstrings(text)
            for entry in entries
            if entry.docstring
            for use in entry.finds(words)
        ]
    return sorted(found, key=lambda finding: finding.line)


def proselint(path: str, words: str) -> list[Finding]:
    """Return what proselint reports in the prose of a page."""
    from proselint.tools import LintFile

    found: list[Finding] = []
    for result in LintFile(path, words).lint(PROSELINT) if words.strip() else []:
        start, end = result.check_result.span
        used = words[start - 1 : end - 1]
        # not across paragraphs or columns, not in literals or numbers
        if "\n\n" not in used and not NEUTRAL.search(used) and not COLUMNS.search(used):
            found.append(Finding(path, result.pos[0] - 1, shown(used), shown(result.check_result.message)))
    return found


def shown(words: str) -> str:
    """Return found words on one line."""
    return " ".join(words.split())


def files() -> list[str]:
    """Return the paths of all versioned files that hold prose."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [path for path in listed.splitlines() if path.endswith(SUFFIXES) and not path.startswith(SKIPPED)]


def unconverted() -> tuple[str, ...]:
    """Return the paths and folders (they end with a slash) that are not converted yet."""
    if not UNCONVERTED.exists():
        return ()
    return tuple(line for line in UNCONVERTED.read_text().splitlines() if line and not line.startswith("#"))


def main() -> int:
    """Print each finding; return 1 if there are any in the checked files."""
    parser = argparse.ArgumentParser(
        description="report words of the old prose; the words are in docs/prose/lexicon.toml"
    )
    parser.add_argument("paths", nargs="*", help="paths or folders to check, also those that are not converted yet")
    parser.add_argument("--all", action="store_true", help="check all files, also those that are not converted yet")
    parser.add_argument("--count", action="store_true", help="print the number of findings of each file only")
    given = parser.parse_args()

    from proselint.checks import __register__ as checks
    from proselint.registry import CheckRegistry

    CheckRegistry().register_many(checks)
    entries = lexicon()
    pending = unconverted()
    found: dict[str, list[Finding]] = {}
    for path in files():
        if path.startswith(tuple(given.paths) or ("",)) and (given.all or given.paths or not path.startswith(pending)):
            text = (ROOT / path).read_text()
            found[path] = findings(path, text, entries)
            if path.endswith((".rst", ".md")):
                found[path] += proselint(path, prose(path, text))
    for path, listed in found.items():
        if given.count and listed:
            print(f"{len(listed):5d}  {path}")
        elif not given.count:
            print("".join(f"{finding}\n" for finding in listed), end="")
    total = sum(map(len, found.values()))
    print(f"{len(found)} files checked, {total} findings", file=sys.stderr)
    return 1 if total else 0


if __name__ == "__main__":
    sys.exit(main())
