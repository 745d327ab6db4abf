"""``gritstone wast``: run scripts of the official WebAssembly test suite in a sandbox, and count the results."""

from __future__ import annotations

import argparse

from gritstone_conformance.attachment.subject import Subject
from gritstone_conformance.attachment.target import Target, attach_settings_of
from gritstone_conformance.comparing.wast_scripts import ScriptResult, run_script
from gritstone_conformance.errors import SubjectFault, UsageError
from gritstone_conformance.text import printable, say

__all__ = ["run_command"]

_SHOWN = 5  # failures of a script


def run_command(options: argparse.Namespace) -> int:
    """Run the scripts; return 0 if all assertions passed, 1 if not, and 3 if no assertion was tested."""
    target = Target.parse(options.iut, None)
    try:
        subject = Subject(target.opener(), attach_settings_of(options))
    except SubjectFault as fault:
        raise UsageError(f"hello failed: {fault}") from fault
    features = subject.claims.features
    try:
        if "sandbox.abi.memory" not in features:
            raise UsageError("the adapter does not claim sandbox.abi.memory, which the probes of scripts need")
        results = []
        for path in options.files:
            results.append(run_script(path, subject, traps="sandbox.traps" in features))
            _tell(str(path), results[-1])
    finally:
        subject.close()
    passed, failed = sum(each.passed for each in results), sum(len(each.failures) for each in results)
    say(f"{passed} passed, {failed} failed in {len(results)} scripts")
    return 1 if failed else 0 if passed else 3


def _tell(path: str, result: ScriptResult) -> None:
    skipped = sum(result.skipped.values())
    counts = f"{result.passed} passed, {len(result.failures)} failed, {result.refused} refused, {skipped} not expressed"
    say(f"{printable(path)}: {counts}")
    for reason, count in sorted(result.skipped.items()):
        say(f"  {count:>5}  not expressed: {printable(reason)}")
    for line, words in result.failures[:_SHOWN]:
        say(f"  line {line}: {printable(words)}")
    if len(result.failures) > _SHOWN:
        say(f"  and {len(result.failures) - _SHOWN} other failures")
