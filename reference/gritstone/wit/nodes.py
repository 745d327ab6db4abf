"""Code nodes of a core, and the table of code that they resolve to.

::

    external:<name>              what is registered under the whole name, if ``external`` is claimed
    wasm:<path>                  what the given guests make of a module in the same core
    /<path>:<module>:<function>  what the given loader makes of code in the same core

Everything else is unresolved. A node is looked up for every transition; what a name resolves to never changes.
``Guests`` is the door for the profile that has the second form: it also makes laws for actors that have it.

Spec: :rule:`wit.node.forms`, :rule:`wit.transition.no-stale`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from gritstone.errors import Refusal
from gritstone.grit.objects import Blob, ObjectId
from gritstone.wit.code import Code, Run
from gritstone.wit.failures import failure
from gritstone.wit.paths import ALPHABETS, Path, read_path
from gritstone.wit.workspace import Workspace

__all__ = ["Codes", "Guests", "Loader"]

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


class Guests(Protocol):
    """Resolve the form ``wasm:<path>``, and say what else holds for actors that have it."""

    def resolve(
        self, workspace: Workspace, core: Mapping[str, ObjectId], node: str, source: Mapping[str, ObjectId]
    ) -> Code | None:
        """Give the code of a node; None if neither the node nor the actor is of this form.

        Args:
            workspace: gives objects.
            core: the entries of the core of the actor.
            node: ``wit``, ``wit_query`` or ``wit_update``.
            source: the entries that the node is one of: those of the core, or of the content of an update.

        Raises:
            Rejected: there is none (code ``unresolved`` and what comes behind a colon).
            Exhausted: it is not run here (code ``exhausted`` and what comes behind a colon).
        """

    def makes_first_step(self, workspace: Workspace, core: Mapping[str, ObjectId]) -> bool:
        """Tell whether the code of a first core makes the first step; else it has no other content than that core."""

    def refuses_update(self, run: Run, content: Mapping[str, ObjectId], merged: Mapping[str, ObjectId] | None) -> bool:
        """Tell whether an update is refused.

        Args:
            run: the transition.
            content: the entries of the content of the update.
            merged: those of the core that it would make; None before that is known, and where code makes it.
        """

    def fixed_paths(self, workspace: Workspace, core: Mapping[str, ObjectId]) -> tuple[Path, ...]:
        """Give the paths of a core that are frozen besides those that it lists, if it lists any."""

    def within(self, limit_ms: int) -> Guests:
        """Give guests that are stopped after so many milliseconds of a call; 0 for any."""


class Codes:
    """Resolve code nodes.

    Attributes:
        registered: code by external name; none of them if ``external`` is not claimed.
        guests: what resolves ``wasm:<path>``; None if nothing does.
    """

    __slots__ = ("_by_data", "_loader", "guests", "registered")

    def __init__(
        self, registered: Mapping[str, Code], loader: Loader | None = None, guests: Guests | None = None
    ) -> None:
        """Hold a table.

        Args:
            registered: code by external name, without ``external:``.
            loader: what resolves the form of code in the core; None if nothing does.
            guests: what resolves ``wasm:<path>``; None if nothing does.

        Raises:
            ValueError: a name is none, or is one that is never registered.
        """
        for name in registered:
            if _EXTERNAL_NAME.fullmatch(name) is None or _NEVER.fullmatch(name) is not None:
                raise ValueError(f"{name!r} cannot be registered")
        self.registered = MappingProxyType(dict(registered))
        self._by_data = {f"external:{name}".encode(): code for name, code in registered.items()}
        self._loader = loader
        self.guests = guests

    def within(self, limit_ms: int) -> Codes:
        """Give the same table for transitions that may take so many milliseconds; 0 for any.

        Only guests are stopped in the middle. All other code is measured.
        """
        guests = None if self.guests is None else self.guests.within(limit_ms)
        return self if guests is self.guests else Codes(self.registered, self._loader, guests)

    def resolve(
        self,
        workspace: Workspace,
        core: Mapping[str, ObjectId],
        node: str,
        content: Mapping[str, ObjectId] | None = None,
    ) -> Code:
        """Find the code of a node.

        Args:
            workspace: gives objects.
            core: the entries of the core.
            node: ``wit``, ``wit_query`` or ``wit_update``.
            content: the entries of the content of an update, where the node and its code stand; None if in the core.

        Raises:
            Rejected: it does not resolve (code ``unresolved``).
            Exhausted: it is not run here (code ``exhausted``).
            Missing: the blob of the node is absent.

        Spec: :rule:`wit.node.forms`.
        """
        source = core if content is None else content
        if self.guests is not None:
            guest = self.guests.resolve(workspace, core, node, source)
            if guest is not None:
                return guest
        target = source.get(node)
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
        return self._loader.load(workspace, source, path, match[2].decode(), match[3].decode())


def _unresolved(node: str, what: str, *, got: object = None) -> Refusal:
    return failure("unresolved", f"{node}: {what}", rule="wit.node.forms", got=got)
