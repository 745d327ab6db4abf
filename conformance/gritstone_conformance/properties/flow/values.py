"""Values: their one encoding, what is equal, their limits, and that texts in data are data."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Any, Final

from gritstone_conformance.model.flow.values import encode
from gritstone_conformance.properties.flow.asking import checking, evaluating, of_flows, outcome_of, rendering
from gritstone_conformance.strategies.flow_programs import EVERYTHING, smallest
from gritstone_conformance.strategies.flow_values import ALIKE, TAPE, TEXTS, draw_value, nested, spoil
from gritstone_conformance.strategies.tape import Tape, from_tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_BYTES: Final = 65_536
_PROGRAM_BYTES: Final = 131_072
_NESTING: Final = 16
_ROOM_BYTES: Final = 64 << 20  # of memory, for a process that reads short bytes
_LONG: Final = (b"\x9b", b"\xbb", b"\x7b", b"\x5b")
_HOSTILE: Final = (
    *("PENDING", "$input.secret", "${input.secret}", "$$", "True", "None", "end", "$out.pay", "success", "cancelled"),
    *(
        "' or True or '",
        "\\u{24}",
        "{{secret}}",
        "%s",
        "__proto__",
        "../../etc/passwd",
        "\x1b[31m",
        "failed",
        "gate.then",
    ),
)


def _within_env(data: bytes) -> bytes:
    """Return the bytes of ``{"input": {"v": ...}}``, whatever the bytes of the value are."""
    return b"\xa1\x65input\xa1\x61v" + data


def canonical(trial: Trial, tape: Tape) -> None:
    """Bytes are accepted iff they are the encoding of a value; what is accepted has the same bytes as its value."""
    values = [draw_value(tape) for _ in range(4)]
    trial.expect_many(
        [
            *(rendering("$input.v", _within_env(encode(value))) for value in values),
            *(rendering("$input.v", _within_env(spoil(tape, value))) for value in values for _ in range(3)),
            *(rendering(spoil(tape, value), {}) for value in values),
        ]
    )


def injective(trial: Trial) -> None:
    """Values that one host or another takes as equal are different: alone, in lists, and in maps."""
    for row in ALIKE:
        for one, other in combinations(row, 2):
            env: Any = {
                "input": {"a": one, "b": other, "la": [one], "lb": [other], "ma": {"k": one}, "mb": {"k": other}}
            }
            asked = [evaluating(f"$input.{left} {sign} $input.{right}", env) for left, right, sign in _COMPARED]
            assert True not in map(outcome_of, asked), "the model takes different values as equal"
            same = [evaluating(f"$input.{name} in $input.l{name[-1]}", env) for name in ("a", "b")]
            trial.expect_many([*asked, *same, rendering("$input.a", env), rendering("$input.b", env)])


_COMPARED: Final = (
    *(("a", "b", "=="), ("b", "a", "=="), ("a", "lb", "in"), ("b", "la", "in")),
    *(("la", "lb", "=="), ("ma", "mb", "=="), ("mb", "ma", "==")),
)


def limits(trial: Trial) -> None:
    """A value of exactly 65,536 bytes, or nested 16 deep, is accepted; one more byte or level is not."""
    for over in (0, 1):
        text = "x" * (_BYTES - 3 + over)  # a head of 3 bytes
        trial.expect_many([rendering(text, {}), rendering([text[2:], 0], {}), rendering(b"\xff" * (_BYTES + over), {})])
        env = {"input": {"v": "x" * (_BYTES - 12 + over)}}
        trial.expect_many([evaluating("has $input.v", env), evaluating("has $input.w", env)])
        for kind in ("[", "{", "[{", "{["):
            template = nested(_NESTING - 1 + over, kind, [])
            trial.expect_many([rendering(nested(_NESTING + over, kind), {}), rendering(template, {})])
            trial.expect_many([evaluating("has $input.v", {"input": {"v": nested(_NESTING - 2 + over, kind)}})])


def documents(trial: Trial) -> None:
    """A program may have 131,072 bytes, a policy and an input 65,536; a program is nested 16 deep at most."""
    for over in (0, 1):
        program = dict(EVERYTHING.program)
        program["desc"] = ""
        program["desc"] = "x" * (_PROGRAM_BYTES - len(encode(program)) - 4 + over)  # its head grows from 1 byte to 5
        given = {"pad": "x" * (_BYTES - 8 + over)}
        asked = [checking(replace(EVERYTHING, program=program)), checking(replace(smallest(), input=given))]
        asked += [checking(replace(smallest(), policy=_long_policy(over)))]
        deep = {"kind": "end", "outcome": "success", "output": nested(_NESTING - 3 + over, "[")}
        asked += [checking(smallest(e=deep)), checking(replace(smallest(), input={"v": nested(15 + over, "[{")}))]
        sizes = ["program-malformed", "input-malformed", "policy-malformed", "program-malformed", "input-malformed"]
        assert [outcome_of(each) for each in asked] == [[["", code]] * over for code in sizes]
        trial.expect_many(asked)


def _long_policy(over: int) -> Any:
    """Return a policy of 65,536 bytes and ``over`` more, whose parameters are as many as needed."""
    policy: Any = {
        "flow_policy": 1,
        "tools": {"t": {"peer": "edge", "params": [f"p{number:05}{'x' * 56}" for number in range(900)]}},
    }
    params = policy["tools"]["t"]["params"]
    while (left := _BYTES + over - len(encode(policy))) > 66:
        params.append(f"q{len(params):05}{'y' * 56}")
    if left < 4:
        del params[-1]
        left = _BYTES + over - len(encode(policy))
    lengths = (left,) if left <= 25 else (30, left - 30)
    params += [f"{'rs'[index]}{'z' * (length - (2 if length <= 25 else 3))}" for index, length in enumerate(lengths)]
    assert len(encode(policy)) == _BYTES + over, "the policy has its size"
    return policy


def bounded(trial: Trial) -> None:
    """A length that bytes declare and do not have takes no memory; nor does nesting of any depth."""
    is_reset, before = trial.subject.reset_peak_rss(), trial.subject.peak_rss_bytes()
    for head in _LONG:
        for length in (2**31 - 1, 2**32 - 1, 2**40, 2**63 - 1):
            trial.expect_many([rendering(head + length.to_bytes(8), {}), evaluating("True", head + length.to_bytes(8))])
    trial.expect_many([rendering(b"\x81" * 60_000 + b"\0", {}), rendering(b"\xa1\x61a" * 20_000, {})])
    after = trial.subject.peak_rss_bytes()
    if is_reset and before is not None and after is not None and after - before > _ROOM_BYTES:
        words = "memory grows with lengths that bytes only declare"
        trial.fail(f"at most {_ROOM_BYTES} bytes more", f"{after - before} bytes more", words=words)


def no_sentinel(trial: Trial) -> None:
    """Texts in data that look like paths, commands or words of the grammar are data."""
    for text in (*_HOSTILE, *TEXTS):
        env: Any = {"input": {"v": text, "l": [text], "secret": "leaked"}, "out": {"v": {text: text}}}
        rendered = [rendering(template, env) for template in ("$input.v", "a ${input.v}", ["$out.v", "$input.l"])]
        equal = evaluating("$input.v in $input.l and $input.v == $input.v and $input.v in $out.v", env)
        assert outcome_of(equal) is True
        trial.expect_many([*rendered, equal, evaluating("$input.v", env)])
        trial.expect_many([checking(replace(smallest(), input={"v": text, text: [text]}))])


_DRAWN: Final = {"tape": from_tape(lambda tape: tape, 2 * TAPE)}

PROPERTIES: Final = (
    of_flows(
        *("value/canonical", canonical, "value.canonical"),
        given=_DRAWN,
        reach={"flow.render accepted": 0.5, "flow.render refused": 0.5},
    ),
    of_flows("value/injective", injective, "value.injective"),
    of_flows("value/limits", limits, "value.limits"),
    of_flows("value/documents", documents, "value.limits"),
    of_flows("value/bounded", bounded, "value.limits"),
    of_flows("value/no-sentinel", no_sentinel, "value.no-sentinel"),
)
