"""Fork mutants from a Python process that has imported everything that does not depend on their edits.

    python -m selftests.mutants.forkserver SOCKET PACKAGE

Starting Python and importing a package takes longer than most runs of a mutant. This program imports the libraries that
the package needs. For each set of edited modules it forks a server, which imports the package; an import of an edited
module fails there, and so does the import of each module that needs it at import. The server is forked once more
for each start of a mutant. That child imports what is missing, with the edits, as if it was started normally.

Orders and answers are messages of JSON on a socket that keeps their boundaries:

==========================  =====================================  =====================================
order                       descriptors that the child receives    answer
==========================  =====================================  =====================================
``{"without": [module]}``   the socket of the new server           ``{}`` when it is ready
``{"start": [word], ...}``  stdin, stdout, stderr                  ``{"pid": N}``
``{"wait": pid}``           none                                   ``{"code": N}``, as in ``subprocess``
==========================  =====================================  =====================================

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
from types import SimpleNamespace
from typing import Any, Final, NoReturn

from selftests.mutants import mutate
from selftests.paths import SUITE

_LIBRARIES: Final = {
    "gritstone": ("asyncio", "blake3", "cryptography.hazmat.primitives.asymmetric.ed25519", "lmdb", "wasmtime"),
    "gritstone_conformance": ("blake3", "hypothesis.stateful", "_pytest.pytester", "wasmtime"),
}
"""The libraries of each package that take longest to import; they import most of the others."""


class _Refused(BaseException):
    """An import of an edited module in a server; not an ImportError, which the importing module may catch."""


def main(argv: Sequence[str]) -> NoReturn:
    """Serve orders; each child that is started ends as Python does."""
    channel, package = socket.socket(fileno=int(argv[0])), argv[1]
    for library in _LIBRARIES[package]:
        importlib.import_module(library)
    if package == SUITE.name:
        importlib.import_module("_pytest.config").get_config()  # imports the plugins of pytest
    order, passed = _serve(channel)
    _import_without(order["without"], package)
    channel.send(b"{}")
    channel.close()
    with socket.socket(fileno=passed[0]) as channel:
        order, passed = _serve(channel)
        _take_over(order, passed)
        channel.send(json.dumps({"pid": os.getpid()}).encode())
    _run(order["start"])


def _import_without(modules: Collection[str], package: str) -> None:
    """Import a package, except some modules and those that import them."""

    def refuse(name: str, *_: object) -> None:
        if name in modules:
            raise _Refused(name)

    finder: Any = SimpleNamespace(find_spec=refuse)
    sys.meta_path.insert(0, finder)
    for name in _modules(package):
        with contextlib.suppress(_Refused):
            importlib.import_module(name)
    sys.meta_path.remove(finder)
    gc.freeze()  # objects that exist now stay in shared memory


def _modules(package: str) -> Iterator[str]:
    if package != SUITE.name:
        names = "server", "wit_operations", "runtime_operations", "wasm_operations"  # some are imported on first use
        yield from (f"{package}.harness.{name}" for name in names)
        return
    for path in sorted(SUITE.rglob("*.py")):
        if path.stem != "__main__" and (path.parent / "__init__.py").exists():
            yield ".".join(path.relative_to(SUITE.parent).with_suffix("").parts).removesuffix(".__init__")


def _serve(channel: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Fork a child for each order except ``wait``; return in the child."""
    while True:
        message, passed, _, _ = socket.recv_fds(channel, 1 << 20, 3)
        if not message:
            with contextlib.suppress(ChildProcessError):
                while True:
                    os.wait()
            os._exit(0)
        order = json.loads(message)
        if "wait" in order:
            _, status = os.waitpid(order["wait"], 0)
            channel.send(json.dumps({"code": os.waitstatus_to_exitcode(status)}).encode())
        elif os.fork() == 0:
            return order, passed
        for number in passed:
            os.close(number)


def _take_over(order: dict[str, Any], passed: Sequence[int]) -> None:
    """Take the standard streams, the directory and the variables of the order, in a new session."""
    os.setsid()
    for stream, number in enumerate(passed):
        os.dup2(number, stream)
        os.close(number)
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["environ"])


def _run(words: Sequence[str]) -> NoReturn:
    """Run a mutant and end as Python does, but without unloading modules, which would copy the shared memory."""
    code: object = 1
    try:
        code = mutate.main(words)
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001 - any exception that the mutant raises
        sys.excepthook(*sys.exc_info())
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
