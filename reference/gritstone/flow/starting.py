"""First cores: the objects of a flow that begins, made outside of the event loop.

What flows of one program under one policy have in common is made once.

Spec: ``flow/core``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from gritstone.flow.program import Policy, Program, encoding_or_problem
from gritstone.flow.sending import Sending
from gritstone.flow.values import Value, document, names_of_refs
from gritstone.grit.objects import Blob, ObjectId, Tree
from gritstone.grit.store import Store
from gritstone.wit.workspace import Workspace

__all__ = ["Starter"]

_NODE = Blob({"ct": "s"}, b"external:flow/1")


class _Objects:
    """New objects with their encodings."""

    def __init__(self, store: Store) -> None:
        self._format = store.format
        self._limits = store.limits
        self.made: dict[ObjectId, tuple[Blob | Tree, bytes]] = {}

    def put(self, value: Blob | Tree) -> ObjectId:
        """Add an object; return its id."""
        data = self._format.encode(value, self._limits)
        object_id = self._format.object_id(data)
        self.made[object_id] = value, data
        return object_id


class Starter:
    """A program under a policy, from which flows are started."""

    def __init__(self, store: Store, program: Program, policy: Policy, peers: Mapping[str, ObjectId]) -> None:
        """Make the common objects.

        Args:
            store: the store of the flows.
            program: the program.
            policy: the policy.
            peers: the actors of the policy by name.
        """
        self._store = store
        self._program = program
        self._policy = policy
        self._checked: frozenset[str] | None = None
        objects = _Objects(store)
        tree = {"doc": objects.put(document(policy.data))}
        if peers:
            tree["peers"] = objects.put(Tree(dict(peers)))
        node = objects.put(_NODE)
        self._entries = {
            "wit": node,
            "wit_query": node,
            "program": objects.put(document(program.data)),
            "policy": objects.put(Tree(tree)),
        }
        self._common = objects.made

    def _check(self, value: Value, refs: Collection[str]) -> bytes:
        """Return the encoding of an input.

        Raises:
            Defects: the program has defects with this input.
        """
        names = frozenset(refs)
        data, _ = encoding_or_problem(value)
        if self._checked != names or not data or type(value) is not dict or not names_of_refs(value) <= names:
            self._program.require(self._policy, value, refs=refs)
            self._checked = names
        return data

    def start(self, value: Value, refs: Mapping[str, Blob], name: str) -> Sending:
        """Return the genesis message of a flow.

        Args:
            value: the input.
            refs: the sealed blobs by name.
            name: distinguishes flows of equal work; empty for none.

        Raises:
            Defects: the program has defects with this input.
        """
        data = self._check(value, refs)
        objects = _Objects(self._store)
        core = {**self._entries, "input": objects.put(document(data))}
        if refs:
            core["refs"] = objects.put(Tree({ref: objects.put(blob) for ref, blob in refs.items()}))
        if name:
            core["name"] = objects.put(Blob({"ct": "s"}, name.encode("utf-8", "replace")))
        flow = objects.put(Tree(core))

        def build(workspace: Workspace) -> ObjectId:
            for some in (self._common, objects.made):
                for object_id, (made, encoding) in some.items():
                    workspace.made[object_id] = made
                    workspace.encodings[object_id] = encoding
            return flow

        return Sending(flow, "genesis", build)
