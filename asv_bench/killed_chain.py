"""Run a chain of 100 calls in a process that may end itself at one of them; see ``flow_against_engine.py``.

    python asv_bench/killed_chain.py flow|engine DIRECTORY CALL

``CALL`` is the number of the call at which the process ends; 0 for none. Each side imports only what it needs.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

_STEPS = [{"id": f"s{at}", "type": "tool", "tool": "t", "args": {"x": at}} for at in range(100)]
_KILLED = 9
_TIMEOUT_S = 300


class _Tool:
    """A tool that ends the process at some call."""

    def __init__(self, killed_at: int) -> None:
        self._left = killed_at

    async def call(self, x: Any) -> Any:
        """Return the argument."""
        self._left -= 1
        if self._left == 0:
            os._exit(_KILLED)
        return x


def _run_engine(tool: _Tool) -> None:
    from nano_vm import ExecutionVM, Program

    program = Program.from_dict({"name": "killed", "steps": _STEPS})
    model: Any = None  # no step asks it
    trace = asyncio.run(ExecutionVM(model, {"t": tool.call}).run(program, {}))
    assert trace.status.value == "success", trace.error


def _run_flow(tool: _Tool, folder: Path) -> None:
    from gritstone.flow import Host, Policy, Program
    from gritstone.flow.importing import import_program
    from gritstone.grit import FRAMED_SHA256
    from gritstone.grit.lmdb_store import open_durable
    from gritstone.optional import turn_on

    turn_on()
    imported = import_program({"name": "killed", "steps": _STEPS})
    store = open_durable(folder, FRAMED_SHA256)
    with Host(store, tools={"t": tool.call}, policy=Policy(imported.policy())) as host:
        flow = host.start(Program.from_value(imported.program), input={}, name="killed")
        assert flow.result(_TIMEOUT_S).status == "succeeded"
    store.close()


def main() -> None:
    """Run one side."""
    side, folder, killed_at = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    if side == "engine":
        _run_engine(_Tool(killed_at))
    else:
        _run_flow(_Tool(killed_at), folder)


if __name__ == "__main__":
    main()
