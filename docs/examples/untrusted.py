"""Run an untrusted module: within limits, from checkpoint to checkpoint, in two branches, on two machines."""

import tempfile
from pathlib import Path

import wasmtime

from gritstone.kit.executions import Environment, Execution, OutOfFuel, SecurityViolation, load, spawn
from gritstone.wasm.signature import public_key


def start(folder: Path) -> Execution:
    """Spawn the code with what it may have, and nothing else."""
    code = wasmtime.wat2wasm(Path("notes.wat").read_text())
    env = Environment(max_memory_mb=1, max_fuel=100_000, mounts={"/workspace": folder})
    execution = spawn(bytes(code), env)
    for text in (b"buy milk", b"call Ada"):
        result = execution.run(text)
        print(result.outcome, result.fuel_spent, "units")
    print(execution.diff("/workspace"))
    print(execution.files("/workspace")["notes.txt"])
    return execution


def reach_out(execution: Execution) -> None:
    """Run code that uses a permission that it was not granted."""
    try:
        execution.run(b"# this note wants to be the code")
    except SecurityViolation as violation:
        print("blocked:", violation.reason)
    print(execution.files("/workspace")["notes.txt"])


def work_hard(execution: Execution) -> None:
    """Run the code out of fuel, and continue with more."""
    try:
        execution.run(b"! think about everything")
    except OutOfFuel as error:
        print("out of fuel, and still at the same step:", error.snapshot_id == execution.snapshot_id)
    result = execution.continue_(fuel=1_000_000)
    print(result.outcome, result.fuel_spent, "units")


def branch(execution: Execution) -> None:
    """Try something, and keep what was before."""
    attempt = execution.fork()
    attempt.run(b"sell the house")
    print(attempt.diff("/workspace"))
    print(len(attempt.files("/workspace")["notes.txt"]), len(execution.files("/workspace")["notes.txt"]))


def carry(execution: Execution, folder: Path) -> None:
    """Move the execution to another machine; here both are this one."""
    secret = bytes(range(32))  # of the sender; the receiver knows the public key
    execution.save(folder / "notes.grit", move=True, secret=secret)
    there = load(folder / "notes.grit", keys=[public_key(secret)])
    print("over there, at the same step:", there.snapshot_id == execution.snapshot_id)
    there.run(b"water the plants")
    there.write_files("/workspace", folder / "out")
    print((folder / "out" / "notes.txt").read_text())


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "isolated"
        folder.mkdir()
        (folder / "readme.txt").write_text("Notes go here.")
        execution = start(folder)
        reach_out(execution)
        work_hard(execution)
        branch(execution)
        carry(execution, Path(name))


if __name__ == "__main__":
    main()
