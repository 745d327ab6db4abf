"""The texts of the probes of ``sandbox``: one for each module that the vectors run in the first possible ABI.

In the other ABIs a probe has the same body between other imports and another entry; one probe has a text for each ABI.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from gritstone_conformance.cases import Case
from gritstone_conformance.model.values import from_base64
from gritstone_conformance.model.wasm.reader import Malformed
from gritstone_conformance.model.wasm.text_form import module_text
from gritstone_conformance.strategies.sandbox_abi import ABIS
from gritstone_conformance.strategies.sandbox_probes import counter
from gritstone_conformance.strategies.sandbox_states import leaving, turning, unsteady
from gritstone_conformance.vectors.files import VectorFile

__all__ = ["FOLDER", "modules_of", "probe_texts"]

FOLDER: Final = "sandbox/probes"
_SHARED: Final = (counter, leaving, turning, unsteady)
"""Probes of many cases, which have names of their own."""


def modules_of(case: Case) -> list[bytes]:
    """Return the modules that a case runs."""
    return [from_base64(step.args["module"]) for step in case.steps if step.op == "sandbox.run"]


def probe_texts(files: Sequence[VectorFile]) -> Mapping[str, tuple[bytes, str]]:
    """Return the name of each file of texts with its module and its text; modules that do not decode have none."""
    named = {build(ABIS[0]): build.__name__ for build in _SHARED}
    used: dict[bytes, list[str]] = {}
    # a module has the name of the case that runs the fewest others
    for abi, case in sorted(_first_of_each(files), key=lambda one: len(set(modules_of(one[1])))):
        found = modules_of(case)
        new = [module for module in dict.fromkeys(found) if module not in named]
        name = case.name.removeprefix("sandbox/").replace(f"/{abi}-", "-")
        for number, module in enumerate(new, 1):
            named[module] = name if number == 1 else f"{name}-{number}"
        for module in dict.fromkeys(found):
            used.setdefault(module, []).append(case.name)
    shown = {module: name for module, name in named.items() if module in used}
    texts = {f"{name}.wat": (module, _text(module, _comment(used[module]))) for module, name in shown.items()}
    for abi in ABIS[1:]:
        module = counter(abi)
        texts[f"counter.{abi}.wat"] = module, _text(module, [f"The ABI {abi}: a counter of calls."])
    return {name: (module, text) for name, (module, text) in texts.items() if text}


def _first_of_each(files: Sequence[VectorFile]) -> Iterator[tuple[str, Case]]:
    """Yield each case in the first ABI in which it is possible."""
    seen: set[tuple[str, str]] = set()
    for file in files:
        for case in file.cases:
            abi, _, slug = case.name.rpartition("/")[2].partition("-")
            if (file.topic, slug) not in seen:
                seen.add((file.topic, slug))
                yield abi, case


def _comment(cases: Sequence[str]) -> list[str]:
    more = f" and {len(cases) - 1} more" if len(cases) > 1 else ""
    return [f"Run by {cases[0]}{more}."]


def _text(module: bytes, comment: Sequence[str]) -> str:
    try:
        return module_text(module, comment)
    except Malformed:
        return ""
