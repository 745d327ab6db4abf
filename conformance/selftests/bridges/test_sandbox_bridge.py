"""The bridge of ``sandbox``, over the model: what it refuses, and that it leaves no store open."""

from __future__ import annotations

from typing import Any

import pytest

from gritstone_conformance.bridges.sandbox import RefusedError, SandboxBridge
from gritstone_conformance.model.formats import FORMATS
from gritstone_conformance.model.values import to_base64
from gritstone_conformance.model.wasm_host import GuestHost
from gritstone_conformance.replies import Reply
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.sandbox_probes import counter
from gritstone_conformance.strategies.sandbox_states import unsteady

LIMITS = {"fuel": 10_000_000, "pages": 16, "table": None, "ms": None}


class CountingHost(GuestHost):
    """The model, which counts the stores that are open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: set[str] = set()

    def ask(self, op: str, args: dict[str, Any]) -> Reply:
        if op == "grit.open":
            self.open.add(args["store"])
        if op == "grit.close":
            self.open.discard(args["store"])
        return super().ask(op, args)


class Bench:
    """A bridge over the model."""

    def __init__(self) -> None:
        self.host = CountingHost()
        self._operations = SandboxBridge(self.host).operations()

    def ask(self, op: str, **args: Any) -> dict[str, Any]:
        return self._operations[f"sandbox.{op}"](args)

    def run(self, build: Any, *, keep: bool = True, **limits: Any) -> dict[str, Any]:
        module = build if isinstance(build, bytes) else build("grit")
        return self.ask("run", module=to_base64(module), limits={**LIMITS, **limits}, grants={}, keep=keep)

    def refusal(self, op: str, **args: Any) -> str:
        with pytest.raises(RefusedError) as caught:
            self.ask(op, **args)
        return caught.value.kind


def test_store_of_a_run_is_closed_with_its_last_copy() -> None:
    bench = Bench()
    assert bench.run(counter, keep=False)["instance"] is None
    assert bench.run(b"", keep=True)["instance"] is None
    assert bench.host.open == set()
    instance = bench.run(counter)["instance"]
    snapshot = bench.ask("snapshot", instance=instance)["snapshot"]
    bench.ask("close", handle=instance)
    assert len(bench.host.open) == 1
    bench.ask("close", handle=snapshot)
    assert bench.host.open == set()
    assert bench.refusal("close", handle=snapshot) == "missing"


@pytest.mark.rule("sandbox.keep.state")
def test_instance_whose_first_call_failed_is_kept_and_not_copied() -> None:
    bench = Bench()
    report = bench.run(counter, fuel=10)
    assert (report["outcome"], report["used"]) == ("exhausted:fuel", 10)
    assert bench.refusal("snapshot", instance=report["instance"]) == "rejected"
    again = bench.ask("again", instance=report["instance"], limits=LIMITS)
    assert again["outcome"] == "done"
    assert bench.ask("snapshot", instance=report["instance"])


@pytest.mark.rule("sandbox.limits.own")
def test_failed_call_with_other_limits_leaves_the_instance_as_it_was() -> None:
    bench = Bench()
    large = {**LIMITS, "pages": 64}
    report = bench.run(unsteady, pages=64)
    failed = bench.ask("again", instance=report["instance"], limits={**LIMITS, "pages": 32})
    assert failed["outcome"] == "failed:trap:unreachable"
    assert bench.ask("again", instance=report["instance"], limits=large)["outcome"] == "done"
    small = bench.ask("again", instance=report["instance"], limits=LIMITS)
    assert small["outcome"] == "exhausted:memory"


@pytest.mark.rule("sandbox.import.checked")
def test_bundle_that_is_no_export_is_refused_and_leaves_no_store() -> None:
    bench = Bench()
    graph = Graph(FORMATS[bench.host.claims.formats[0]])
    assert bench.refusal("import", bytes=to_base64(graph.bundle())) == "invalid"
    assert bench.refusal("import", bytes="AA") == "malformed"
    assert bench.host.open == set()
