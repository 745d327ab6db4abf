"""Set-up of a store without ``grit.import``: the same objects and references through ``grit.put`` and ``grit.cas``.

Most cases of ``wit``, ``runtime`` and ``wasm`` import a bundle before their first request, and few of them test
imports. If an implementation does not support imports, these cases run again with other requests, so that their own
rules are judged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from gritstone_conformance.cases import Case, CaseStep
from gritstone_conformance.judge import Difference
from gritstone_conformance.model.bundle import Bundle, scan, write
from gritstone_conformance.model.formats import FORMATS
from gritstone_conformance.model.refusals import ok
from gritstone_conformance.model.store import Change
from gritstone_conformance.model.transcode import children_first
from gritstone_conformance.model.values import from_base64, to_base64
from gritstone_conformance.replies import Json, Trouble, Unsupported
from gritstone_conformance.running.ledger import ObservedSubject
from gritstone_conformance.trial import Asked

__all__ = ["INSTEAD", "is_unable_to_import", "set_up_of", "without_import"]

INSTEAD: Final = "set up with grit.put and grit.cas, because the implementation does not support grit.import"
_ABOUT_IMPORTS: Final = ("grit/", "harness/")
_HANDLE: Final = "set-up"


class _WithoutImport:
    """Replaces the imports of one case, one request after the other."""

    def __init__(self) -> None:
        self._pieces: dict[str, bytes] = {}

    def __call__(self, request: Asked) -> Sequence[Asked]:
        """Return the requests that replace one request.

        An import that must be refused, reads a file or has a tombstone is not replaced.
        """
        op, args, expect, *rule = request
        if op != "grit.import" or "ok" not in expect or "bytes" not in args:
            return (request,)
        data = self._pieces.pop(args["store"], b"") + from_base64(args["bytes"])
        if args["more"]:
            self._pieces[args["store"]] = data
            return ()
        bundle = scan(data)
        if bundle.defects or None in bundle.places.values():
            return (request,)
        return [(*each, rule[0] if rule else None) for each in _requests(args["store"], bundle)]


def set_up_of(name: str, subject: ObservedSubject) -> Callable[[Asked], Sequence[Asked]] | None:
    """Return the function that replaces the imports of an example of a property, or None if they are not replaced."""
    stays = subject.ledger.imports is not False or name.startswith(_ABOUT_IMPORTS)
    return None if stays else _WithoutImport()


def without_import(case: Case) -> Case:
    """Return the case with a set-up that does not use ``grit.import``."""
    instead = _WithoutImport()
    asked = [each for step in case.steps for each in instead((step.op, step.args, step.expect, step.rule))]
    return replace(case, steps=tuple(CaseStep(*each) for each in asked))


def is_unable_to_import(name: str, step: CaseStep, difference: Difference, subject: ObservedSubject) -> bool:
    """Return whether a case failed because the implementation does not support imports, and does not test imports.

    The implementation is asked once to import a bundle without objects; its answer is used for the rest of the run.

    Args:
        name: the name of the case.
        step: the request with a wrong answer.
        difference: the difference in the answer.
        subject: the implementation.

    Spec: :rule:`suite.set-up.import`.
    """
    if step.op != "grit.import" or "ok" not in step.expect or name.startswith(_ABOUT_IMPORTS):
        return False
    got = difference.got if isinstance(difference.got, dict) and not difference.path else {}
    if not {"unsupported", "error"} & got.keys():
        return False
    if subject.ledger.imports is None:
        subject.ledger.imports = _imports(subject)
    return not subject.ledger.imports


def _imports(subject: ObservedSubject) -> bool:
    fmt = FORMATS[subject.claims.formats[0]]
    opening: dict[str, Json] = {"store": _HANDLE, "format": fmt.name, "backend": "memory", "create": True}
    importing: dict[str, Json] = {"store": _HANDLE, "bytes": to_base64(write(fmt, {}, {})), "more": False}
    answers = subject.ask_each([("grit.open", opening), ("grit.import", importing), ("grit.close", {"store": _HANDLE})])
    return len(answers) < 2 or not isinstance(answers[1], Unsupported | Trouble)


def _requests(store: str, bundle: Bundle) -> Iterator[tuple[str, dict[str, Json], dict[str, Json]]]:
    for identity in children_first(bundle):
        encoding = bundle.encoding(identity)
        assert encoding is not None, "the bundle has no tombstone"
        yield "grit.put", {"store": store, "bytes": to_base64(encoding)}, ok(id=identity.hex())
    for name, target in bundle.references.items():
        yield "grit.cas", {"store": store, "changes": [Change(name, None, target).to_json()]}, ok()
