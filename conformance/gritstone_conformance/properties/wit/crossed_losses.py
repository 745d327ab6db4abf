"""Crossings of ``wit``: a request and the state of one object that it needs, and one query of a step.

The rows are those of the tables ``wit/lost`` and ``wit/queries``. The model determines each reply.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from gritstone_conformance.model.executor import Executor
from gritstone_conformance.model.formats import FORMATS
from gritstone_conformance.model.values import Headers, Message, Step
from gritstone_conformance.properties.crossing_rows import each_row
from gritstone_conformance.properties.wit.crossed_scene import ADMISSION, RULES, Scene, head_of
from gritstone_conformance.properties.wit.workbench import Workbench
from gritstone_conformance.strategies import programs
from gritstone_conformance.strategies.crossings.table import Row
from gritstone_conformance.strategies.scenarios import PUPPET, STAMP
from gritstone_conformance.trial import Property, Trial

__all__ = ["PROPERTIES"]

_CLASS: Final = "wit.transition.class"
_ANSWERS: Final = "wit.query.answers"
_DEEP: Final = 128  # names of the longest path
_PROGRAM: Final = programs.append("data", b"more") + programs.send(0, 1) + programs.append("log", b"p")
_RULES: Final = tuple(dict.fromkeys((_CLASS, "wit.update.merge-refused", *RULES, *ADMISSION)))


def lose(trial: Trial, row: Row) -> None:
    """Bring one object into its state, make the request, and make it again, perhaps after the object was restored."""
    loss = _Loss(Workbench(trial, FORMATS[row["format"]]), row)
    bench, target, state = loss.bench, loss.target, loss.state
    encoding = bench.stage.graph.encodings[target]
    if state == "absent":
        del bench.stage.graph.encodings[target]
    if row["seen"] == "yes":
        loss.ask()
    bench.fill()
    bench.flush()
    if state == "corrupt":
        bench.pair.expect(bench.pair.damage(target, 5, 1))
    elif state == "erased":
        bench.pair.expect(bench.pair.erase(target))
    loss.ask()
    if row["later"] == "restored":
        bench.pair.expect(bench.pair.put(encoding))
    loss.ask()


class _Loss:
    """One actor, one message, and one object that may be lost.

    Attributes:
        bench: the store, with the model.
        row: the row.
        place: which object it is.
        state: its state.
        target: the object.
        scene: the request.
        entries: a tree that is merged with another one.
        cursor: of the channel.
    """

    def __init__(self, bench: Workbench, row: Row) -> None:
        self.bench = bench
        self.row = row
        stage = bench.stage
        self.place, _, self.state = row["object"].partition(" ")
        self._other_kind = self.state == "other-kind"
        self._found: dict[str, bytes] = {}
        peer = stage.tree(name=stage.blob(b"peer"))
        self.entries = stage.tree(first=stage.blob(b"first"), wit=stage.tree(k=stage.blob(b"k")))
        self.cursor = bench.add(Message(None, (), self.entries))
        entries = {"data": self._place("appended", stage.blob(b"data", ("ct", "s")))}
        if self.place == "unused":
            entries["unused"] = stage.tree(k=self._place("unused", stage.blob(b"unused")))
        if self.place == "frozen":
            entries["frozen"] = self._place("frozen", stage.blob(b"free\n"))
        actor, content = self._contents(entries)
        if self.place == "merged":
            self._place("merged", stage.blob(b"merged") if self._is_erased("merged") else actor)
        if self.place == "actor":
            actor = self._place("actor", actor)
        message = self._message(content)
        if self.place == "message":
            message = self._place("message", message)
        mail = {peer: message}
        if row["other"] == "ordinary":
            sender = stage.tree(name=stage.blob(b"other"))
            mail[sender] = bench.add(Message(None, (), bench.program(programs.append("log", b"o"))))
        self.peer, self.message, self.head = peer, message, self._head(actor, peer)
        self.scene = Scene(bench, actor, self.head, mail, message, _RULES)
        self.target = self._found[self.place]

    def _place(self, name: str, usual: bytes) -> bytes:
        """Note an object by its place, and return it, or one of another kind."""
        stage = self.bench.stage
        if self._other_kind and self.place == name:
            usual = (
                stage.blob(b"odd")
                if name in ("actor", "message", "receiver", "merged")
                else stage.tree(odd=stage.blob(b"odd"))
            )
        self._found[name] = usual
        return usual

    def _contents(self, entries: dict[str, bytes]) -> tuple[bytes, bytes]:
        """Return the actor and the content of the message."""
        stage, row = self.bench.stage, self.row
        body = {
            "program": self._place("program", stage.blob(_PROGRAM)),
            "00": self._place(
                "receiver", stage.blob(b"receiver") if self._is_erased("receiver") else stage.tree(k=entries["data"])
            ),
            "01": stage.blob(b"said"),
        }
        genesis, by_code = row["request"] == "genesis", row["request"] == "update-by-code"
        wit = stage.blob(PUPPET, ("node", ""))
        own = wit if by_code else self._place("node", wit)
        actor = stage.tree(name=stage.blob(b"a"), wit=own, **entries, **(body if genesis else {}))
        if genesis or row["request"] == "duplicate":
            return actor, actor
        if by_code:
            body["wit_update"] = self._place("node", stage.blob(STAMP))
        content = stage.blob(b"no tree") if self._is_erased("content") else stage.tree(**body)
        return actor, self._place("content", content)

    def _is_erased(self, target: str) -> bool:
        return self.place == target and self.state == "erased"

    def _message(self, content: bytes) -> bytes:
        request, bench = self.row["request"], self.bench
        mt = {"update-by-code": "update", "update": "update", "cleanup": "cleanup"}.get(request)
        headers: Headers = () if mt is None else (("mt", mt),)
        previous = None if request == "genesis" else self.cursor
        if self.place == "between":
            asked = bench.program(programs.append("log", b"b"))
            previous = self._found["between"] = bench.add(Message(previous, (), asked))
        return bench.add(Message(previous, headers, content))

    def _head(self, actor: bytes, peer: bytes) -> bytes | None:
        bench, row = self.bench, self.row
        if row["request"] == "genesis":
            return None
        of = actor
        if self.place == "head" and self._other_kind:
            of = bench.stage.core(b"another")
        outbox = {} if row["outbox"] == "none" else {peer: bench.add(Message(None, (), bench.stage.blob(b"sent")))}
        return self._found.setdefault("head", head_of(bench, of, "longer", {peer: self.cursor}, outbox))

    def ask(self) -> None:
        """Make the request."""
        bench = self.bench
        bench.executor = Executor(bench.pair.model)  # which has read nothing
        match self.row["request"]:
            case "merge-into" | "merge-from":
                sides = [self._found["merged"], self.entries]
                sides = sides if self.row["request"] == "merge-into" else sides[::-1]
                bench.merge(*sides, rule="wit.update.merge-refused")
            case "unread":
                bench.unread(self.message, self.cursor, rule="wit.channel.unread")
            case "admit":
                assert self.head is not None
                boxes = bench.box((self.peer, self.message)), None
                step = bench.add(Step(self.head, self.scene.actor, *boxes, self.scene.actor))
                bench.admit(self.scene.actor, self.head, sorted(self.scene.mail.items()), step, rule=_CLASS)
            case _:
                self.scene.step()
        bench.flush()


def query(trial: Trial, row: Row) -> None:
    """Ask one query of one step, twice."""
    bench = Workbench(trial, FORMATS[row["format"]])
    stage = bench.stage
    erased, corrupt = stage.blob(b"erased"), stage.blob(b"corrupt")
    entries = {
        "blob": stage.blob(b"b", ("ct", "s")),
        "tree": stage.tree(k=erased),
        "erased": erased,
        "corrupt": corrupt,
    }
    node = stage.blob({"stamp": STAMP, "unregistered": b"external:absent/x"}.get(row["node"], PUPPET), ("own", ""))
    nodes = {} if row["node"] == "absent" else {"wit_query": node}
    if row["argument"] == "in-absent":
        entries["lost"] = stage.tree(k=entries["blob"])
    if row["argument"] == "128 names":
        deep = stage.blob(b"deep")
        for _ in range(_DEEP - 1):
            deep = stage.tree(d=deep)
        entries["d"] = deep
    actor = stage.tree(wit=stage.blob(PUPPET), **entries, **nodes)
    step = _step(bench, row, actor)
    encoding = bench.stage.graph.encodings[step]
    if row["step"] == "absent":
        del bench.stage.graph.encodings[step]
    if row["argument"] == "in-absent":
        del bench.stage.graph.encodings[entries["lost"]]
    bench.fill()
    bench.flush()
    _spoil(bench, row, {"step": step, "node": node, "argument": erased if row["argument"] == "erased" else corrupt})
    name = "nobody" if row["name"] == "unknown" else row["name"]
    for _ in range(2):
        bench.executor = Executor(bench.pair.model)
        answer = bench.query(step, name, _ARGUMENTS[row["argument"]], rule=_ANSWERS)
        bench.flush()
    if answer is not None:
        bench.pair.expect(bench.pair.get(answer, rule=_ANSWERS))
    if row["step"] in ("absent", "corrupt"):
        bench.pair.expect(bench.pair.put(encoding))
        bench.query(step, name, _ARGUMENTS[row["argument"]], rule=_ANSWERS)
        bench.flush()


_ARGUMENTS: Final = {
    "empty": b"",
    "blob": b"blob",
    "tree": b"tree",
    "absent": b"absent",
    "below-blob": b"blob/x",
    "erased": b"erased",
    "corrupt": b"corrupt",
    "in-absent": b"lost/k",
    "128 names": b"/".join([b"d"] * _DEEP),
    "not-a-path": b"blob//x",
}


def _step(bench: Workbench, row: Row, actor: bytes) -> bytes:
    """Return the id that is queried."""
    if row["step"] == "tree":
        return actor
    state = {"first": "born", "cut": "cut"}.get(row["step"], "longer")
    return head_of(bench, actor, state, {}, {})


def _spoil(bench: Workbench, row: Row, targets: dict[str, bytes]) -> None:
    """Damage and erase what the row wants."""
    for place, target in targets.items():
        if row[place] == "corrupt":
            bench.pair.expect(bench.pair.damage(target, 5, 1))
        elif row[place] == "erased":
            bench.pair.expect(bench.pair.erase(target))


def _lost_rules(_: Iterable[str]) -> tuple[str, ...]:
    return _RULES


def _query_rules(_: Iterable[str]) -> tuple[str, ...]:
    return (_ANSWERS,)


PROPERTIES: Final[tuple[Property, ...]] = (
    *each_row("wit/lost", lose, _lost_rules, features=("external",)),
    *each_row("wit/queries", query, _query_rules, features=("external",)),
)
