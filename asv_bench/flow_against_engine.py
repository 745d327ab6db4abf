"""Compare flows with the published engine for the same programs, on the same work.

    pip install llm-nano-vm
    python asv_bench/flow_against_engine.py [WORKLOAD ...]

The engine keeps its runs in memory, without a history. Flows keep the full history: each step, call and answer is an
object that is named by its hash. Both sides perform the same calls, with the same functions. A workload is run three
times on each side, by turns, and the best rate counts, by the clock and by processor time. Without the package of the
engine, only the flows are measured.

Durable flows are measured with many flows at a time. The workload ``kill and continue`` ends a process in the middle
of a run, and begins another one: the flow continues from its store, and the engine, which has no durable store,
repeats the run.
"""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gritstone.flow import PENDING, Call, Host, Policy, Program
from gritstone.flow.check import check
from gritstone.flow.expressions import evaluate, read_expression
from gritstone.flow.importing import Imported, import_program
from gritstone.flow.values import encode_value
from gritstone.grit import FRAMED_SHA256, MemoryEngine, Store
from gritstone.grit.lmdb_store import open_durable
from gritstone.optional import turn_on

engine: Any = None
try:
    import nano_vm
    from nano_vm.ast_engine import eval_condition
    from nano_vm.validator import ProgramValidator
    from nano_vm.vm import InMemoryCursorRepository, WebhookEvent

    engine = nano_vm
except ImportError:
    pass

Work = Callable[[], None]
Step = dict[str, Any]

_ROUNDS = 3
_TIMEOUT_S = 300
_KILLED_CHAIN = Path(__file__).with_name("killed_chain.py")
_KILLED_AT = 50  # the call of a chain of 100 in which the process ends
_CONDITION = "$out.analyze == 'yes' and $input.amount <= 100"
_CONDITION_OF_ENGINE = "$verdict == 'yes' and $amount <= 100"


# --- programs --------------------------------------------------------------------------------------------


def _tool(name: str, x: Any = 1, **members: Any) -> Step:
    return {"id": name, "type": "tool", "tool": "t", "args": {"x": x}, **members}


def _chain(length: int) -> list[Step]:
    return [_tool(f"s{number}", number) for number in range(length)]


def _loop(calls: int) -> list[Step]:
    """Return a loop whose tool ``count`` returns how often it was called."""
    gate = {"id": "gate", "type": "condition", "condition": f"$a.output < {calls}", "then": "a", "otherwise": "z"}
    return [{"id": "a", "type": "tool", "tool": "count", "args": {}, "next_step": "gate"}, gate, _tool("z")]


def _parallels(blocks: int) -> list[Step]:
    """Return blocks of ten calls each, one after the other."""
    return [
        {"id": f"p{at}", "type": "parallel", "parallel_steps": [_tool(f"p{at}_{sub}", sub) for sub in range(10)]}
        for at in range(blocks)
    ]


_REFUND: list[Step] = [
    {"id": "analyze", "type": "llm", "prompt": "Is order $order refundable?", "output_key": "verdict"},
    {"id": "gate", "type": "condition", "condition": _CONDITION_OF_ENGINE, "then": "pay", "otherwise": "reject"},
    {"id": "pay", "type": "tool", "tool": "t", "args": {"x": "$amount"}},
    {"id": "reject", "type": "tool", "tool": "t", "args": {"x": "$order"}},
]
_WAIT: list[Step] = [{"id": "ask", "type": "tool", "tool": "later", "args": {}}, _tool("done")]
_PAIRS: list[Step] = [
    one
    for at in range(49)
    for one in (
        {"id": f"c{at}", "type": "condition", "condition": "$amount <= 100", "then": f"t{at}", "otherwise": "z"},
        {**_tool(f"t{at}"), "next_step": f"c{at + 1}" if at < 48 else "z"},
    )
] + [_tool("z", is_terminal=True)]
_INPUT = {"order": "A-17", "amount": 40}


@dataclass
class _Tools:
    """The tools of both sides.

    Attributes:
        calls: the number of calls of ``count`` since it was last reset.
        keys: the keys of suspended calls, by flow.
    """

    calls: int = 0
    keys: dict[bytes, bytes] = field(default_factory=dict)

    async def t(self, x: Any) -> Any:
        return x

    async def count(self) -> int:
        self.calls += 1
        return self.calls

    async def llm(self, prompt: str) -> str:
        return "yes"

    async def complete(self, messages: list[dict[str, str]], **options: Any) -> str:
        """Answer as a model of the engine."""
        return "yes"

    def of_flows(self) -> Mapping[str, Callable[..., Any]]:
        async def later(call: Call) -> Any:
            self.keys[call.flow] = call.key
            return PENDING

        return {"t": self.t, "count": self.count, "llm": self.llm, "later": later}

    def of_engine(self) -> dict[str, Callable[..., Any]]:
        async def later() -> str:
            return "PENDING"

        return {"t": self.t, "count": self.count, "later": later}


# --- flows -----------------------------------------------------------------------------------------------


@contextmanager
def _host(tools: _Tools, imported: Imported, folder: Path | None = None) -> Iterator[Host]:
    store = Store.open(MemoryEngine(), FRAMED_SHA256) if folder is None else open_durable(folder, FRAMED_SHA256)
    with Host(store, tools=tools.of_flows(), policy=Policy(imported.policy())) as host:
        yield host
    store.close()


def _flows(steps: list[Step], count: int, durable: Path | None = None) -> Work:
    """Return the work of some flows of one program, all at a time."""
    tools, imported = _Tools(), import_program({"steps": steps})

    def work() -> None:
        tools.calls = 0
        folder = None if durable is None else durable / str(time.monotonic_ns())
        with _host(tools, imported, folder) as host:
            flows = host.start_many(Program.from_value(imported.program), [_INPUT] * count)
            for outcome in host.results(flows, _TIMEOUT_S):
                assert outcome.status == "succeeded", outcome

    return work


def _resumed_flows(count: int) -> Work:
    """Return the work of flows that wait for an answer, and get it."""
    tools, imported = _Tools(), import_program({"steps": _WAIT})

    def work() -> None:
        with _host(tools, imported) as host:
            flows = host.start_many(Program.from_value(imported.program), [_INPUT] * count)
            host.run(_TIMEOUT_S)
            for flow in flows:
                assert flow.complete(tools.keys.pop(flow.id), "answer")
            for outcome in host.results(flows, _TIMEOUT_S):
                assert outcome.status == "succeeded", outcome

    return work


# --- the engine ------------------------------------------------------------------------------------------


def _runs(steps: list[Step], count: int) -> Work:
    """Return the work of some runs of the engine, one after the other."""
    tools, program = _Tools(), engine.Program.from_dict({"steps": steps})

    async def run() -> None:
        machine = engine.ExecutionVM(tools, tools.of_engine())
        for _ in range(count):
            tools.calls = 0
            trace = await machine.run(program, dict(_INPUT))
            assert trace.status.value == "success", trace.error

    return lambda: asyncio.run(run())


def _resumed_runs(count: int) -> Work:
    tools, program = _Tools(), engine.Program.from_dict({"steps": _WAIT})

    async def run() -> None:
        machine = engine.ExecutionVM(tools, tools.of_engine(), InMemoryCursorRepository())
        traces = [await machine.run(program, dict(_INPUT)) for _ in range(count)]
        for trace in traces:
            ended = await machine.resume_with_program(WebhookEvent(trace.trace_id, {"k": "answer"}), program)
            assert ended.status.value == "success", ended.error

    return lambda: asyncio.run(run())


# --- kill and continue -----------------------------------------------------------------------------------


def _killed(side: str) -> Work:
    """Return the work of two processes: the first one ends itself in the middle of a chain of 100."""

    def work() -> None:
        with tempfile.TemporaryDirectory() as folder:
            for killed_at in (_KILLED_AT, 0):
                command = [sys.executable, str(_KILLED_CHAIN), side, f"{folder}/store", str(killed_at)]
                ended = subprocess.run(command, check=False, timeout=_TIMEOUT_S)
                assert ended.returncode == (9 if killed_at else 0), ended

    return work


# --- texts and checks ------------------------------------------------------------------------------------


def _repeated(count: int, work: Work) -> Work:
    def run() -> None:
        for _ in range(count):
            work()

    return run


def _expression() -> Work:
    environment = {"input": _INPUT, "out": {"analyze": "yes"}}
    return lambda: None if evaluate(read_expression(_CONDITION), environment) else sys.exit("the condition is false")


def _expression_of_engine() -> Work:
    context = {**_INPUT, "verdict": "yes"}
    return lambda: None if eval_condition(_CONDITION_OF_ENGINE, context) else sys.exit("the condition is false")


def _check() -> Work:
    imported = import_program({"steps": _PAIRS})
    data = encode_value(imported.program, None), encode_value(imported.policy()), encode_value(_INPUT)
    assert 100 <= len(imported.program["nodes"]) <= 102

    def work() -> None:
        assert check(*data, ["host"], []) == []

    return work


def _check_of_engine() -> Work:
    source = {"steps": _PAIRS}

    def work() -> None:
        assert ProgramValidator(engine.Program.from_dict(source)).validate().program_name

    return work


# --- measuring -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Workload:
    """One row of the result.

    Attributes:
        unit: what is counted.
        count: how many of them each side does.
        flows: the work of the flows.
        other: the work of the engine, as a function because its package may be absent.
    """

    unit: str
    count: int
    flows: Work
    other: Callable[[], Work]


def _workloads(durable: Path) -> dict[str, _Workload]:
    return {
        "chains of 10": _Workload("steps", 2_000, _flows(_chain(10), 200), lambda: _runs(_chain(10), 200)),
        "chains of 100": _Workload("steps", 2_000, _flows(_chain(100), 20), lambda: _runs(_chain(100), 20)),
        "loop of 1,000": _Workload("calls", 1_000, _flows(_loop(1_000), 1), lambda: _runs(_loop(1_000), 1)),
        "loop of 4,000": _Workload("calls", 4_000, _flows(_loop(4_000), 1), lambda: _runs(_loop(4_000), 1)),
        "parallels of 10": _Workload("calls", 2_000, _flows(_parallels(10), 20), lambda: _runs(_parallels(10), 20)),
        "refund": _Workload("flows", 400, _flows(_REFUND, 400), lambda: _runs(_REFUND, 400)),
        "wait and resume": _Workload("flows", 400, _resumed_flows(400), lambda: _resumed_runs(400)),
        "expression": _Workload(
            "expressions", 2_000, _repeated(2_000, _expression()), lambda: _repeated(2_000, _expression_of_engine())
        ),
        "check of 100 nodes": _Workload(
            "programs", 50, _repeated(50, _check()), lambda: _repeated(50, _check_of_engine())
        ),
        "kill and continue": _Workload("runs", 1, _killed("flow"), lambda: _killed("engine")),
        "chains of 10, durable": _Workload(
            "steps", 2_000, _flows(_chain(10), 200, durable), lambda: _runs(_chain(10), 200)
        ),
    }


def _rates(work: Work, count: int) -> tuple[float, float]:
    """Return how many units are done per second, by the clock and by the processor time, children included."""

    def used() -> float:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return time.process_time() + children.ru_utime + children.ru_stime

    start, before = time.perf_counter(), used()
    work()
    return count / (time.perf_counter() - start), count / (used() - before)


def _measure(workload: _Workload) -> list[tuple[float, float]]:
    """Return the best rates of both sides, first those of the flows."""
    sides = [workload.flows] if engine is None else [workload.flows, workload.other()]
    found = [(0.0, 0.0)] * len(sides)
    for _ in range(_ROUNDS):
        for number, work in enumerate(sides):
            rates = _rates(work, workload.count)
            found[number] = max(found[number][0], rates[0]), max(found[number][1], rates[1])
    return found


def main() -> None:
    """Measure and print."""
    turn_on()
    if engine is None:
        print("llm-nano-vm is not installed: flows only", file=sys.stderr)
    print("per second, and by processor time; ratio of the flows to the engine")
    with tempfile.TemporaryDirectory() as folder:
        for name, workload in _workloads(Path(folder)).items():
            if sys.argv[1:] and name not in sys.argv[1:]:
                continue
            rates = _measure(workload)
            shown = [f"{rate:9,.0f} {used:9,.0f}" if rate > 20 else f"{rate:9.2f} {used:9.2f}" for rate, used in rates]
            ratio = [f"{one / other:.2f}" for one, other in zip(*rates, strict=True)] if len(rates) == 2 else []
            print(f"{name:<24}{workload.unit:<12}{'   '.join(shown)}   {' '.join(ratio)}", flush=True)


if __name__ == "__main__":
    main()
