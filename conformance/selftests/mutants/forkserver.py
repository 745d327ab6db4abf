"""Forking mutants of the reference off a Python that has imported all but what they edit.

    python -m selftests.mutants.forkserver SOCKET

To start Python and to import the reference takes longer than most hunts. So this program stands by in the middle of
its imports, where the module is looked for that the next mutants edit. Told to *start* one, it forks: the child finds
that module with its edits and goes on importing, as if it had just been started. Told to *park* before another module,
it forks too: that child goes on without any edit until that module is looked for, and then stands by there.

What is ordered are lines of JSON on a socket, with the file descriptors that the child gets:

==================================  ==============================  =================================================
order                               descriptors                     what is answered
==================================  ==============================  =================================================
``{"park": [module]}``              the socket of the one parked    there: ``{"loaded": [module]}``, once it stands by
``{"start": [id, edits], …}``       standard input, output, error   ``{"pid": N}``
``{"wait": pid}``                                                   ``{"code": N}``, as of ``subprocess``
==================================  ==============================  =================================================

Who stands by ends when nobody holds the other end of its socket.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import importlib.machinery
import json
import os
import socket
import sys
import threading
from collections.abc import Sequence
from types import ModuleType
from typing import Any, Final, NoReturn, TypeAlias

from selftests.mutants.mutate import STALE, Edit, Mutant, MutatingFinder, StaleMutantError, run

PACKAGE: Final = "gritstone"
LIBRARIES: Final = (
    *("ast", "asyncio", "base64", "bisect", "contextlib", "copy", "dataclasses", "enum", "functools", "hashlib"),
    *("heapq", "inspect", "ipaddress", "json", "pathlib", "re", "struct", "typing", "urllib.parse"),
    *("blake3", "cryptography.hazmat.primitives.asymmetric.ed25519", "lmdb", "wasmtime"),
)
"""What the reference takes of others."""
ROOMS: Final = ("server", "wit_operations", "runtime_operations", "wasm_operations")
"""What the adapter imports, in the order in which it comes to need it."""
_MESSAGE_BYTES: Final = 1 << 20

Order: TypeAlias = dict[str, Any]


class Waypoint:
    """A finder for ``sys.meta_path`` that stands by where a module is looked for.

    Attributes:
        channel: where orders come from.
        stops: the modules before which it stands by.
        mutant: what this process has become, or None.
    """

    def __init__(self, channel: socket.socket) -> None:
        self.channel = channel
        self.stops: tuple[str, ...] = ()
        self.mutant: Mutant | None = None
        self._edits: MutatingFinder | None = None

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Stand by where it has to, and find a module with the edits of what this process then becomes."""
        while self.mutant is None and fullname in self.stops:
            self.stand_by()
        return None if self._edits is None else self._edits.find_spec(fullname, path, target)

    def stand_by(self) -> None:
        """Say what is loaded, and follow orders; returns in children that go on."""
        loaded = [name for name in sys.modules if name.partition(".")[0] == PACKAGE]
        _answer(self.channel, {"loaded": loaded})
        order, passed = _serve(self.channel)
        if "park" in order:
            self.channel.close()
            self.channel, self.stops = socket.socket(fileno=passed[0]), tuple(order["park"])
            return
        _take_over(order, passed)
        _answer(self.channel, {"pid": os.getpid()})
        self.channel.close()
        name, edits = order["start"]
        self.mutant = Mutant(name, "", tuple(Edit(*edit) for edit in edits))
        self._edits = MutatingFinder(self.mutant)


def _serve(channel: socket.socket) -> tuple[Order, list[int]]:
    """Fork a child for each order that asks for one; returns in the child."""
    while True:
        order, passed = _heard(channel)
        if "wait" in order:
            _, status = os.waitpid(order["wait"], 0)
            _answer(channel, {"code": os.waitstatus_to_exitcode(status)})
        elif os.fork() == 0:
            return order, passed
        for number in passed:
            os.close(number)


def _heard(channel: socket.socket) -> tuple[Order, list[int]]:
    line, passed = b"", []
    while not line.endswith(b"\n"):
        chunk, numbers, _, _ = socket.recv_fds(channel, _MESSAGE_BYTES, 3)
        if not chunk:
            _leave()
        line += chunk
        passed += numbers
    return json.loads(line), passed


def _leave() -> None:
    """End, and all that was parked from here with it."""
    try:
        while True:
            os.wait()
    except ChildProcessError:
        os._exit(0)


def _answer(channel: socket.socket, answer: Order) -> None:
    channel.sendall(json.dumps(answer).encode() + b"\n")


def _take_over(order: Order, passed: Sequence[int]) -> None:
    """Be a child that was started where and with what the order says."""
    os.setsid()
    for stream, number in enumerate(passed):
        os.dup2(number, stream)
        os.close(number)
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["environ"])


def main(argv: Sequence[str]) -> NoReturn:
    """Stand by, and be in each child that is started what Python would be if it was started with the fault."""
    for library in LIBRARIES:
        with contextlib.suppress(ImportError):
            importlib.import_module(library)
    waypoint = Waypoint(socket.socket(fileno=int(argv[0])))
    sys.meta_path.insert(0, waypoint)
    try:
        code: object = run(_approached(waypoint), f"{PACKAGE}.harness", ())
    except StaleMutantError as stale:
        print(stale, file=sys.stderr)
        code = STALE
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001 - whatever the mutant ends of
        sys.excepthook(*sys.exc_info())
        code = 1
    _end(code)


def _end(code: object) -> NoReturn:
    """End as Python does, but without taking down what is loaded: that is shared, and would be copied first."""
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads
    atexit._run_exitfuncs()
    if not isinstance(code, int | None):
        print(code, file=sys.stderr)
        code = 1
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code or 0)


def _approached(waypoint: Waypoint) -> Mutant:
    """Import what the adapter imports, then the modules to stop at; returns in children that became a mutant."""
    waypoint.stand_by()
    rooms = [f"{PACKAGE}.harness.{room}" for room in ROOMS]
    while waypoint.mutant is None:
        importlib.import_module(rooms.pop(0) if rooms else waypoint.stops[0])
    return waypoint.mutant


if __name__ == "__main__":
    main(sys.argv[1:])
