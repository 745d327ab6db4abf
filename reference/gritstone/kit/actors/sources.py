"""Code in a core: Python modules, loaded from the tree that a node names.

The node ``/code:greetings:app`` means: in the tree at ``code``, the module ``greetings`` (the blob ``greetings.py``, or
``__init__.py`` in the tree ``greetings``), and in it the name ``app``: a ``Wit``, or anything else that is ``Code``. A
module imports others of the same tree by their names, before it imports those of the host.

Loaded modules are cached by the id of the tree, so replaced code is loaded again, and restored code is found in the
cache. Code from a core runs with all rights of the process: use it only on hosts that trust their actors.

Spec: :rule:`wit.node.forms`, :rule:`wit.transition.no-stale`.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from gritstone.errors import Invalid, Refusal
from gritstone.foreign import is_stop, text_of
from gritstone.grit.grammar import Alphabet
from gritstone.grit.objects import Blob, ObjectId
from gritstone.kit.actors.app import Wit
from gritstone.wit.bounded_cache import BoundedCache
from gritstone.wit.code import Code
from gritstone.wit.failures import failure
from gritstone.wit.laws import Law
from gritstone.wit.paths import ALPHABETS, find, read_path
from gritstone.wit.workspace import Workspace

__all__ = ["Sources"]

_MOST_TEXT = 4_096  # characters of the text of an error
_KEPT_BYTES = 16 << 20  # in each generation
_PACKAGE_BYTES = 1 << 16  # the approximate size of the modules of one tree
_FORM = re.compile(rb"/([^:]+):([A-Za-z0-9_.]+):([A-Za-z0-9_.]+)")


class Sources(Law):
    """Python code in the core: the form ``/<path>:<module>:<function>``."""

    def __init__(self) -> None:
        self._trees: BoundedCache[ObjectId, _Package] = BoundedCache(_KEPT_BYTES, _PACKAGE_BYTES)

    def has(self, data: bytes, format_name: str) -> bool:
        """Return whether the data names code in a core."""
        match = _FORM.fullmatch(data)
        return match is not None and _is_path(match[1], ALPHABETS[format_name])

    def resolve(
        self,
        workspace: Workspace,
        core: Mapping[str, ObjectId],
        node: str,
        source: Mapping[str, ObjectId],
        data: bytes | None,
    ) -> Code:
        """Return the code of a node; see ``Law.resolve``.

        Raises:
            Rejected: the module or name does not exist, is not code, or raises (code ``unresolved``).
        """
        match = _FORM.fullmatch(data or b"")
        assert match is not None, "the law has the form"
        path = read_path(match[1], ALPHABETS[workspace.objects.format.name])
        return self._load(workspace, find(workspace, source, path), match[2].decode(), match[3].decode())

    def _load(self, workspace: Workspace, tree_id: ObjectId | None, module: str, function: str) -> Code:
        if tree_id is None or workspace.tree(tree_id) is None:
            raise _unresolved("the path does not lead to a tree of modules", f"{module}:{function}")
        package = self._trees.get(tree_id)
        if package is None:
            package = _Package(tree_id)
            self._trees.put(tree_id, package)
        try:
            found: Any = package.load(workspace, module)
            for name in function.split("."):
                found = getattr(found, name)
        except BaseException as error:
            # The module is arbitrary: each exception of it means that it does not resolve.
            if is_stop(error):
                raise
            raise _unresolved(text_of(error, _MOST_TEXT), f"{module}:{function}") from error
        code: Code = found.code if isinstance(found, Wit) else found
        if not (callable(getattr(code, "step", None)) and callable(getattr(code, "query", None))):
            raise _unresolved("no code", f"{module}:{function}")
        return code


class _Package:
    """The modules of one tree."""

    def __init__(self, tree_id: ObjectId) -> None:
        self._tree_id = tree_id
        self._modules: dict[str, ModuleType] = {}

    def load(self, workspace: Workspace, name: str) -> ModuleType:
        """Return a module; load it and its parent packages on first use.

        Raises:
            ModuleNotFoundError: the tree has no module of this name.
        """
        found = self._modules.get(name)
        if found is not None:
            return found
        above, _, last = name.rpartition(".")
        parent = self.load(workspace, above) if above else None
        source = self._source(workspace, name)
        if source is None:
            raise ModuleNotFoundError(name)
        file, data = source
        module = ModuleType(name)
        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": self._importer(workspace)}
        module.__dict__["__file__"] = file
        self._modules[name] = module
        try:
            exec(compile(data, file, "exec"), module.__dict__)  # noqa: S102 - running code from cores is the purpose
        except BaseException:
            del self._modules[name]
            raise
        if parent is not None:
            setattr(parent, last, module)
        return module

    def _source(self, workspace: Workspace, name: str) -> tuple[str, bytes] | None:
        tree = workspace.tree(self._tree_id)
        assert tree is not None, "the path was a tree when it was opened"
        *way, last = name.split(".")
        for path in ((*way, f"{last}.py"), (*way, last, "__init__.py")):
            target = find(workspace, tree.entries, path)
            blob = None if target is None else workspace.look(target)
            if isinstance(blob, Blob):
                return f"core:{self._tree_id.hex()[:12]}/{'/'.join(path)}", blob.data
        return None

    def _importer(self, workspace: Workspace) -> Callable[..., Any]:
        """Return the import function of the modules of this tree."""

        def load(
            name: str, globals_: Any = None, locals_: Any = None, fromlist: tuple[str, ...] = (), level: int = 0
        ) -> Any:
            first = name.partition(".")[0]
            if level or (first not in self._modules and self._source(workspace, first) is None):
                return builtins.__import__(name, globals_, locals_, fromlist, level)
            module = self.load(workspace, name)
            for one in fromlist or ():
                if not hasattr(module, one):
                    self.load(workspace, f"{name}.{one}")
            return module if fromlist else self.load(workspace, first)

        return load


def _is_path(data: bytes, alphabet: Alphabet) -> bool:
    try:
        read_path(data, alphabet)
    except Invalid:
        return False
    return True


def _unresolved(what: str, where: str) -> Refusal:
    return failure("unresolved", f"{where}: {what}", rule="wit.node.forms")
