"""The laws of actors: which code a node of a core names, and what else holds for actors with such code.

A law is registered for each form of code node. The laws are searched in order; the first that has the form of the node
``wit`` is the law of the actor.

::

    external:<name>              ``External``, a table of code of the host
    /<path>:<module>:<function>  ``actors.Sources``, Python code that lies in the core
    any other form               the laws of other profiles, which are registered in the same list

A node without a law is unresolved. Nodes are looked up again for every transition; what a name resolves to does not
change.

Spec: :rule:`wit.node.forms`, :rule:`wit.transition.no-stale`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from gritstone.errors import Refusal
from gritstone.grit.objects import Blob, ObjectId
from gritstone.wit.code import Code, Run
from gritstone.wit.failures import failure
from gritstone.wit.paths import Path
from gritstone.wit.workspace import Workspace

__all__ = ["External", "Law", "Laws"]

_EXTERNAL_NAME = re.compile(r"[a-z0-9][a-z0-9._/-]*")
_NEVER = re.compile(r"absent(?:/.*)?")


class Law:
    """One form of code node, and the rules of the actors whose node ``wit`` has that form.

    A subclass defines ``has`` and ``resolve``; each other hook has a default that adds nothing to the rules of ``wit``.

    Attributes:
        is_exclusive: whether this law resolves every code node of its actors, also nodes of another form.
    """

    is_exclusive = False

    def has(self, data: bytes, format_name: str) -> bool:
        """Return whether the data of a code node is of this form.

        Args:
            data: the data of the blob.
            format_name: the name of the object format, which decides what a path is.
        """
        raise NotImplementedError

    def resolve(
        self,
        workspace: Workspace,
        core: Mapping[str, ObjectId],
        node: str,
        source: Mapping[str, ObjectId],
        data: bytes | None,
    ) -> Code:
        """Return the code of a node.

        Args:
            workspace: supplies objects.
            core: the entries of the core of the actor.
            node: ``wit``, ``wit_query`` or ``wit_update``.
            source: the entries that hold the node: those of the core, or of the content of an update.
            data: the data of the node; of this form, unless the law is exclusive. None if the node is not a blob.

        Raises:
            Rejected: the node does not resolve (code ``unresolved``, which may continue after a colon).
            Exhausted: this host does not run the code (code ``exhausted``, which may continue after a colon).
        """
        raise NotImplementedError

    def makes_first_step(self, workspace: Workspace, core: Mapping[str, ObjectId]) -> bool:
        """Return whether code makes the first step; if not, that step keeps the core, reads and sends nothing else."""
        return True

    def refuses_update(self, run: Run, content: Mapping[str, ObjectId]) -> bool:
        """Return whether an update is refused before it is merged or its code is run.

        Args:
            run: the transition.
            content: the entries of the content of the update.
        """
        return False

    def refuses_merge(self, run: Run, merged: Mapping[str, ObjectId]) -> bool:
        """Return whether an update without code is refused for the core that it would make.

        Args:
            run: the transition.
            merged: the entries of that core.
        """
        return False

    def frozen_paths(self, workspace: Workspace, core: Mapping[str, ObjectId]) -> tuple[Path, ...]:
        """Return the paths that are frozen in any core with an entry ``frozen``, in addition to those that it lists.

        This hook is called for every core, not only for those of actors of this law.
        """
        return ()

    def within(self, limit_ms: int) -> Law:
        """Return this law for calls that take at most ``limit_ms`` milliseconds; 0 means no limit.

        A law that cannot interrupt its code returns itself: its code is measured from outside.
        """
        return self


class External(Law):
    """Code of the host, registered under names: the form ``external:<name>``.

    Attributes:
        registered: code by name, without ``external:``.
    """

    def __init__(self, registered: Mapping[str, Code]) -> None:
        """Register code.

        Args:
            registered: code by name, without ``external:``.

        Raises:
            ValueError: a name is invalid, or is one that is never registered.
        """
        for name in registered:
            if _EXTERNAL_NAME.fullmatch(name) is None or _NEVER.fullmatch(name) is not None:
                raise ValueError(f"{name!r} cannot be registered")
        self.registered = MappingProxyType(dict(registered))
        self._by_data = {f"external:{name}".encode(): code for name, code in registered.items()}

    def has(self, data: bytes, format_name: str) -> bool:
        """Return whether the data is a registered name."""
        return data in self._by_data

    def resolve(
        self,
        workspace: Workspace,
        core: Mapping[str, ObjectId],
        node: str,
        source: Mapping[str, ObjectId],
        data: bytes | None,
    ) -> Code:
        """Return the code that is registered under the name."""
        assert data is not None, "the law has the form"
        return self._by_data[data]


class Laws:
    """An ordered list of laws.

    Attributes:
        laws: the laws; the first that has the form of a node decides.
    """

    __slots__ = ("laws",)

    def __init__(self, *laws: Law) -> None:
        self.laws: tuple[Law, ...] = laws

    def within(self, limit_ms: int) -> Laws:
        """Return the same list for transitions that take at most ``limit_ms`` milliseconds; 0 means no limit."""
        laws = tuple(law.within(limit_ms) for law in self.laws)
        return self if laws == self.laws else Laws(*laws)

    def of(self, workspace: Workspace, core: Mapping[str, ObjectId]) -> Law:
        """Return the law of the actor with this core; if no code resolves, a law that adds nothing."""
        return self._at(workspace, core, "wit")[0] or _NO_LAW

    def resolve(
        self,
        workspace: Workspace,
        core: Mapping[str, ObjectId],
        node: str,
        content: Mapping[str, ObjectId] | None = None,
    ) -> Code:
        """Return the code of a node.

        Args:
            workspace: supplies objects.
            core: the entries of the core.
            node: ``wit``, ``wit_query`` or ``wit_update``.
            content: the entries of the content of an update if node and code are there; None if they are in the core.

        Raises:
            Rejected: the node does not resolve (code ``unresolved``).
            Exhausted: this host does not run the code (code ``exhausted``).
            Missing: the blob of the node is absent.

        Spec: :rule:`wit.node.forms`.
        """
        source = core if content is None else content
        law, data = self._at(workspace, core, "wit")
        if node != "wit" or content is not None:
            law_of_node, data = self._at(workspace, source, node)
            if law is None or not law.is_exclusive:
                law = law_of_node
        if law is None:
            raise _unresolved(node, data)
        return law.resolve(workspace, core, node, source, data)

    def frozen_paths(self, workspace: Workspace, core: Mapping[str, ObjectId]) -> tuple[Path, ...]:
        """Return the paths that the laws freeze in a core with an entry ``frozen``."""
        return tuple(path for law in self.laws for path in law.frozen_paths(workspace, core))

    def _at(self, workspace: Workspace, entries: Mapping[str, ObjectId], node: str) -> tuple[Law | None, bytes | None]:
        """Return the first law that has the form of a node, and the data of the node; either is None if absent."""
        target = entries.get(node)
        blob = None if target is None else workspace.look(target)
        if not isinstance(blob, Blob):
            return None, None
        data, format_name = blob.data, workspace.objects.format.name
        for law in self.laws:
            if law.has(data, format_name):
                return law, data
        return None, data


_NO_LAW = Law()


def _unresolved(node: str, data: bytes | None) -> Refusal:
    if data is None:
        return failure("unresolved", f"{node}: the node is not a blob with data", rule="wit.node.forms")
    return failure("unresolved", f"{node}: no law has this form", rule="wit.node.forms", got=ascii(data[:80]))
