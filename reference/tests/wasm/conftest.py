"""What the tests of the executor share: modules from text, and the engine's own judgement."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest
import wasmtime

from gritstone.errors import Refusal
from gritstone.grit import Blob, Format, MemoryEngine, Message, ObjectId, Store, Tree
from gritstone.grit.store import put_unless_erased
from gritstone.optional import turn_off, turn_on
from gritstone.optional.isolation import Isolated
from gritstone.runtime.agent import first_step, make_agent
from gritstone.wasm.cores import tree_at
from gritstone.wasm.documents import GuestState, encode_item, read_state
from gritstone.wasm.engine import Instance, WasmEngine
from gritstone.wasm.guests import Guests
from gritstone.wit import PUPPETS, Executor, External, Laws, Objects, read_proposal
from gritstone.wit.drive import Deadline, drive
from gritstone.wit.position import Position, load_position
from gritstone.wit.queries import ask_position
from gritstone.wit.workspace import Workspace

COUNTER = bytes.fromhex(
    "0061736d0100000001230560057f7f7f7f7f017f60027f7f017f60067f7f7f7f7f7f017f60017f017f6000017f024105046772697405696e"
    "7075740001046772697404626c6f620000046772697405706c6163650000046772697404737465700002046772697406726573756c740003"
    "030201040503010002071002066d656d6f727902000377697400050a8b0101880101017f4101210041880841880828020041016a36020041"
    "00418c0810001a410141ac0810001a410241cc0810001a410441ec0810001a4105418c0910001a02404188084104418508410041ac091001"
    "0d0041cc08418008410541ac0941cc0810020d004102210041ac08418c08418c0941ec0841cc0841cc0910030d0041cc09100421000b2000"
    "0b0b0c01004180080b05636f756e74"
)
"""A guest that counts in its memory, and puts the count into its core."""


_IMPORTS = """
  (import "grit" "input" (func $input (param i32 i32) (result i32)))
  (import "grit" "covered" (func $covered (param i32 i32 i32) (result i32)))
  (import "grit" "link" (func $link (param i32 i32 i32) (result i32)))
  (import "grit" "find" (func $find (param i32 i32 i32 i32) (result i32)))
  (import "grit" "place" (func $place (param i32 i32 i32 i32 i32) (result i32)))
  (import "grit" "mail" (func $mail (param i32 i32 i32 i32) (result i32)))
  (import "grit" "message" (func $message (param i32 i32 i32 i32 i32) (result i32)))
  (import "grit" "step" (func $step (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "grit" "result" (func $result (param i32) (result i32)))
  (import "grit" "random" (func $random (param i32 i32) (result i32)))
  (import "grit" "blob" (func $blob (param i32 i32 i32 i32 i32) (result i32)))
"""

_GUEST = """(module %s
  (memory 1)
  (data (i32.const 200) "wasm/peers/egress") (data (i32.const 300) "mt\\00effect.get\\00")
  (data (i32.const 2000) "PATH")
  (global $zero i32 (i32.const 1000)) (global $new i32 (i32.const 1040)) (global $actor i32 (i32.const 1080))
  (global $last i32 (i32.const 1120)) (global $core i32 (i32.const 1160)) (global $out i32 (i32.const 1200))
  (global $in i32 (i32.const 1240)) (global $letter i32 (i32.const 1280)) (global $content i32 (i32.const 1320))
  (func (export "wit") (result i32)
    (drop (call $input (i32.const 0) (global.get $actor))) (drop (call $input (i32.const 2) (global.get $core)))
    (drop (call $input (i32.const 4) (global.get $out))) (drop (call $input (i32.const 5) (global.get $in)))
    (if (i32.ge_s (call $input (i32.const 1) (global.get $last)) (i32.const 0)) (then
      (drop (call $covered (i32.const 0) (global.get $new) (global.get $letter)))
      (drop (call $link (global.get $letter) (i32.const 1) (global.get $content)))
      ACT))
    (drop (call $step (global.get $last) (global.get $actor) (global.get $in) (global.get $out) (global.get $core)
      (global.get $new)))
    (call $result (global.get $new))))
"""

_PLACE = """(drop (call $place (global.get $core) (i32.const 2000) (i32.const SIZE) (global.get $content)
  (global.get $core)))"""


@pytest.fixture(scope="session")
def counter() -> bytes:
    return COUNTER


class Nobody:
    """A host that guests do not call."""

    def call(self, instance: Instance, name: str, arguments: Sequence[int]) -> int | None:
        raise AssertionError(name)


@pytest.fixture(scope="session")
def engine() -> WasmEngine:
    """Return an engine with the faster parts; importing the kit has turned them on."""
    turn_on()
    return WasmEngine()


@pytest.fixture(scope="session")
def start(engine: WasmEngine) -> Callable[..., Instance]:
    """Make an instance of a module that calls no host functions, with fuel."""

    def instantiate(data: bytes, budget: int = 10_000_000_000, pages: int = 256) -> Instance:
        instance = engine.instantiate(engine.prepare(data, data, "wit", pages), Nobody())
        instance.fuel = budget
        return instance

    return instantiate


@pytest.fixture(scope="session")
def wat() -> Callable[..., bytes]:
    """Make a module of its text; a bare body becomes that of ``wit``."""

    def assemble(text: str, *, head: str = "") -> bytes:
        if not text.startswith("(module"):
            text = f'(module {head} (func (export "wit") (result i32) {text}))'
        return bytes(wasmtime.wat2wasm(text))

    return assemble


@pytest.fixture(scope="session")
def guest(wat: Callable[..., bytes]) -> Callable[..., bytes]:
    """Make a module that does something for every message but the first: put its content at a path, or more.

    In ``act``, PLACE puts the content at the path, and REMOVE removes what is there.
    """

    def make(path: str = "fs/workspace/out.txt", act: str = "PLACE") -> bytes:
        text = (_GUEST % _IMPORTS).replace("ACT", act)
        text = text.replace("PLACE", _PLACE).replace("REMOVE", _PLACE.replace("$content", "$zero"))
        return wat(text.replace("SIZE", str(len(path))).replace("PATH", path.replace("\\", "\\\\")))

    return make


@pytest.fixture(scope="session")
def judge() -> Callable[[bytes], bool]:
    """Return the result of the engine for a module, with the features of the language alone."""
    config = wasmtime.Config()
    config.wasm_simd = False
    config.wasm_relaxed_simd = False
    config.wasm_threads = False
    config.wasm_tail_call = False
    config.wasm_multi_memory = False
    config.wasm_memory64 = False
    config.wasm_exceptions = False
    engine = wasmtime.Engine(config)

    def is_valid(data: bytes) -> bool:
        try:
            wasmtime.Module.validate(engine, data)
        except wasmtime.WasmtimeError:
            return False
        return True

    return is_valid


class Bench:
    """A store and the runtime of Wasm actors, driven by hand; a failure is returned as its code.

    Attributes:
        store: the store.
        laws: the laws of the actors.
        sender: the default sender of messages.
    """

    def __init__(self, format_: Format, guests: Guests) -> None:
        self.store = Store.open(MemoryEngine(), format_)
        self.laws = Laws(External(PUPPETS), guests)
        workspace = self.workspace
        self.sender = make_agent(workspace, "demo")
        first_step(workspace, self.sender)
        self.keep(workspace)

    @property
    def workspace(self) -> Workspace:
        """Read the store again."""
        return Workspace(Objects(self.store.format, self.store.limits, self.store.get))

    def keep(self, workspace: Workspace) -> None:
        made = workspace.encodings
        self.store.update(lambda batch: [put_unless_erased(batch, one, data) for one, data in made.items()])

    def blob(self, data: bytes, **headers: str) -> ObjectId:
        return self.store.put(self.store.format.encode(Blob(headers, data), self.store.limits))

    def document(self, item: object) -> ObjectId:
        return self.blob(encode_item(item), ct="cbor")

    def nested(self, value: Mapping[str, Any]) -> ObjectId:
        """Put dictionaries as trees, bytes as blobs, and everything else as it is: ids in tuples of one."""
        entries = {name: self._one(one) for name, one in value.items()}
        return self.store.put(self.store.format.encode(Tree(entries), self.store.limits))

    def _one(self, value: Any) -> ObjectId:
        if isinstance(value, dict):
            return self.nested(value)
        return value[0] if isinstance(value, tuple) else self.blob(value)

    def core(self, module: bytes, manifest: Mapping[str, Any] | None = None, **entries: Any) -> ObjectId:
        """Put a core of the customary form."""
        code = {"main.wasm": (self.blob(module, ct="application/wasm"),)}
        wasm = dict(entries.pop("wasm", {}))
        if manifest is not None:
            wasm["manifest"] = (self.document({"v": 1, **manifest}),)
        core: dict[str, Any] = {"code": code, "wit": b"wasm:code/main.wasm", **entries}
        return self.nested({**core, "wasm": wasm} if wasm else core)

    def message(self, previous: ObjectId | None = None, content: ObjectId | None = None, **headers: str) -> ObjectId:
        message = Message(previous, headers, self.blob(b"") if content is None else content)
        return self.store.put(self.store.format.encode(message, self.store.limits))

    def position(self, actor: ObjectId, step: ObjectId) -> Position:
        return load_position(self.workspace, step, actor)

    def core_of(self, actor: ObjectId, step: ObjectId) -> Mapping[str, ObjectId]:
        return self.position(actor, step).core

    def wasm_of(self, actor: ObjectId, step: ObjectId) -> Mapping[str, ObjectId]:
        return tree_at(self.workspace, self.core_of(actor, step).get("wasm"))

    def state(self, actor: ObjectId, step: ObjectId) -> GuestState:
        return read_state(self.workspace.load(self.wasm_of(actor, step)["state"]))

    def step(
        self, actor: ObjectId, head: ObjectId | None, *mail: tuple[ObjectId, ObjectId], attempt: int = 1
    ) -> ObjectId | str | None:
        """Run a transition; gives the step, None if it declined, or the code of the refusal."""
        executor = Executor(self.workspace.objects, self.laws)
        last = None if head is None else load_position(executor.objects, head, actor)
        proposal = read_proposal(executor.objects.load, actor, last, list(mail))
        run = executor.prepare(actor, last, proposal, attempt)
        try:
            admitted = drive(executor.transition(run), time.sleep, Deadline(time.monotonic, 0))
        except Refusal as refusal:
            return refusal.code
        if admitted is None:
            return None
        self.keep(admitted.workspace)
        return admitted.position.step_id

    def born(self, core: ObjectId, **headers: str) -> ObjectId | str | None:
        """Make the first step of an actor."""
        return self.step(core, None, (self.sender, self.message(None, core, **{"mt": "genesis", **headers})))

    def tell(
        self,
        actor: ObjectId,
        head: ObjectId,
        content: ObjectId | None = None,
        sender: ObjectId | None = None,
        **headers: str,
    ) -> ObjectId | str | None:
        """Send one message more, and make the step."""
        sender = sender or self.sender
        message = self.message(self.position(actor, head).inbox.get(sender), content, **headers)
        return self.step(actor, head, (sender, message))

    def ask(self, step: ObjectId, name: str = "q", args: bytes = b"") -> bytes | str | None:
        """Ask a step; gives the data of the blob that answers, None, or the code of the refusal."""
        workspace = self.workspace
        actor = workspace.load(step).actor  # type: ignore[union-attr]
        position = load_position(workspace, step, actor)
        try:
            query = ask_position(self.laws, workspace, position, name, args)
            answer = drive(query, time.sleep, Deadline(time.monotonic, 0))
        except Refusal as refusal:
            return refusal.code
        value = None if answer is None else workspace.load(answer)
        return value.data if isinstance(value, Blob) else None


@pytest.fixture(scope="session", params=["fast", "plain", "isolated"])
def guests(request: pytest.FixtureRequest, engine: WasmEngine) -> Iterator[Guests]:
    """Yield guests with the faster parts, with plain code and the other compiler, and in another process."""
    match request.param:
        case "fast":
            yield Guests(engine=engine, most_pages=1_024)
        case "plain":
            turn_off()
            yield Guests(engine=WasmEngine(is_steady=True), most_pages=1_024)
            turn_on()
        case _:
            yield Isolated(most_pages=1_024)


@pytest.fixture
def bench(format_: Format, guests: Guests) -> Bench:
    """Return a bench for each format."""
    return Bench(format_, guests)


@pytest.fixture(scope="session")
def quiescent(engine: WasmEngine) -> Laws:
    """Resolve nodes as a host that never suspends a call."""
    return Laws(Guests(engine=engine, suspends=False))


@pytest.fixture(scope="session")
def make_bench(guests: Guests) -> Callable[[Format], Bench]:
    """Make a bench of a format."""
    return lambda format_: Bench(format_, guests)
