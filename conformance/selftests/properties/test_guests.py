"""The properties of Wasm actors' contents: the model passes them, and their inputs are what they claim to be."""

from __future__ import annotations

import pytest

from gritstone_conformance.model.formats import FRAMED_SHA256
from gritstone_conformance.model.values import Blob, Tree
from gritstone_conformance.model.wasm.documents import read_manifest
from gritstone_conformance.model.wasm.ed25519 import public_key, sign, verifies
from gritstone_conformance.model.wasm.puppets import puppet_of
from gritstone_conformance.model.wasm_host import GuestHost
from gritstone_conformance.properties.wasm import carried_state, forks, handoffs, puppet_module, signatures, updates
from gritstone_conformance.strategies.abuse import SMALL, pointer_attacks
from gritstone_conformance.strategies.attacks import module_attacks
from gritstone_conformance.strategies.casting import PUPPET, STAMP, GuestFormat
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.guests import GUESTS
from gritstone_conformance.strategies.journeys import JOURNEYS
from gritstone_conformance.strategies.scenarios import core_of
from gritstone_conformance.trial import Property
from selftests.properties.model_runs import run_on_model

PROPERTIES = [
    prop
    for module in (forks, handoffs, carried_state, signatures, updates)
    for prop in module.PROPERTIES
    if prop.name.endswith("-framed") and prop.kind == "property"
]

RFC_8032 = (
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24"
        "655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aee"
        "b00d291612bb0c00",
    ),
)


@pytest.mark.parametrize("prop", PROPERTIES, ids=lambda prop: prop.name)
def test_model_passes(prop: Property) -> None:
    run_on_model(prop, GuestHost(), 1)


@pytest.mark.parametrize("name", ["wit-puppet-atomic", "wit-update-code", "runtime-route-self", "wit-query-answers"])
def test_model_passes_with_modules_as_puppets(name: str) -> None:
    (prop,) = (prop for prop in puppet_module.PROPERTIES if prop.name == f"wasm/puppet/{name}-framed")
    run_on_model(prop, GuestHost(), 1)


def test_properties_with_guests_need_no_external_code() -> None:
    assert all("external" not in prop.requires.features for prop in puppet_module.PROPERTIES)
    assert all("wasm.executor" in prop.requires.features for prop in puppet_module.PROPERTIES)
    assert all(prop.rules[0] == "wasm.puppet.same" for prop in puppet_module.PROPERTIES)
    assert not any(rule.startswith("wit.puppet.") for prop in puppet_module.PROPERTIES for rule in prop.rules)
    gate = [prop for prop in puppet_module.PROPERTIES if not prop.search_only]
    assert 40 < len(gate) < len(puppet_module.PROPERTIES)


def test_puppet_is_external_or_a_module_with_its_manifest() -> None:
    plain, cast = Graph(FRAMED_SHA256), Graph(GuestFormat.of(FRAMED_SHA256))
    for code, stamps in ((PUPPET, False), (STAMP, True)):
        core = plain.values[core_of(plain, b"a", code)]
        assert isinstance(core, Tree)
        wit = plain.values[dict(core.entries)["wit"]]
        assert isinstance(wit, Blob)
        assert wit.data == code
        core = cast.values[core_of(cast, b"a", code)]
        assert isinstance(core, Tree)
        wit, wasm, modules = (cast.values[dict(core.entries)[name]] for name in ("wit", "wasm", "code"))
        assert isinstance(wit, Blob)
        assert isinstance(wasm, Tree)
        assert isinstance(modules, Tree)
        module = cast.values[dict(modules.entries)[wit.data.decode().removeprefix("wasm:code/")]]
        assert isinstance(module, Blob)
        assert puppet_of(module.data) is stamps
        manifest = cast.values[dict(wasm.entries)["manifest"]]
        assert isinstance(manifest, Blob)
        granted = read_manifest(manifest.data, FRAMED_SHA256.name)
        assert granted.raw
        assert not granted.keeps_state


@pytest.mark.parametrize(("secret", "key", "message", "signature"), RFC_8032)
def test_signatures_are_those_of_the_rfc(secret: str, key: str, message: str, signature: str) -> None:
    assert public_key(bytes.fromhex(secret)).hex() == key
    assert sign(bytes.fromhex(secret), bytes.fromhex(message)).hex() == signature
    assert verifies(bytes.fromhex(key), bytes.fromhex(message), bytes.fromhex(signature))
    assert not verifies(bytes.fromhex(key), bytes.fromhex(message) + b"x", bytes.fromhex(signature))


def test_attacks_are_many_and_distinct() -> None:
    modules = module_attacks()
    assert len({(attack.module, repr(attack.manifest)) for attack in modules}) > 200
    assert {attack.kind for attack in modules} == {
        *("bomb", "compile", "export", "import", "name", "recursion", "start"),
    }
    assert max(map(len, SMALL.values())) <= 1_024
    assert len({script.data() for _, script in pointer_attacks(65_536)}) > 300


def test_every_guest_has_a_journey() -> None:
    assert {journey.guest for journey in JOURNEYS} >= set(GUESTS) - {"puppet-stamp"}
