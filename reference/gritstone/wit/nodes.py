"""Code nodes of a core, and the table of code that they resolve to.

::

    external:<name>              what is registered under the whole name, if ``external`` is claimed
    wasm:<path>                  profile wasm: unresolved here
    /<path>:<module>:<function>  what the given loader makes of code in the same core

Everything else is unresolved. A node is looked up for every transition; what a name resolves to never changes.

Spec: :rule:`wit.node.forms`, :rule:`wit.transition.no-stale`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from gritstone.errors import Refusal
from gritstone.grit.objects import Blob, ObjectId
from gritstone.wit.code import Code
from gritstone.wit.failures import failure
from gritstone.wit.paths import ALPHABETS, Path, read_path
from gritstone.wit.workspace import Workspace

__all__ = ["Codes", "Loader"]

_SOURCE = re.compile(rb"/([^:]+):([A-Za-z0-9_.]+):([A-Za-z0-9_.]+)")
_EXTERNAL_NAME = re.compile(r"[a-z0-9][a-z0-9._/-]*")
_NEVER = re.compile(r"absent(?:/.*)?")


class Loader(Protocol):
    """Make code out of what lies in a core."""

    def load(self, workspace: Workspace, core: Mapping[str, ObjectId], path: Path, module: str, function: str) -> Code:
        """Give the code of a node ``/<path>:<module>:<function>``.

        Raises:
            Rejected: there is none (code ``unresolved``).
        """


class Codes:
    """Resolve code nodes.

    Attributes:
        registered: code by external name; none of them if ``external`` is not claimed.
    """

    __slots__ = ("_by_data", "_loader", "registered")

    def __init__(self, registered: Mapping[str, Code], loader: Loader | None = None) -> None:
        """Hold a table.

        Args:
            registered: code by external name, without ``external:``.
            loader: what resolves the form of code in the core; None if nothing does.

        Raises:
            ValueError: a name is none, or is one that is never registered.
        """
        for name in registered:
            if _EXTERNAL_NAME.fullmatch(name) is None or _NEVER.fullmatch(name) is not None:
                raise ValueError(f"{name!r} cannot be registered")
        self.registered = MappingProxyType(dict(registered))
        self._by_data = {f"external:{name}".encode(): code for name, code in registered.items()}
        self._loader = loader

    def resolve(self, workspace: Workspace, core: Mapping[str, ObjectId], node: str) -> Code:
        """Find the code of a node.

        Args:
            workspace: gives objects.
            core: the entries of the core.
            node: ``wit``, ``wit_query`` or ``wit_update``.

        Raises:
            Rejected: it does not resolve (code ``unresolved``).
            Missing: the blob of the node is absent.

        Spec: :rule:`wit.node.forms`.
        """
        target = core.get(node)
        if target is None:
            raise _unresolved(node, "no such node")
        blob = workspace.look(target)
        if not isinstance(blob, Blob):
            raise _unresolved(node, "no blob with data")
        code = self._by_data.get(blob.data)
        if code is not None:
            return code
        match = _SOURCE.fullmatch(blob.data)
        if match is None or self._loader is None:
            raise _unresolved(node, "no such code", got=ascii(blob.data[:80]))
        try:
            path = read_path(match[1], ALPHABETS[workspace.objects.format.name])
        except Refusal as refusal:
            raise _unresolved(node, "no path", got=str(refusal)) from None
        return self._loader.load(workspace, core, path, match[2].decode(), match[3].decode())


def _unresolved(node: str, what: str, *, got: object = None) -> Refusal:
    return failure("unresolved", f"{node}: {what}", rule="wit.node.forms", got=got)
