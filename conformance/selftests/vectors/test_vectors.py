"""Vector files: reading, DIGEST, lint, edits and filing; and the bundled set itself."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gritstone_conformance.bundled import vectors_dir
from gritstone_conformance.cases import Case, CaseStep, Requires
from gritstone_conformance.cli import main
from gritstone_conformance.errors import DataError, UsageError
from gritstone_conformance.rules import load_rules
from gritstone_conformance.vectors.audits import load_audits
from gritstone_conformance.vectors.edits import apply_edit, edit_between, requests_of
from gritstone_conformance.vectors.files import digest_text, load_vectors, parse_vector_file, read_vector_file
from gritstone_conformance.vectors.lint import lint_vectors
from selftests.fakes.subject import accept

GOOD_BYTES = "dHJlZSA2OABhAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gYgBlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn-AgYKDhA"
BAD_BYTES = "dHJlZSA2OABjAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gYgBlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn-AgYKDhA"
A, B = bytes(range(0x01, 0x21)).hex(), bytes(range(0x65, 0x85)).hex()


def small_set() -> dict[str, dict[str, Any]]:
    """Return two files as the spec shows them: an accepted tree and the reject derived from it."""
    common = {"$schema": "urn:gritstone:schema:0.6:vectors", "spec": "0.6", "profile": "grit", "topic": "tree"}
    flag = {"note": "a second encoding", "effect": "two ids", "bug": "a lax reader"}
    entries = [["a", A], ["b", B]]
    good = {
        "name": "grit/tree/two-names",
        "rules": ["grit.tree.key-order"],
        "requires": {"formats": ["framed-sha256"]},
        "steps": [
            {
                "op": "grit.decode",
                "args": {"format": "framed-sha256", "bytes": GOOD_BYTES},
                "expect": {
                    "ok": {
                        "object": {"kind": "tree", "entries": entries},
                        "id": "3048fd0d5fc394c1d75bd9010ba1d58953270a35ef852c3c61247152b37b58f0",
                    }
                },
            }
        ],
        "origin": {"by": "author"},
    }
    bad = {
        **good,
        "name": "grit/tree/names-descending",
        "steps": [
            {
                "op": "grit.decode",
                "args": {"format": "framed-sha256", "bytes": BAD_BYTES},
                "expect": {"refused": "invalid"},
            }
        ],
        "twin": "grit/tree/two-names",
        "edit": {"step": 0, "arg": "bytes", "at": 8, "was": "YQ", "now": "Yw"},
        "flags": ["malleable-id"],
    }
    return {
        "grit/tree.json": {**common, "kind": "accept", "count": 1, "flags": {}, "cases": [good]},
        "grit/tree.reject.json": {
            **common,
            "kind": "reject",
            "count": 1,
            "flags": {"malleable-id": flag},
            "cases": [bad],
        },
    }


def write_set(root: Path, files: dict[str, dict[str, Any]]) -> Path:
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(json.dumps(content), encoding="utf-8")
    (root / "DIGEST").write_text(digest_text({path: (root / path).read_bytes() for path in files}), encoding="utf-8")
    return root


def test_digest_is_that_of_the_spec() -> None:
    text = digest_text({"grit/b.reject.json": b"[]\n", "grit/a.json": b"{}\n"})
    digest = "9e3e384f0f2244b47954f51c44c8bcb30bee1d9de7546a8f4ac7eadefa7617f2"
    assert hashlib.sha256(text.encode()).hexdigest() == digest


def test_identities_are_those_of_the_spec(tmp_path: Path) -> None:
    vectors = load_vectors(write_set(tmp_path, small_set()))
    identities = {name: case.identity() for name, case in vectors.by_name().items()}
    assert identities == {
        "grit/tree/two-names": "9297f869bebaadd4bdcb11c147a11d33d567620b94d2862680f0249150c541cc",
        "grit/tree/names-descending": "9eb1d2cfc4507b4da9d4ab9b678f6e66ecd206a187a19c61b88eda7521698ea7",
    }


def test_file_is_written_as_it_was_read(tmp_path: Path) -> None:
    root = write_set(tmp_path, small_set())
    file = read_vector_file(root / "grit/tree.reject.json")
    again = parse_vector_file(file.to_text().encode(), "again", check_schema=True)
    assert (again.cases, again.flags) == (file.cases, file.flags)


@pytest.mark.rule("suite.vector.valid")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda root: (root / "DIGEST").unlink(), "DIGEST: No such file"),
        (lambda root: (root / "grit/more.json").write_text("{}"), "outdated for grit/more.json"),
        (lambda root: (root / "grit/tree.json").unlink(), "outdated for grit/tree.json"),
        (lambda root: (root / "grit/tree.json").write_text("{}"), "outdated for grit/tree.json"),
    ],
)
def test_set_that_does_not_match_its_digest_is_rejected(
    tmp_path: Path, change: Callable[[Path], Any], words: str
) -> None:
    root = write_set(tmp_path, small_set())
    change(root)
    with pytest.raises(DataError, match=words):
        load_vectors(root)


@pytest.mark.rule("suite.vector.valid")
def test_names_are_unique(tmp_path: Path) -> None:
    files = small_set()
    files["grit/more.json"] = {**files["grit/tree.json"], "topic": "more"}
    with pytest.raises(DataError, match=r"the name grit/tree/two-names is already used in grit/more.json"):
        load_vectors(write_set(tmp_path, files))


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"cases":[],"cases":[]}', "a member occurs twice"),
        (b"[]", 'is not of type "object"'),
        (b"{}", r'"\$schema" is a required property'),
    ],
)
def test_invalid_vector_file_is_rejected_in_one_line(raw: bytes, words: str) -> None:
    with pytest.raises(DataError, match=words) as caught:
        parse_vector_file(raw, "x.json", check_schema=True)
    assert "\n" not in str(caught.value)


def test_missing_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_vector_file(tmp_path / "none.json")


def test_small_set_is_clean(tmp_path: Path) -> None:
    assert lint_vectors(write_set(tmp_path, small_set()), load_rules()) == []


def change(path: str, *keys: str | int, to: Any) -> Callable[[dict[str, Any]], None]:
    def apply(files: dict[str, Any]) -> None:
        inner: Any = files[path]
        for key in keys[:-1]:
            inner = inner[key]
        inner[keys[-1]] = to

    return apply


REJECT = "grit/tree.reject.json"


@pytest.mark.rule("suite.vector.valid", "suite.vector.twin", "suite.vector.origin", "suite.rules.known")
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (change("grit/tree.json", "count", to=2), "count is 2, there are 1 cases"),
        (change("grit/tree.json", "topic", to="blob"), "profile, topic and kind require the name grit/blob.json"),
        (change(REJECT, "flags", to={}), "the flag malleable-id is used but not defined"),
        (change(REJECT, "cases", 0, "flags", to=[]), "the flag malleable-id is defined but not used"),
        (
            change(REJECT, "cases", 0, "rules", to=["grit.tree.name-order"]),
            "names grit.tree.name-order, which is not a rule",
        ),
        (change(REJECT, "cases", 0, "twin", to="grit/tree/none"), "its twin grit/tree/none does not exist"),
        (change(REJECT, "cases", 0, "twin", to="grit/tree/names-descending"), "is a reject case"),
        (change(REJECT, "cases", 0, "requires", to={}), "has different requirements"),
        (
            change(REJECT, "cases", 0, "edit", "now", to="ZA"),
            "its edit of grit/tree/two-names does not produce its requests",
        ),
        (change(REJECT, "cases", 0, "edit", "was", to="YA"), "at offset 8 the twin has 61, not 60"),
        (change(REJECT, "cases", 0, "edit", "arg", to="object"), "the twin has no argument 'object' in step 0"),
        (change(REJECT, "cases", 0, "edit", "step", to=1), "in step 1"),
        (change(REJECT, "cases", 0, "steps", 0, "expect", to={"refused": "bad"}), '"bad" is not one of'),
        (change(REJECT, "cases", 0, "name", to="wit/tree/x"), "is in a file of profile grit"),
        (change(REJECT, "cases", 0, "origin", to={"by": "luck"}), '"luck" is not one of'),
    ],
)
def test_lint_reports_each_vector_fault(tmp_path: Path, spoil: Callable[[dict[str, Any]], None], words: str) -> None:
    files = small_set()
    spoil(files)
    findings = lint_vectors(write_set(tmp_path, files), load_rules())
    assert any(words in finding for finding in findings), findings


@pytest.mark.rule("suite.vector.twin")
def test_lint_reports_an_oversized_edit(tmp_path: Path) -> None:
    files = small_set()
    edit = files[REJECT]["cases"][0]["edit"]
    edit.update(at=0, was=GOOD_BYTES[:88], now=BAD_BYTES[:88])
    findings = lint_vectors(write_set(tmp_path, files), load_rules())
    assert any("its edit has 132 bytes, the limit is 80" in finding for finding in findings), findings


def test_lint_checks_found_files_against_their_digest(tmp_path: Path) -> None:
    files = small_set()
    files["grit/found/0123456789abcdef.json"] = files.pop("grit/tree.json")
    findings = lint_vectors(write_set(tmp_path, files), load_rules())
    assert any("expected exactly one case, whose digest is the name of the file" in finding for finding in findings)


def test_lint_reports_a_changed_schema(tmp_path: Path) -> None:
    root = write_set(tmp_path, small_set())
    (root / "schema").mkdir()
    (root / "schema/case.schema.json").write_text("{}")
    assert lint_vectors(root, load_rules()) == ["schema/case.schema.json: differs from spec/schemas/case.schema.json"]


def two(args: dict[str, Any], other: dict[str, Any]) -> tuple[Case, Case]:
    made = (Case("grit/a/b", (), Requires(), (CaseStep("grit.put", given, {"ok": {}}),)) for given in (args, other))
    return next(made), next(made)


@pytest.mark.parametrize(
    ("was", "now", "edit"),
    [
        ("AQID", "AQkD", {"at": 1, "was": "Ag", "now": "CQ"}),
        ("AQID", "AQIDBA", {"at": 3, "was": "", "now": "BA"}),
        ("AQEB", "AQE", {"at": 2, "was": "AQ", "now": ""}),
        ([1, 2], [1, 3], {"path": "", "was": [1, 2], "now": [1, 3]}),
        (A, B, {"path": "", "was": A, "now": B}),
    ],
)
def test_edit_is_found_and_produces_the_case(was: Any, now: Any, edit: dict[str, Any]) -> None:
    twin, case = two({"bytes": was, "store": "s"}, {"bytes": now, "store": "s"})
    assert edit_between(twin, case) == {"step": 0, "arg": "bytes", **edit}
    assert apply_edit(twin, edit_between(twin, case)) == requests_of(case)


def test_edit_inside_a_json_value_produces_the_case() -> None:
    twin, case = two({"object": {"entries": [["a/b", 1]]}}, {"object": {"entries": [["a/b", 2]]}})
    edit = {"step": 0, "arg": "object", "path": "/entries/0/1", "was": 1, "now": 2}
    assert apply_edit(twin, edit) == requests_of(case)
    assert requests_of(twin)[0][1] == {"object": {"entries": [["a/b", 1]]}}, "the twin itself was changed"


@pytest.mark.rule("suite.vector.twin")
def test_two_changes_are_not_an_edit() -> None:
    twin, case = two({"a": 1, "b": 1}, {"a": 2, "b": 2})
    with pytest.raises(DataError, match="differs in 2 arguments"):
        edit_between(twin, case)


@pytest.mark.rule("suite.vector.valid", "suite.vector.twin", "suite.vector.origin", slow=True)
def test_bundled_set_is_clean() -> None:
    assert lint_vectors(vectors_dir(), load_rules()) == []
    assert len(list(load_vectors().cases())) > 3000


KILLS = {  # what is durable when a process is killed, and what a start does after that
    "runtime.fail.sent",
    "runtime.head.asked",
    "runtime.head.before-route",
    "runtime.head.serial",
    "runtime.recover.unmark",
    "runtime.recover.collect",
    "runtime.recover.mark",
    "runtime.recover.step",
    "session.recover.kill",
}
RUNNING = {  # times, full stores, and what happens while a run is in progress
    "runtime.away.expected",
    "runtime.collect.running",
    "runtime.retry.delay-system",
    "runtime.retry.running",
    "runtime.route.fan",
    "runtime.route.overtaken",
    "runtime.run.cancel",
    "runtime.run.full",
    "runtime.run.full-together",
    "runtime.run.idle",
    "runtime.run.independent",
    "runtime.stop.bye",
    "runtime.stop.drain",
    "wit.transition.unlimited",
}
TRACES = {"wit.transition.erased-write", "wit.transition.no-reference"}  # what a transition leaves in its store
SHARED = {  # another runtime, a removal or damage changes the store
    "runtime.fail.damaged",
    "runtime.head.closed",
    "runtime.head.mark",
    "runtime.collect.seen",
    "session.archive.seen",
    "session.restore.expected",
}
DECLARED = {"runtime.agent.limits", "runtime.effect.limit", "session.guest.size"}  # numbers that are declared
DRAWN = {"session.open.unique"}  # random ids are compared
FLOWS = {  # other processes, kills, times, and what is the same in many runs of flows
    "flow.budget.across-suspend",
    "flow.crash.every-boundary",
    "flow.crash.nothing-lost",
    "flow.perf.queue",
    "flow.perf.slope",
    "flow.step.environment",
    "flow.step.transcodes",
    "flow.timer.kept",
}


def test_only_rules_of_kills_and_runs_lack_vectors_and_audits() -> None:
    judged = {rule for case in load_vectors().cases() for rule in case.rules}
    judged |= {step.rule for case in load_vectors().cases() for step in case.steps if step.rule}
    judged |= {rule for file in load_audits() for audit in file.audits for rule in audit.rules}
    bound = {rule for rule in load_rules().rules if rule.startswith(("wit.", "runtime.", "session.", "flow."))}
    assert bound - judged == KILLS | RUNNING | TRACES | SHARED | DECLARED | DRAWN | FLOWS


LARGE = {"wasm/migration/waiter-shallow"}  # its other format would be as long again and say the same


@pytest.mark.parametrize(
    ("op", "topics", "most"),
    [
        ("grit.prune", {"prune"}, 18),
        ("grit.export", {"bundle", "graph"}, 26),
        ("grit.import", {"bundle", "graph"}, 18),
        ("grit.erase", {"erase"}, 8),
        ("grit.damage", {"damage"}, 6),
        ("grit.transcode", {"transcode"}, 0),
        ("grit.id", {"id"}, 0),
        ("grit.encode", {"encode"}, 2),
        ("grit.has", {"store"}, 60),
        ("grit.get", {"store", "damage", "erase"}, 28),
    ],
)
def test_an_absent_operation_breaks_few_vectors_of_other_topics(op: str, topics: set[str], most: int) -> None:
    asking = [case.name for case in load_vectors().cases() if any(step.op == op for step in case.steps)]
    others = [name for name in asking if name.startswith("grit/") and name.split("/")[1] not in topics]
    assert len(others) <= most, others


def test_every_vector_of_actors_exists_in_both_formats() -> None:
    cases = [case for case in load_vectors().cases() if not case.name.startswith("grit/")]
    names = {case.name: case.requires.formats for case in cases if "/found-" not in case.name}
    plain = {name for name in names if not name.endswith("-in-cbor")} - LARGE
    assert {name for name in plain if f"{name}-in-cbor" not in names} == {name for name in plain if not names[name]}


def found_file(tmp_path: Path, expect: dict[str, Any]) -> Path:
    case = accept("grit/tree/found-00000000", steps=(CaseStep("grit.id", {"format": "x", "bytes": "AQ"}, expect),))
    file = {
        **small_set()["grit/tree.json"],
        "cases": [{**case.to_json(), "origin": {"by": "shrunk", "from": "grit/tree/sums", "seed": 1}}],
    }
    path = tmp_path / "found.json"
    path.write_text(json.dumps(file))
    return path


@pytest.mark.rule("suite.vector.origin")
def test_found_case_is_filed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_set(tmp_path / "vectors", small_set())
    found = found_file(tmp_path, {"ok": {"id": A}})
    given = ["vectors", "--root", str(root), "--add", str(found)]
    assert main([*given, "--comment", "id of one byte", "--rules", "grit.id.whole"]) == 0
    (case,) = (case for case in load_vectors(root).cases() if case.name == "grit/tree/found-00000000")
    assert (case.rules, case.comment) == (("grit.id.whole",), "id of one byte")
    assert (case.origin["by"], case.origin["from"]) == ("regression", read_vector_file(found).cases[0].origin["from"])
    assert (root / "grit/found" / f"{case.identity()[:16]}.json").is_file()
    assert lint_vectors(root, load_rules()) == []
    capsys.readouterr()
    assert main([*given, "--comment", "again", "--rules", "grit.id.whole"]) == 2
    assert "with the same name or steps" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--rules", "grit.id.whole"], "--comment is required"),
        (["--comment", "x"], "--rules is required"),
        (["--comment", "x", "--rules", "grit.id.hole"], "unknown rule grit.id.hole"),
        (["--comment", "x", "--rules", "grit.id.whole"], "--twin requires"),
        (["--comment", "x", "--rules", "grit.id.whole", "--twin", "grit/x/y"], "unknown vector"),
        (["--comment", "x", "--rules", "grit.id.whole", "--twin", "grit/tree/two-names"], "does not have the same op"),
    ],
)
def test_filing_asks_for_missing_arguments(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], words: str
) -> None:
    root = write_set(tmp_path / "vectors", small_set())
    found = found_file(tmp_path, {"refused": "invalid"})
    assert main(["vectors", "--root", str(root), "--add", str(found), *options]) == 2
    message = capsys.readouterr().err
    assert words in message
    assert message.count("\n") == 1


def test_digest_is_rewritten_on_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_set(tmp_path, small_set())
    shutil.copy(root / "grit/tree.json", root / "grit/copy.json")
    assert main(["vectors", "--root", str(root), "--lint"]) == 4
    assert "DIGEST: outdated" in capsys.readouterr().out
    assert main(["vectors", "--root", str(root), "--digest", "--write"]) == 0
    digest = capsys.readouterr().out.strip()
    assert digest == hashlib.sha256((root / "DIGEST").read_bytes()).hexdigest()
    assert "grit/copy.json" in (root / "DIGEST").read_text()


def test_export_contains_every_case(tmp_path: Path) -> None:
    root = write_set(tmp_path / "vectors", small_set())
    assert main(["vectors", "--root", str(root), "--export", str(tmp_path / "all.jsonl")]) == 0
    lines = [json.loads(line) for line in (tmp_path / "all.jsonl").read_text().splitlines()]
    assert {line["name"]: line["kind"] for line in lines} == {
        "grit/tree/two-names": "accept",
        "grit/tree/names-descending": "reject",
    }
    assert all(line["digest"] for line in lines)
