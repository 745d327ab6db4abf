"""Forms of code nodes, and the list of laws."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from gritstone import wit
from gritstone.errors import Rejected
from gritstone.grit.objects import Mailbox, Step
from gritstone.wit import PUPPETS, External, Laws


@pytest.mark.parametrize(
    "data",
    [
        b"external:absent",
        b"external:absent/1",
        b"external:puppet/2",
        b"external:puppet/1 ",
        b" external:puppet/1",
        b"external:puppet/1\n",
        b"External:puppet/1",
        b"external:Puppet/1",
        b"external:",
        b"wasm:code/main",
        b"/code:main:run",
        b"/code:main",
        b"puppet/1",
        b"",
    ],
)
def test_unresolved_code_is_reported(bench: Any, data: bytes) -> None:
    with pytest.raises(Rejected) as caught:
        bench.laws.resolve(bench.workspace, {"wit": bench.blob(data)}, "wit")
    assert caught.value.code == "unresolved"


def test_external_names_resolve_if_registered(bench: Any) -> None:
    for name, code in PUPPETS.items():
        node = bench.blob(f"external:{name}".encode(), any="header")
        assert bench.laws.resolve(bench.workspace, {"wit": node}, "wit") is code
    erased = bench.blob(b"external:puppet/1", x="y")
    bench.store.erase(erased)
    for core in ({}, {"wit": bench.nested({"a": 1})}, {"wit": erased}):
        with pytest.raises(Rejected):
            bench.laws.resolve(bench.workspace, core, "wit")


@pytest.mark.parametrize("name", ["absent", "absent/1", "Upper", "", "/x", "a b"])
def test_external_rejects_names_that_are_never_registered(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be registered"):
        Laws(External({name: PUPPETS["puppet/1"]}))


def test_first_law_with_the_form_decides(bench: Any) -> None:
    first, second = External({"a": PUPPETS["puppet/1"]}), External({"a": Held(), "b": Held()})
    laws = Laws(first, second)
    for name, wanted in (("a", first), ("b", second)):
        core = {"wit": bench.blob(f"external:{name}".encode())}
        assert laws.of(bench.workspace, core) is wanted
        assert laws.resolve(bench.workspace, core, "wit") is wanted.registered[name]


def test_actor_without_law_has_the_rules_of_wit(bench: Any) -> None:
    law = Laws().of(bench.workspace, {"wit": bench.blob(b"external:puppet/1")})
    assert law.makes_first_step(bench.workspace, {})
    assert law.frozen_paths(bench.workspace, {}) == ()


class Held:
    """Code that only reads."""

    def __init__(self) -> None:
        self.ran: list[Any] = []

    def step(self, run: Any) -> Any:
        self.ran.append(run)
        last = run.last
        inbox = {} if last is None else dict(last.inbox)
        for sender, messages in run.proposal.covered:
            inbox[sender] = messages[-1]
        mailbox = run.workspace.put(Mailbox(inbox))
        yield from ()
        return run.workspace.put(Step(last and last.step_id, run.actor, mailbox, None, run.core_id))

    def query(self, question: Any) -> Any:
        yield from ()


class Strict(External):
    """A law as a profile registers it: every hook says something."""

    is_exclusive = True

    def __init__(self) -> None:
        self.code = Held()
        super().__init__({"strict/1": self.code})

    def resolve(self, *place: Any) -> Any:
        return self.code

    def makes_first_step(self, workspace: Any, core: Any) -> bool:
        return "still" not in core

    def refuses_update(self, run: Any, content: Any) -> bool:
        return "refused" in content

    def refuses_merge(self, run: Any, merged: Any) -> bool:
        return "a" in merged and "b" in merged

    def frozen_paths(self, workspace: Any, core: Any) -> Any:
        return (("data", "fixed"),) if "data" in core else ()


@pytest.fixture
def strict(bench: Any) -> Any:
    bench.laws = Laws(External(PUPPETS), Strict())
    return bench


def updated(bench: Any, core: dict[str, Any], update: dict[str, Any], wit: bytes = b"external:strict/1") -> bool:
    """Return whether an actor takes an update."""
    actor, head = bench.born("a", wit, **{name: bench.nested(one) for name, one in core.items()})
    previous = bench.position(head, actor).inbox[bench.outside]
    message = bench.message(bench.nested(update), previous, mt="update")
    step = bench.step(actor, head, [(bench.outside, message)])
    return bool(bench.position(step, actor).step.core != bench.position(head, actor).step.core)


def test_law_refuses_updates_of_its_actors_only(strict: Any) -> None:
    assert updated(strict, {"a": "1"}, {"a": "2"})
    assert not updated(strict, {"a": "1"}, {"a": "2", "refused": "1"})
    assert not updated(strict, {"a": "1"}, {"b": "2"})
    for update in ({"refused": "1"}, {"b": "2"}):
        assert updated(strict, {"a": "1"}, update, b"external:puppet/1")


@pytest.mark.parametrize("wit", [b"external:strict/1", b"external:puppet/1"])
def test_law_adds_frozen_paths_to_frozen_cores(strict: Any, wit: bytes) -> None:
    core: dict[str, Any] = {"data": {"fixed": "1", "free": "1"}}
    change = {"data": {"fixed": "2"}}
    assert updated(strict, core, change, wit)
    core["frozen"] = "name\n"
    assert not updated(strict, core, change, wit)
    assert updated(strict, core, {"data": {"free": "2"}}, wit)


def test_law_can_deny_the_first_step_to_code(strict: Any) -> None:
    ran = strict.laws.laws[1].code.ran
    strict.born("a", b"external:strict/1")
    assert len(ran) == 1
    actor, head = strict.born("b", b"external:strict/1", still=strict.blob(b"1"))
    assert len(ran) == 1
    step = strict.position(head, actor).step
    assert (step.core, step.outbox) == (actor, None)


def test_exclusive_law_resolves_all_nodes_of_its_actors(strict: Any) -> None:
    of_puppet, of_strict = strict.blob(b"external:puppet/1"), strict.blob(b"external:strict/1")
    puppet, code = PUPPETS["puppet/1"], strict.laws.laws[1].code
    for core, content, wanted in (
        ({"wit": of_puppet, "wit_query": of_puppet}, {"wit_update": of_puppet}, (puppet, puppet)),
        ({"wit": of_puppet, "wit_query": of_strict}, {"wit_update": of_strict}, (code, code)),
        ({"wit": of_strict, "wit_query": of_puppet}, {"wit_update": of_puppet}, (code, code)),
        ({"wit": of_strict}, {"wit_update": of_strict}, (code, code)),
    ):
        query = strict.laws.resolve(strict.workspace, core, "wit_query")
        update = strict.laws.resolve(strict.workspace, core, "wit_update", content)
        assert (query, update) == wanted


def test_time_limit_reaches_interruptible_laws(bench: Any) -> None:
    class Limited(External):
        limit_ms = 0

        def within(self, limit_ms: int) -> Limited:
            limited = Limited(self.registered)
            limited.limit_ms = limit_ms
            return limited

    plain, limited = External(PUPPETS), Limited({})
    assert Laws(plain).within(5).laws == (plain,)
    found = Laws(plain, limited).within(5).laws
    assert found[0] is plain
    assert isinstance(found[1], Limited)
    assert found[1].limit_ms == 5


def test_wit_does_not_name_profiles_built_on_it() -> None:
    """Every other profile registers in the list of laws."""
    folder = Path(wit.__file__).parent
    words = re.compile("wasm|webassembly|guest", re.IGNORECASE)
    files = sorted(folder.rglob("*.py"))
    assert files
    found = [
        f"{one.name}:{number}"
        for one in files
        for number, line in enumerate(one.read_text().splitlines(), 1)
        if words.search(line)
    ]
    assert found == []
