"""Fork mutants from a Python process that has imported everything that does not depend on their edits.

    python -m selftests.mutants.forkserver SOCKET PACKAGE

Starting Python and importing a package takes longer than most runs of a mutant. This program imports the libraries that
the package needs. For each set of edited modules it forks a server, which imports the package; an import of an edited
module fails there, and so does the import of each module that needs it at import. The server is forked once more
for each start of a mutant. That child imports what is missing, with the edits, as if it was started normally.

Orders are lines of JSON on a socket, with the file descriptors that the child receives:

==========================================  =======================  ===========================================
order                                       descriptors              answer
==========================================  =======================  ===========================================
``{"without": [module]}``                   the new server's socket  on that socket: ``{}`` when it is ready
``{"start": [id, edits], "words": [], …}``  stdin, stdout, stderr    ``{"pid": N}``
``{"wait": pid}``                           none                     ``{"code": N}``, as in ``subprocess``
==========================================  =======================  ===========================================

A server ends when the other end of its socket is closed.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import socket
import sys
import threading
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final, NoReturn, TypeAlias

from selftests.mutants.mutate import STALE, Edit, Mutant, StaleMutantError, hand_down, install, run
from selftests.paths import SUITE

LIBRARIES: Final = {
    "gritstone": (
        *("ast", "asyncio", "base64", "bisect", "contextlib", "copy", "dataclasses", "enum", "functools", "hashlib"),
        *("heapq", "inspect", "ipaddress", "json", "pathlib", "re", "struct", "typing", "urllib.parse"),
        *("blake3", "cryptography.hazmat.primitives.asymmetric.ed25519", "lmdb", "wasmtime"),
    ),
    "gritstone_conformance": ("pytest", "_pytest.pytester", "hypothesis", "hypothesis.stateful", "wasmtime", "blake3"),
}
"""The libraries that each package imports."""
_ADAPTER: Final = ("server", "wit_operations", "runtime_operations", "wasm_operations")
"""The modules of ``gritstone.harness`` that the adapter imports, some of them on first use."""
_MESSAGE_BYTES: Final = 1 << 20

Order: TypeAlias = dict[str, Any]


class _Refused(BaseException):
    """An import of an edited module in a server; not an ImportError, which the importing module may catch."""


class _Refusing:
    """A finder for ``sys.meta_path`` that refuses to import some modules."""

    def __init__(self, modules: Collection[str]) -> None:
        self.modules = modules

    def find_spec(self, fullname: str, *_: object) -> None:
        if fullname in self.modules:
            raise _Refused(fullname)


def main(argv: Sequence[str]) -> NoReturn:
    """Serve orders; each child that is started ends as Python does."""
    channel, package = socket.socket(fileno=int(argv[0])), argv[1]
    for library in _libraries(package):
        with contextlib.suppress(ImportError):
            importlib.import_module(library)
    order, passed = _serve(channel)
    channel.close()
    channel = socket.socket(fileno=passed[0])
    _import_without(order["without"], package)
    _answer(channel, {})
    order, passed = _serve(channel)
    _take_over(order, passed)
    _answer(channel, {"pid": os.getpid()})
    channel.close()
    name, edits = order["start"]
    _end(_run(Mutant(name, "", tuple(Edit(*edit) for edit in edits)), order["words"]))


def _libraries(package: str) -> Iterator[str]:
    yield from LIBRARIES[package]
    if package == SUITE.name:
        from _pytest.config import default_plugins

        yield from (f"_pytest.{name}" for name in default_plugins)


def _import_without(modules: Collection[str], package: str) -> None:
    """Import a package, except some modules and those that import them."""
    refusing = _Refusing(modules)
    sys.meta_path.insert(0, refusing)
    for name in _modules(package):
        with contextlib.suppress(_Refused):
            importlib.import_module(name)
    sys.meta_path.remove(refusing)
    gc.freeze()  # objects that exist now stay in shared memory


def _modules(package: str) -> Iterator[str]:
    if package != SUITE.name:
        yield from (f"{package}.harness.{name}" for name in _ADAPTER)
        return
    for path in sorted(SUITE.rglob("*.py")):
        if path.stem != "__main__" and (path.parent / "__init__.py").exists():
            yield ".".join(path.relative_to(SUITE.parent).with_suffix("").parts).removesuffix(".__init__")


def _serve(channel: socket.socket) -> tuple[Order, list[int]]:
    """Fork a child for each order except ``wait``; return in the child."""
    while True:
        order, passed = _receive(channel)
        if "wait" in order:
            _, status = os.waitpid(order["wait"], 0)
            _answer(channel, {"code": os.waitstatus_to_exitcode(status)})
        elif os.fork() == 0:
            return order, passed
        for number in passed:
            os.close(number)


def _receive(channel: socket.socket) -> tuple[Order, list[int]]:
    line, passed = b"", []
    while not line.endswith(b"\n"):
        chunk, numbers, _, _ = socket.recv_fds(channel, _MESSAGE_BYTES, 3)
        if not chunk:
            _leave()
        line += chunk
        passed += numbers
    return json.loads(line), passed


def _leave() -> None:
    """Wait for all children and end."""
    try:
        while True:
            os.wait()
    except ChildProcessError:
        os._exit(0)


def _answer(channel: socket.socket, answer: Order) -> None:
    channel.sendall(json.dumps(answer).encode() + b"\n")


def _take_over(order: Order, passed: Sequence[int]) -> None:
    """Take the standard streams, the directory and the variables of the order, in a new session."""
    os.setsid()
    for stream, number in enumerate(passed):
        os.dup2(number, stream)
        os.close(number)
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["environ"])


def _run(mutant: Mutant, words: Sequence[str]) -> object:
    """Run a module with the edits; return the exit code or the message that Python would end with."""
    install(mutant)
    if mutant.is_of_suite:
        hand_down(mutant)
    target, *rest = words
    try:
        return run(mutant, target, rest)
    except StaleMutantError as stale:
        print(stale, file=sys.stderr)
        return STALE
    except SystemExit as end:
        return end.code
    except BaseException:  # noqa: BLE001 - any exception that the mutant raises
        sys.excepthook(*sys.exc_info())
        return 1


def _end(code: object) -> NoReturn:
    """End as Python does, but without unloading modules, which would copy the shared memory."""
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads
    atexit._run_exitfuncs()
    if not isinstance(code, int | None):
        print(code, file=sys.stderr)
        code = 1
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code or 0)


if __name__ == "__main__":
    main(sys.argv[1:])
