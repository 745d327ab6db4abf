"""Guests in a process of their own: the same steps, and a host that goes on whatever becomes of that process."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gritstone.grit import MemoryEngine, Store
from gritstone.grit.formats import FORMATS, Format
from gritstone.grit.objects import Blob, Mailbox, Message, Step, Tree
from gritstone.kit.executions import Abandoned, Environment, Failed, Sandbox, spawn
from gritstone.optional import isolation as isolation_module
from gritstone.optional.frames import FrameChannel
from gritstone.optional.isolation import Isolated
from gritstone.wasm import Guests
from gritstone.wasm.cores import tree_at
from gritstone.wit.workspace import Workspace

GUESTS = sorted((Path(__file__).parents[3] / "vectors/wasm/guests").glob("*.wasm"))
MOST_FUEL = 2**62

_FIRST_OR = """(module
  (import "grit" "input" (func $input (param i32 i32) (result i32)))
  (import "grit" "blob" (func $blob (param i32 i32 i32 i32 i32) (result i32)))
  (import "grit" "step" (func $step (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "grit" "result" (func $result (param i32) (result i32)))
  (memory 2) (global $turn (mut i32) (i32.const 0))
  (func (export "wit") (result i32)
    (if (i32.ge_s (call $input (i32.const 1) (i32.const 0)) (i32.const 0)) (then %s))
    (drop (call $input (i32.const 0) (i32.const 40))) (drop (call $input (i32.const 2) (i32.const 80)))
    (drop (call $input (i32.const 4) (i32.const 120))) (drop (call $input (i32.const 5) (i32.const 160)))
    (drop (call $step (i32.const 0) (i32.const 40) (i32.const 160) (i32.const 120) (i32.const 80) (i32.const 200)))
    (call $result (i32.const 200))))
"""
_IS_LATER = "(i32.ge_s (call $input (i32.const 1) (i32.const 0)) (i32.const 0))"
_SPIN = "(loop (br 0))"
_GROW = """(drop (memory.grow (i32.const 30000)))
  (memory.fill (i32.const 65536) (i32.const 1) (i32.mul (i32.sub (memory.size) (i32.const 1)) (i32.const 65536)))"""
_HOARD = """(loop
  (global.set $turn (i32.add (global.get $turn) (i32.const 1)))
  (i32.store (i32.const 65536) (global.get $turn))
  (drop (call $blob (i32.const 65536) (i32.const 65536) (i32.const 0) (i32.const 0) (i32.const 240)))
  (br_if 0 (i32.lt_u (global.get $turn) (i32.const 20000))))"""


@pytest.fixture(scope="module")
def isolated() -> Isolated:
    return Isolated()


@pytest.fixture
def later(wat: Callable[..., bytes]) -> Callable[[str], bytes]:
    """Make a module that makes its first step, and does something before each later one."""
    return lambda body: wat(_FIRST_OR % body)


@pytest.fixture
def spinning(later: Callable[[str], bytes]) -> bytes:
    return later(_SPIN)


# --- the same --------------------------------------------------------------------------------------------


def _life(module: bytes, format_: Format, guests: Guests) -> Iterator[Any]:
    """Return the results of some messages."""
    env = Environment(mounts={"/work": None}, network_egress=True, max_fuel=3_000_000, seed=7, on_timeout="checkpoint")
    sandbox = Sandbox(Store.open(MemoryEngine(), format_), guests)
    try:
        execution = spawn(module, env, sandbox=sandbox)
    except Failed as error:
        yield error.code
        return
    for content in (b"", b"x", bytes(8), b'{"n": 3}', b"work/a\n7", b"\x82\x01\x02", bytes(range(64))):
        try:
            result = execution.run(content, {"mt": content.hex()[:8]} if content else {})
        except Failed as error:
            yield error.code, error.reason, str(error), error.snapshot_id
        else:
            yield result.outcome, result.snapshot_id, result.fuel_spent, result.sent
    yield execution.files("work"), execution.fork().snapshot_id


@pytest.mark.parametrize("path", GUESTS, ids=lambda path: path.stem)
@pytest.mark.parametrize("name", sorted(FORMATS))
def test_isolated_results_equal_plain_results(path: Path, name: str, isolated: Isolated) -> None:
    here = list(_life(path.read_bytes(), FORMATS[name], Guests()))
    assert list(_life(path.read_bytes(), FORMATS[name], isolated)) == here


def test_modules_are_refused_as_without_isolation(wat: Callable[..., bytes], isolated: Isolated) -> None:
    for module in (b"", b"\0asm", wat('(module (import "env" "x" (func)))'), wat("(module)")):
        codes = []
        for guests in (Guests(), isolated):
            with pytest.raises(Failed) as caught:
                spawn(module, sandbox=Sandbox(guests=guests))
            codes.append((type(caught.value), caught.value.code, str(caught.value)))
        assert codes[0] == codes[1]


def test_logs_reach_the_host(wat: Callable[..., bytes]) -> None:
    log = '(import "grit" "log" (func $log (param i32 i32) (result i32)))'
    text = _FIRST_OR.replace("(module", f'(module {log} (data (i32.const 300) "hello")') % ""
    lines: list[bytes] = []
    text = text.replace("(call $result", "(drop (call $log (i32.const 300) (i32.const 5))) (call $result")
    spawn(wat(text), sandbox=Sandbox(guests=Isolated(log=lines.append)))
    assert lines == [b"hello"]


def test_sandbox_rejects_guests_together_with_isolated(isolated: Isolated) -> None:
    with pytest.raises(ValueError, match="isolated"):
        Sandbox(guests=isolated, isolated=True)


# --- what becomes of the process -------------------------------------------------------------------------


def _abandoned(execution: Any, content: bytes = b"") -> Abandoned:
    """Run what is abandoned; it stays where it was."""
    before = execution.snapshot_id
    with pytest.raises(Abandoned) as caught:
        execution.run(content)
    assert caught.value.code == "host"
    assert execution.snapshot_id == caught.value.snapshot_id == before
    return caught.value


def _only(guests: Isolated) -> Any:
    (process,) = guests._idle
    return process


def test_call_is_abandoned_if_the_process_is_killed(spinning: bytes, counter: bytes) -> None:
    guests = Isolated()
    sandbox = Sandbox(guests=guests)
    execution = spawn(spinning, Environment(max_fuel=MOST_FUEL), sandbox=sandbox)
    pid = _only(guests).pid
    killer = threading.Timer(0.3, os.kill, (pid, signal.SIGKILL))
    killer.start()
    _abandoned(execution)
    killer.join()
    assert spawn(counter, sandbox=sandbox).run().outcome == "step"
    assert _only(guests).pid != pid


def test_call_is_abandoned_if_the_process_dies_in_a_load(counter: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    guests, load = Isolated(), isolation_module._load
    execution, other = (spawn(counter, sandbox=Sandbox(guests=one)) for one in (guests, Guests()))
    pid = _only(guests).pid

    def kill(*arguments: Any) -> Any:
        os.kill(pid, signal.SIGKILL)
        return load(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(isolation_module, "_load", kill)
        _abandoned(execution, b"x")
    assert execution.run(b"x") == other.run(b"x")


def test_process_that_died_between_calls_is_replaced(counter: bytes) -> None:
    guests = Isolated()
    execution = spawn(counter, sandbox=Sandbox(guests=guests))
    process = _only(guests)
    os.kill(process.pid, signal.SIGKILL)
    process._process.wait()
    assert execution.run().outcome == "step"
    assert _only(guests) is not process


def test_guest_with_growing_memory_is_stopped(later: Callable[[str], bytes], counter: bytes) -> None:
    sandbox = Sandbox(guests=Isolated(memory_mb=384))
    _abandoned(spawn(later(_HOARD), Environment(max_fuel=MOST_FUEL, persistent=False), sandbox=sandbox))
    assert spawn(counter, sandbox=sandbox).run().outcome == "step"


@pytest.mark.parametrize("body", [_GROW, ""], ids=["asks", "does not ask"])
def test_a_guest_that_may_have_more_than_there_is(wat: Callable[..., bytes], body: str, counter: bytes) -> None:
    # It receives -1 instead of a number, so none of its runs counts.
    sandbox = Sandbox(guests=Isolated(memory_mb=384, most_pages=65_536))
    module = wat(_FIRST_OR.replace(_IS_LATER, "(i32.const 1)") % body)
    with pytest.raises(Abandoned):
        spawn(module, Environment(max_memory_mb=2_048, max_fuel=MOST_FUEL), sandbox=sandbox)
    assert spawn(counter, sandbox=sandbox).run().outcome == "step"


def test_a_guest_that_eats_what_it_may(later: Callable[[str], bytes]) -> None:
    env = Environment(max_fuel=MOST_FUEL, persistent=False, max_memory_mb=128)
    body = _GROW.replace("30000", "2000")
    runs = [spawn(later(body), env, sandbox=Sandbox(guests=one)).run() for one in (Isolated(memory_mb=384), Guests())]
    assert runs[0] == runs[1]
    assert runs[0].outcome == "step"


def test_more_memory_than_there_will_be(counter: bytes) -> None:
    with pytest.raises(Failed) as caught:
        spawn(counter, Environment(max_memory_mb=1_024), sandbox=Sandbox(isolated=True))
    assert caught.value.code == "exhausted:host"


def test_endless_loop_is_stopped(spinning: bytes, counter: bytes) -> None:
    guests = Isolated(wall_s=2)
    sandbox = Sandbox(guests=guests)
    execution = spawn(spinning, Environment(max_fuel=MOST_FUEL), sandbox=sandbox)
    begin = time.monotonic()
    assert "TimeoutError" in str(_abandoned(execution))
    assert time.monotonic() - begin < 30
    assert spawn(counter, sandbox=sandbox).run().outcome == "step"


def test_call_above_its_time_limit_times_out(spinning: bytes) -> None:
    guests = Isolated(limit_ms=100)
    execution = spawn(spinning, Environment(max_fuel=MOST_FUEL), sandbox=Sandbox(guests=guests))
    before, process = execution.snapshot_id, _only(guests)
    with pytest.raises(Failed) as caught:
        execution.run()
    assert (caught.value.code, execution.snapshot_id) == ("timeout", before)
    assert _only(guests) is process
    assert guests.within(100) is guests
    assert guests.within(5)._limit_ms == 5


def test_interrupt_ends_the_process(spinning: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    guests = Isolated()
    execution = spawn(spinning, Environment(max_fuel=MOST_FUEL), sandbox=Sandbox(guests=guests))
    process = _only(guests)

    def interrupt(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(isolation_module, "_load", interrupt)
    with pytest.raises(KeyboardInterrupt):
        execution.run()
    assert not process.is_usable


def test_call_is_abandoned_if_no_process_starts(counter: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    execution = spawn(counter, sandbox=Sandbox(guests=Isolated()))
    execution.sandbox._guests._idle.clear()  # type: ignore[attr-defined]
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", "/nowhere")
        _abandoned(execution)
    assert execution.run().outcome == "step"


def test_process_ends_with_its_host(spinning: bytes, tmp_path: Path) -> None:
    (tmp_path / "spin.wasm").write_bytes(spinning)
    script = f"""if True:
        from pathlib import Path
        from gritstone.kit.executions import Environment, Sandbox, spawn
        from gritstone.optional.isolation import Isolated
        guests = Isolated()
        env = Environment(max_fuel={MOST_FUEL})
        execution = spawn(Path("spin.wasm").read_bytes(), env, sandbox=Sandbox(guests=guests))
        print(guests._idle[0].pid, flush=True)
        execution.run()
    """
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=tmp_path, env=env) as host:
        assert host.stdout is not None
        pid = int(host.stdout.readline())
        time.sleep(0.3)
        host.kill()
    for _ in range(300):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return
        if state == "Z":  # ended, and not yet waited for
            return
        time.sleep(0.05)
    pytest.fail("it is still there")


# --- a process that is not what it should be -------------------------------------------------------------


class _Liar:
    """Answer with the same bytes, whatever is said."""

    def __init__(self, answers: list[bytes]) -> None:
        here, self._there = socket.socketpair()
        self.channel = FrameChannel(here, 1 << 20)
        self._here = here
        self.age: object = None
        self.is_usable = True
        self._there.sendall(b"".join(answers))
        self._there.shutdown(socket.SHUT_WR)

    def end(self) -> None:
        self.is_usable = False
        self._here.close()
        self._there.close()


def _frame(head: Any, body: bytes = b"", *, head_bytes: int | None = None, body_bytes: int | None = None) -> bytes:
    text = head if isinstance(head, bytes) else json.dumps(head).encode()
    sizes = (len(text) if head_bytes is None else head_bytes, len(body) if body_bytes is None else body_bytes)
    return b"".join((*(size.to_bytes(8, "big") for size in sizes), text, body))


_RESOLVED = _frame({"op": "resolved", "id": None, "sizes": []})
_NO_STEP = _frame({"op": "made", "id": "ab" * 32, "sizes": []})
_REFUSED = {"op": "refusal", "kind": "rejected", "message": "m", "rule": "r", "code": "failed", "offset": None}
LIES = {
    "nothing": [],
    "half": [_RESOLVED[:9]],
    "a long head": [_frame({}, head_bytes=2**63)],
    "a long body": [_frame({}, body_bytes=2**62)],
    "no json": [_frame(b"{")],
    "no object": [_frame([])],
    "nested": [_frame(b"[" * 100_000)],
    "no op": [_frame({})],
    "another op": [_frame({"op": "admitted", "id": None, "sizes": []})],
    "a step at once": [_NO_STEP],
    "no sizes": [_RESOLVED, _frame({"op": "made", "id": "00" * 32})],
    "other sizes": [_RESOLVED, _frame({"op": "made", "id": "00" * 32, "sizes": [5, -1]}, b"four")],
    "no encoding": [_RESOLVED, _frame({"op": "made", "id": "00" * 32, "sizes": [4]}, b"four")],
    "a short id": [_RESOLVED, _frame({"op": "made", "id": "00", "sizes": []})],
    "a number": [_RESOLVED, _frame({"op": "made", "id": 5, "sizes": []})],
    "no refusal": [_RESOLVED, _frame({"op": "refusal"})],
    "another class": [_RESOLVED, _frame({**_REFUSED, "kind": "KeyboardInterrupt", "got": None, "expected": None})],
    "another code": [_RESOLVED, _frame({**_REFUSED, "code": 5, "got": None, "expected": None})],
    "no id to load": [_frame({"op": "load", "id": "../etc"})],
}


@pytest.mark.parametrize("lie", LIES)
def test_process_with_unreadable_output_is_an_error(counter: bytes, lie: str) -> None:
    guests = Isolated()
    execution = spawn(counter, sandbox=Sandbox(guests=guests))
    liar: Any = _Liar(LIES[lie])
    guests._idle.append(liar)
    _abandoned(execution)
    assert not liar.is_usable
    assert execution.run().outcome == "step"


def _forged(execution: Any, change: Callable[[Workspace, dict[str, bytes]], None]) -> tuple[bytes, list[bytes]]:
    """Make a next step of an actor that changes its core; gives its id, and the objects."""
    workspace = execution.sandbox.workspace()
    last = execution.sandbox.position(execution.actor)
    core = dict(last.core)
    change(workspace, core)
    message = workspace.put(Message(last.inbox[execution.sandbox.agent], {}, workspace.put(Blob({}, b""))))
    inbox = workspace.put(Mailbox({**last.inbox, execution.sandbox.agent: message}))
    step = workspace.put(Step(last.step_id, execution.actor, inbox, last.step.outbox, workspace.put(Tree(core))))
    return step, list(workspace.encodings.values())


def _touch(name: str) -> Callable[[Workspace, dict[str, bytes]], None]:
    """Put a blob at a name of a core; what has a slash stands below ``wasm``."""

    def change(workspace: Workspace, core: dict[str, bytes]) -> None:
        blob = workspace.put(Blob({}, b"forged"))
        top, _, below = name.partition("/")
        core[top] = workspace.put(Tree({**tree_at(workspace, core.get(top)), below: blob})) if below else blob

    return change


def _says(op: str, forged: tuple[bytes, list[bytes]]) -> bytes:
    step, objects = forged
    return _frame({"op": op, "id": step.hex(), "sizes": [len(one) for one in objects]}, b"".join(objects))


def _lied(execution: Any, *answers: bytes) -> str | None:
    """Run while the process says this; gives the code of what is raised, and nothing has happened."""
    before, liar = execution.snapshot_id, _Liar([_RESOLVED, *answers])
    execution.sandbox._guests._idle.append(liar)
    with pytest.raises(Failed) as caught:
        execution.run()
    liar.end()
    assert execution.snapshot_id == before
    return caught.value.code


@pytest.mark.parametrize(
    ("name", "code"),
    [("wasm/manifest", "failed:denied:host"), ("wit", "failed:denied:code"), ("fs/etc", "failed:denied:mount")],
)
def test_draft_with_ungranted_changes_is_rejected(counter: bytes, name: str, code: str) -> None:
    execution = spawn(counter, sandbox=Sandbox(guests=Isolated()))
    assert _lied(execution, _says("draft", _forged(execution, _touch(name)))) == code


@pytest.mark.parametrize("name", ["count", "wasm/manifest", "wasm/peers", "fs/etc"])
def test_finish_with_another_step_is_abandoned(counter: bytes, name: str) -> None:
    execution = spawn(counter, sandbox=Sandbox(guests=Isolated()))
    draft, other = _forged(execution, _touch("note")), _forged(execution, _touch(name))
    assert _lied(execution, _says("draft", draft), _says("made", other)) == "host"
    assert _lied(execution, _says("draft", draft), _frame({"op": "made", "id": None, "sizes": []})) == "host"
    assert _lied(execution, _says("draft", draft), _NO_STEP) == "host"


def test_result_without_a_draft_is_abandoned(counter: bytes) -> None:
    execution = spawn(counter, sandbox=Sandbox(guests=Isolated()))
    assert _lied(execution, _says("made", _forged(execution, _touch("note")))) == "host"


def test_process_with_an_invalid_step_is_rejected(counter: bytes) -> None:
    execution = spawn(counter, sandbox=Sandbox(guests=Isolated()))
    assert _lied(execution, _says("draft", (bytes(32), []))) == "illegal-step"


def test_process_of_guests_does_not_inherit_secrets(
    counter: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SERVICE_API_KEY", "planted")
    (tmp_path / "socket.py").write_text("raise SystemExit('a file of the working directory')")
    monkeypatch.chdir(tmp_path)
    guests = Isolated()
    spawn(counter, sandbox=Sandbox(guests=guests))
    given = Path(f"/proc/{_only(guests).pid}/environ").read_bytes().split(b"\0")
    allowed = {"LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONHOME", "PYTHONPATH"}
    assert {one.partition(b"=")[0].decode() for one in given if one} <= allowed
