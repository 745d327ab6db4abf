"""Programs that a client writes: built in Python, or parsed from text.

::

    Program().count("budget", "-").send(shop, "deliver", "book").reply("done")

Spec: :ref:`image-programs`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from gritstone.errors import Missing
from gritstone.exact import exact
from gritstone.grit.objects import Blob, ObjectId, Tree
from gritstone.image.actors import Actor
from gritstone.image.program_text import Names, parse_ops, print_op
from gritstone.image.programs import program_of
from gritstone.image.spelling import BYTES, OPS, Op, Place, check_op, encode_op, malformed
from gritstone.image.texts import EMPTY
from gritstone.image.values import Put, Value, store_value
from gritstone.wit.workspace import Workspace

__all__ = ["Program"]

_MOST_OPERANDS = 0xF0


class Program:
    """A sequence of operations. Each method adds one operation and returns the program.

    A ref is a ``Place``, or a value (see ``values``): a text, an actor, an id, a tree, or another program.
    """

    def __init__(self, ops: Iterable[Op] = ()) -> None:
        """Begin with operations; without any, the program only reads its message."""
        self._ops = [_plain_op(op) for op in ops]

    @classmethod
    def parse(cls, text: str, names: Names | Mapping[str, Value] | None = None) -> Program:
        """Return the program of a text; see ``program_text``.

        Args:
            text: one operation a line.
            names: what ``@name`` stands for: a mapping, or a function.

        Raises:
            LineDefect: a line is not an operation (code ``program``).
        """
        return cls(parse_ops(text, names if callable(names) else _lookup({} if names is None else names)))

    @classmethod
    def read(cls, workspace: Workspace, root: ObjectId) -> Program:
        """Return the program of a program tree.

        Raises:
            Malformed: the object is not a program tree (code ``program``).
            Missing: an operand or an object is absent.
        """
        ops, entries = program_of(workspace, root)
        return cls(_read_op(workspace, byte, operands, entries) for byte, operands in ops)

    @property
    def ops(self) -> Sequence[Op]:
        """Return the operations."""
        return tuple(self._ops)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Program) and self._ops == other._ops

    __hash__ = None  # type: ignore[assignment]  # programs grow

    def __len__(self) -> int:
        return len(self._ops)

    def __str__(self) -> str:
        """Return the text of the program, if all its refs are texts, places and ids.

        Raises:
            TypeError: a ref is a tree, a blob or another program, which have no text.
        """
        return self.text(bytes.hex)

    def text(self, label: Callable[[ObjectId], str]) -> str:
        """Return the text of the program.

        Args:
            label: returns the word for an id, for example ``@alice``.

        Raises:
            TypeError: a ref is a tree, a blob or another program, which have no text.
        """

        def word(value: Any) -> str:
            if not isinstance(value, bytes):
                raise TypeError(f"the ref has no text: {type(value).__name__}")
            return label(value)

        return "".join(f"{print_op(op, word)}\n" for op in self._ops)

    def store(self, put: Put) -> ObjectId:
        """Add the objects of the program tree; return its id.

        Raises:
            Malformed: there are more than 240 operands (code ``program``).
        """
        numbers: dict[ObjectId, int] = {}

        def number(value: Any) -> int:
            if isinstance(value, Place):
                return value.value
            found = numbers.setdefault(store_value(value, put), len(numbers))
            if found >= _MOST_OPERANDS:
                raise malformed(f"more than {_MOST_OPERANDS} operands")
            return found

        data = b"".join([encode_op(op, number) for op in self._ops])
        operands = {f"{at:02x}": target for target, at in numbers.items()}
        return put(Tree({"program": put(Blob({}, data)), **operands}))

    def _with(self, name: str, *operands: Any) -> Program:
        self._ops.append(check_op(_plain_op(Op(name, tuple(map(exact, operands))))))
        return self

    # --- state -----------------------------------------------------------------------------------------

    def put(self, path: str, value: Value | Place) -> Program:
        """Set a path to an object."""
        return self._with("put", path, value)

    def write(self, path: str, data: bytes | str) -> Program:
        """Set a path to a blob with this data."""
        return self._with("write", path, _bytes(data))

    def append(self, path: str, data: bytes | str) -> Program:
        """Add data to the end of the blob at a path."""
        return self._with("append", path, _bytes(data))

    def delete(self, path: str) -> Program:
        """Remove what a path leads to."""
        return self._with("delete", path)

    def add(self, path: str, amount: int) -> Program:
        """Add to the number at a path; it fails below 0 and above 2^63 - 1."""
        return self._with("add", path, amount)

    def count(self, path: str, sign: str = "+") -> Program:
        """Add the number in the content of the message to the number at a path, or subtract it with ``-``."""
        return self._with("count", path, sign)

    def expect(self, path: str, data: bytes | str) -> Program:
        """Fail with ``rejected/expect`` unless the path leads to a blob with this data."""
        return self._with("expect", path, _bytes(data))

    def read_core(self, actor: Value | Place, source: str, to: str) -> Program:
        """Copy what a path leads to in the core of an actor; the actor needs ``read.<actor>``."""
        return self._with("read", actor, source, to)

    # --- messages --------------------------------------------------------------------------------------

    def send(self, to: Value | Place, mt: str, content: Value | Place = None, *, mode: str = "join") -> Program:
        """Send a message; the mode is ``join``, ``save`` or ``post``."""
        return self._with("send", to, mode, mt, content)

    def reply(self, content: Value | Place = None) -> Program:
        """Answer the sender of the message."""
        return self._with("reply", content)

    def spawn(self, core: Value) -> Program:
        """Create the actor whose first core this is; see ``actors.first_core``."""
        return self._with("send", core, "join", "genesis", core)

    def timer(self, delay_ms: int, mt: str) -> Program:
        """Send oneself a message of a type after a delay in milliseconds."""
        return self._with("send", Place.SELF, "join", "image.timer", f"{exact(delay_ms)} {exact(mt)}")

    def emit(self, event: str, content: Value | Place = None) -> Program:
        """Send an event to the subscribers, within the operation."""
        return self._with("send", Place.SELF, "join", f"image.emit.{event}", content)

    # --- ends ------------------------------------------------------------------------------------------

    def spin(self, units: int) -> Program:
        """Burn fuel."""
        return self._with("spin", units)

    def fail(self, reason: str | None = None) -> Program:
        """Fail with ``rejected/<reason>``, or with ``rejected/failed``."""
        return self._with("fail") if reason is None else self._with("fail-with", reason)


def _bytes(data: bytes | str) -> bytes:
    return data.encode() if isinstance(data, str) else data


def _lookup(names: Mapping[str, Value]) -> Names:
    def find(name: str) -> Value:
        if name not in names:
            raise malformed("unknown name", got=ascii(name[:80]))
        return names[name]

    return find


def _plain_op(op: Op) -> Op:
    kinds = OPS[op.name][1]
    values = zip(kinds, op.operands, strict=True)
    return Op(op.name, tuple([_plain(value) if kind == "ref" else value for kind, value in values]))


def _plain(value: Any) -> Any:
    """Return a ref as the text form has it: an int as a text, an actor as its id."""
    if isinstance(value, int):
        return str(value)
    return value.id if isinstance(value, Actor) else value


def _read_op(workspace: Workspace, byte: int, operands: tuple[Any, ...], entries: Mapping[str, ObjectId]) -> Op:
    """Return the operation that ``programs`` parsed."""
    name = BYTES[byte]
    found: list[Any] = []
    for kind, value in zip(OPS[name][1], operands, strict=True):
        match kind:
            case "ref":
                found.append(_read_ref(workspace, value, entries))
            case "path":
                found.append("/".join(value))
            case "mode":
                found.append("post" if value is None else value)
            case "sign":
                found.append("+" if value > 0 else "-")
            case _:
                found.append(value)
    return Op(name, tuple(found))


def _read_ref(workspace: Workspace, number: int, entries: Mapping[str, ObjectId]) -> Any:
    if number >= _MOST_OPERANDS:
        return Place(number)
    target = entries.get(f"{number:02x}")
    if target is None:
        raise Missing("an operand of the program is absent", rule="image.program.exact", got=f"{number:02x}")
    value = workspace.look(target)
    if value == EMPTY:
        return None
    if isinstance(value, Blob) and value.headers == {"ct": "s"}:
        try:
            return value.data.decode()
        except UnicodeDecodeError:
            return target
    return target
