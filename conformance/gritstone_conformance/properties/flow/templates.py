"""Templates: every path is replaced once, with the kind of its value, or nothing is rendered."""

from __future__ import annotations

from typing import Any, Final

from gritstone_conformance.model.flow.values import Ref, encode
from gritstone_conformance.properties.flow.asking import evaluating, of_flows, outcome_of, rendering
from gritstone_conformance.strategies.flow_expressions import ENV, TAPE, change_character, draw_leaf, draw_template
from gritstone_conformance.strategies.flow_values import INTS, KINDS, TEXTS, nested
from gritstone_conformance.strategies.tape import Tape, from_tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_BYTES: Final = 65_536
_NESTING: Final = 16
_INSERTED: Final = (
    "$input.v",
    "${input.v}",
    "$$",
    "$",
    "${",
    "}",
    "$${input.v}",
    "$input",
    "${input.w}",
    "a$",
    "\\$",
    "$out.v",
)


def drawn(trial: Trial, tape: Tape) -> None:
    """A template has the value in which each path is replaced, or the first error."""
    for _ in range(3):
        asked = rendering(draw_template(tape), ENV)
        rule = "tmpl.fail-closed" if isinstance(outcome_of(asked), str) and "refused" in asked[2] else "tmpl.everywhere"
        trial.expect_many([(*asked[:3], f"flow.{rule}")])


def changed(trial: Trial, tape: Tape) -> None:
    """A leaf that is malformed is never rendered: not as it is, nor as an empty text."""
    leaves = [draw_leaf(tape, sound=True) for _ in range(4)]
    spoiled = [change_character(tape, leaf) for leaf in leaves]
    trial.expect_many([rendering(leaf, ENV) for leaf in (*leaves, *spoiled)])
    trial.expect_many(
        [rendering(draw_template(tape, sound=False), ENV), rendering([spoiled[0], {"a": leaves[0]}], ENV)]
    )


_LEAVES: Final = (
    *(
        "$",
        "$$",
        "$$$",
        "$$$$",
        "a$",
        "$a",
        "$5",
        "US$ 5",
        "$input",
        "${input}",
        "$input.",
        "$input.x ",
        " $input.x",
        "$input.x.y",
    ),
    *(
        "${input.x",
        "${ input.x}",
        "${input.x }",
        "${}",
        "$()",
        "$(input.x)",
        "{input.x}",
        "{{input.x}}",
        "$env.x",
        "${env.x}",
    ),
    *(
        "${$input.x}",
        "${input.x}}",
        "$${input.x}",
        "$$input.x",
        "$$${input.x}",
        "$input.x$input.x",
        "${input.x}${input.x}",
        "$$$input.x",
    ),
    *(
        "$Input.x",
        "${INPUT.x}",
        "$input.x\n",
        "\n$input.x",
        "$input..x",
        "${input.nope}",
        "$input.nope",
        "${input.nope}$",
        "$ ${input.nope}",
    ),
    *(
        "${input.l.0}",
        "$input.l[0]",
        "$input.l.0",
        "${input.s.length}",
        "$input.m.k",
        "${input.m.k}",
        "$out.x",
        "${dep.a}",
        "\\${input.x}",
    ),
    *(
        "$" + "input.x" + ".y" * 8,
        "$input" + ".x" * 9,
        "$input." + "x" * 63,
        "$input." + "x" * 64,
        "${input." + "x" * 64 + "}",
        "\\$",
        "%s",
    ),
)


def leaves(trial: Trial) -> None:
    """Each form of leaf has its value, its error, or is malformed, alone and within lists and maps."""
    for leaf in _LEAVES:
        trial.expect_many([rendering(template, ENV) for template in (leaf, [leaf], {"k": leaf}, [[{"k": [1, leaf]}]])])
    for first in ("$nope", "$input.nope", "$input.x.y", "${input.m}"):  # the first error, unless a leaf is malformed
        others = ("$input.nope", "$input.x.y", "$5")
        trial.expect_many([rendering([first, other], ENV) for other in others])
        trial.expect_many([rendering({"b": first, "a": other, "aa": first}, ENV) for other in others])
        trial.expect_many([rendering({"aa": first, "b": other}, ENV) for other in others])
        trial.expect_many([rendering(f"${{input.nope}}{first[:1]}{{{first[1:]}}}", ENV)])


def single_pass(trial: Trial) -> None:
    """What is inserted is not read again, whatever it looks like."""
    for text in (*_INSERTED, *TEXTS):
        env: Any = {"input": {"v": text, "w": "secret"}, "out": {"v": [text, {text: text}]}}
        templates = (
            "$input.v",
            "${input.v}",
            "a${input.v}b",
            "${input.v}${input.v}",
            "$$${input.v}",
            "${input.v}{input.w}",
            "$out.v",
        )
        asked = [rendering(template, env) for template in (*templates, ["$input.v", "${input.v}{input.w}"])]
        trial.expect_many(asked)


def everywhere(trial: Trial) -> None:
    """Leaves are replaced at every depth of lists and maps; keys never are."""
    for depth in range(_NESTING + 1):
        for kind in ("[", "{", "[{", "{["):
            asked = [
                rendering(nested(depth, kind, leaf), ENV) for leaf in ("$input.x", "x ${input.x}", "$input.nope", "$")
            ]
            trial.expect_many(asked)
    keys = ("$input.x", "${input.x}", "$$", "$", "${", "$nope.x", "plain")
    trial.expect_many([rendering({key: "$input.x"}, ENV) for key in keys])
    trial.expect_many(
        [rendering(dict.fromkeys(keys, "${input.x}"), ENV), rendering([{key: [{key: 1}]} for key in keys], ENV)]
    )
    trial.expect_many([rendering([1, "$input.x", None, True, Ref("a"), "${input.s}", {"a": "$input.l"}], ENV)])


def typed(trial: Trial) -> None:
    """A var as a leaf has the value with its kind; inserted into a text are only texts and ints."""
    for value in (*KINDS.values(), *INTS, *TEXTS, False, [], {}, [None], {"a": Ref("b")}):
        env: Any = {"input": {"v": value}}
        trial.expect_many(
            [rendering(template, env) for template in ("$input.v", ["$input.v"], "${input.v}", "<${input.v}>")]
        )
        trial.expect_many([evaluating("has $input.v.w", env), rendering("$input.v.w", env)])


def sizes(trial: Trial) -> None:
    """A rendered value is within the limits of values; one byte or level more, and rendering is exhausted."""
    for over in (0, 1):
        half = "x" * 30_000
        env: Any = {"input": {"t": half, "deep": nested(8, "["), "deeper": nested(12 + over, "[{")}}
        rest = _BYTES - 2 * len(half) - len(encode(["", ""])) - 4 - len(encode(["x" * 300])) + 300 + 1
        joined = "${input.t}${input.t}" + "x" * (_BYTES - 60_000 - 3 + over)
        asked = [rendering(joined, env), rendering(nested(8 + over, "[", "$input.deep"), env)]
        asked += [rendering(nested(4, "{", "$input.deeper"), env)]
        assert [outcome_of(each) == "exhausted" for each in asked] == [bool(over)] * 3, "the values are at the limits"
        trial.expect_many([*asked, rendering(["$input.t", "$input.t", "x" * (rest + over)], env)])
    twice: Any = {"input": {"t": "x" * 60_000, "m": {"a": "x" * 60_000}}}
    many = ("${input.t}" * 4_000, ["$input.m"] * 4_000, {"a": ["$input.t", "$input.m"]}, ["$input.t", "$input.nope"])
    trial.expect_many([rendering(template, twice) for template in many])


_DRAWN: Final = {"tape": from_tape(lambda tape: tape, TAPE)}

PROPERTIES: Final = (
    of_flows(
        *("tmpl/drawn", drawn, "tmpl.everywhere", "tmpl.fail-closed"),
        given=_DRAWN,
        examples=200,
        reach={"flow.render accepted": 0.5, "flow.render refused": 0.3},
    ),
    of_flows("tmpl/changed", changed, "tmpl.fail-closed", given=_DRAWN, reach={"flow.render refused": 0.5}),
    of_flows("tmpl/leaves", leaves, "tmpl.fail-closed"),
    of_flows("tmpl/single-pass", single_pass, "tmpl.single-pass"),
    of_flows("tmpl/everywhere", everywhere, "tmpl.everywhere"),
    of_flows("tmpl/typed", typed, "tmpl.typed"),
    of_flows("tmpl/sizes", sizes, "value.limits", "eval.refused"),
)
