"""An image under the model, with the actors and programs of the tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gritstone_conformance.model.bundle import scan
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.history import Verdict, check_history
from gritstone_conformance.model.image import spelling
from gritstone_conformance.model.image.contents import TEXT
from gritstone_conformance.model.journal.live import Image
from gritstone_conformance.model.refusals import Refusal
from gritstone_conformance.model.runtime import Config, start
from gritstone_conformance.model.store import Store
from gritstone_conformance.model.values import Blob, Object, Tree

__all__ = ["QUOTA", "Scene"]

QUOTA = {"actors": 100, "bytes": 1_000_000, "fuel": 100_000, "posts": 1000, "subs": 100, "timers": 100}


class Scene:
    """One image, served by one runtime.

    Attributes:
        store: the store.
        image: the image.
    """

    def __init__(self, fmt: Format, *, begins: bool = True) -> None:
        self.store = Store(fmt)
        self.image = Image(start(self.store, "test", Config()))
        if begins:
            self.image.start()

    @property
    def agent(self) -> bytes:
        return self.image.agent.identity

    def put(self, value: Object) -> bytes:
        data = self.store.format.encode(value)
        self.store.put(data)
        return self.store.format.hash(data)

    def text(self, text: str) -> bytes:
        return self.put(Blob(TEXT, text.encode()))

    def blob(self, data: bytes = b"") -> bytes:
        return self.put(Blob((), data))

    def tree(self, entries: dict[str, bytes]) -> bytes:
        return self.put(Tree(tuple(entries.items())))

    def program(self, *ops: bytes, **operands: bytes) -> bytes:
        """Return a program tree; operands are ``o00``, ``o01`` and so on."""
        entries = {name[1:]: target for name, target in operands.items()}
        return self.tree({"program": self.blob(b"".join(ops)), **entries})

    def core(self, name: str, owner: bytes | None = None, **parts: dict[str, Any]) -> bytes:
        """Return a first core.

        Args:
            name: what makes it unique.
            owner: its principal; None for a principal.
            parts: ``caps`` and ``entry`` as texts; ``quota`` as numbers; ``code`` and ``more`` as ids.
        """
        below = {"owner": self.text("self" if owner is None else owner.hex())}
        if owner is None:
            limits = {**QUOTA, **parts.get("quota", {})}
            below["quota"] = self.text("".join(f"{each} {limit}\n" for each, limit in limits.items()))
        for tree in ("caps", "entry"):
            if parts.get(tree):
                below[tree] = self.tree({key: self.text(value) for key, value in parts[tree].items()})
        code = self.text("external:image/1")
        entries = {"wit": code, "wit_query": code, "name": self.text(name), "image": self.tree(below)}
        entries |= parts.get("more", {})
        if parts.get("code"):
            entries["code"] = self.tree(parts["code"])
        return self.tree(entries)

    def open_core(self, name: str, owner: bytes | None = None, **parts: dict[str, Any]) -> bytes:
        """Return a first core of an actor that may send everything, admits ``run`` and ``w``, and counts notices."""
        digits = self.agent.hex()
        caps = dict.fromkeys(("send.*.*", "send.*.image.*", "read.*", "spawn"), digits) | parts.pop("caps", {})
        counting = self.program(spelling.add("f", 1))
        code = {"failed": counting} | parts.pop("code", {})
        return self.core(name, owner, caps=caps, entry={"run": "*"} | parts.pop("entry", {}), code=code, **parts)

    def born(self, *cores: bytes) -> None:
        """Create actors by one request each."""
        for core in cores:
            assert self.request(core, "genesis", core) is None

    def people(self, names: str) -> dict[str, bytes]:
        """Create principals of open cores, one for each letter."""
        found = {name: self.open_core(name) for name in names}
        self.born(*found.values())
        return found

    def request(self, to: bytes, mt: str, content: bytes, **headers: str) -> str | None:
        """Make a request and return its failure as text, or None."""
        return self.requests((to, mt, content), **headers)

    def requests(self, *messages: tuple[bytes, str, bytes], **headers: str) -> str | None:
        """Make a request of several messages."""
        pairs = tuple(headers.items())
        failed = self.image.request([(to, (("mt", mt), *pairs), content) for to, mt, content in messages])[1]
        return None if failed is None else str(failed)

    def run(self, to: bytes, *ops: bytes, **operands: bytes) -> str | None:
        """Make an actor run a program."""
        return self.request(to, "run", self.program(*ops, **operands))

    def rest(self) -> None:
        """Run to rest."""
        assert self.image.run(10_000)[0] == "rest"

    def names(self, actor: bytes) -> dict[str, bytes]:
        """Return the entries of the core of an actor with a head."""
        core = self.image.state.view().core(actor)
        assert core is not None
        return self.image.runtime.shelf.names(core)

    def data(self, actor: bytes, name: str) -> bytes | None:
        """Return the data of an entry of a core, or None."""
        target = self.names(actor).get(name)
        blob = None if target is None else self.image.runtime.shelf.blob(target)
        return None if blob is None else blob.data

    def play(self, steps: Sequence[Any]) -> bytes:
        """Return the program of a list of steps.

        A step is bytes, which are ops; or (mode, receiver, steps of its program); or ("read", actor).
        """
        ops: list[bytes] = []
        operands: dict[str, bytes] = {}
        for step in steps:
            if isinstance(step, bytes):
                ops.append(step)
                continue
            first = len(operands)
            if step[0] == "read":
                operands[f"o{first:02x}"] = step[1]
                ops.append(spelling.read(first, "x", "seen"))
                continue
            mode, to, inner = step
            operands |= {f"o{first:02x}": to, f"o{first + 1:02x}": self.play(inner)}
            ops.append(spelling.send(first, mode, "run", first + 1))
        return self.program(*ops, **operands)

    def judge(self, *, at_rest: bool = False) -> Verdict:
        """Return the verdict on an export."""
        return check_history(scan(self.store.export()), at_rest=at_rest, is_whole=True)

    def denial(self, make: Any, *args: Any) -> str:
        """Return class and code of the refusal of a call."""
        try:
            make(*args)
        except Refusal as refusal:
            return " or ".join(sorted({f"{defect.kind}/{defect.code}" for defect in refusal.defects}))
        raise AssertionError("there was no refusal")
