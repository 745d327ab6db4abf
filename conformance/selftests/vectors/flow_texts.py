"""Drafts of vectors of flows: values, expressions and templates, with their outcomes.

An outcome is a value, or the class or code of a refusal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from gritstone_conformance.model.flow.values import Ref

__all__ = ["FlowVector", "text_vectors"]


@dataclass(frozen=True, slots=True)
class FlowVector:
    """One vector.

    Attributes:
        name: topic and slug.
        rules: the rules, without ``flow.``.
        op: the operation, without ``flow.``.
        args: its arguments; bytes are not yet text.
        outcome: what the model must answer: a value, or the class or code of a refusal.
    """

    name: str
    rules: tuple[str, ...]
    op: str
    args: dict[str, Any]
    outcome: Any


_ACCEPTED: Final = {
    "int-largest": "1b7fffffffffffffff",
    "int-least": "3b7fffffffffffffff",
    "int-one-byte": "1818",
    "int-two-bytes": "190100",
    "int-minus-24": "37",
    "map-key-order": "a361610261620162616103",
    "list-alike": "8401f56131f6",
    "ref": "4463617264",
    "ref-longest": "583f" + "61" * 63,
    "map-key-with-signs": "a165613d312c6202",
    "text-empty": "60",
    "text-24": "7818" + "61" * 24,
    "text-scalars": "6aed9fbfee8080f48fbfbf",
    "list-empty": "80",
    "map-empty": "a0",
    "bool-false": "f4",
    "null": "f6",
    "nested-16": "81" * 16 + "00",
    "nested-16-empty": "81" * 15 + "80",
    "nested-16-maps": "a16161" * 16 + "00",
}
_REFUSED: Final = {
    "float": "f93e00",
    "float-64": "fb4059000000000000",
    "int-long": "1817",
    "int-long-four": "1a0000ffff",
    "text-long": "780161",
    "keys-descending": "a2616201616102",
    "keys-shorter-last": "a262616101616202",
    "keys-equal": "a2616101616102",
    "list-indefinite": "9f01ff",
    "key-int": "a10102",
    "key-ref": "a1416101",
    "tag": "c100",
    "ref-empty": "40",
    "ref-upper-case": "4141",
    "ref-digit-first": "4131",
    "ref-64": "5840" + "61" * 64,
    "undefined": "f7",
    "simple-value": "f820",
    "trailing-byte": "0000",
    "text-short": "6261",
    "text-not-utf-8": "61ff",
    "text-surrogate": "63eda080",
    "text-overlong": "62c080",
    "int-above": "1b8000000000000000",
    "int-64-bits": "1bffffffffffffffff",
    "int-below": "3b8000000000000000",
    "list-too-long": "9b00ffffffffffffff",
    "map-value-missing": "a16161",
    "reserved-head": "1c" + "ff" * 16,
    "empty": "",
}

_ENV: Final[dict[str, Any]] = {
    "input": {"x": 5, "s": "yes", "l": [1, "1", True], "m": {"k": None}, "n": None, "b": True}
}
_EXPRESSIONS: Final[dict[str, dict[str, tuple[str, Any]]]] = {
    "expr.precedence": {
        "not-before-comparison": ("not $input.x == 6", True),
        "and-before-or": ("$input.x == 5 or $input.x == 6 and $input.x == 7", True),
        "and-before-or-literals": ("True or True and False", True),
        "or-after-and": ("False and True or True", True),
        "not-before-and": ("not False and False", False),
        "not-not": ("not not True", True),
        "not-before-in": ("not 1 in $input.l", False),
        "not-in": ("2 not in $input.l", True),
    },
    "expr.grouping": {
        "group": ("not ($input.b == True or $input.x == 9)", False),
        "group-of-or": ("(True or True) and False", False),
        "group-right": ("False and (False or True)", False),
        "groups-nested": ("((not ((False))))", True),
    },
    "expr.boolean": {
        "int-alone": ("$input.x", "type"),
        "text-alone": ("$input.s", "type"),
        "null-alone": ("$input.n", "type"),
        "bool-alone": ("$input.b", True),
        "list-in-group": ("($input.l) and True", "type"),
        "not-of-int": ("not 0", "type"),
        "and-with-int": ("True and $input.x", "type"),
        "or-with-empty-text": ("'' or True", "type"),
        "literal-none": ("None", "type"),
    },
    "expr.unbound": {
        "not-equal": ("$input.nope != 'high'", "unbound"),
        "equal-none": ("$input.nope == None", "unbound"),
        "before-or": ("$input.nope == 1 or True", "unbound"),
        "in-list": ("$input.nope in $input.l", "unbound"),
        "namespace": ("$out.x == 1", "unbound"),
        "null-is-bound": ("$input.n == None", True),
        "null-in-map-is-bound": ("$input.m.k == None", True),
        "has-absent": ("has $input.nope", False),
        "has-deep": ("has $input.nope.deep", False),
        "has-null": ("has $input.m.k", True),
        "has-namespace": ("has $prior.x", False),
        "has-into-int": ("has $input.x.y", "type"),
        "into-null": ("$input.n.x == 1", "type"),
        "guarded-by-has": ("has $input.nope and $input.nope == 1", False),
    },
    "expr.kinds": {
        "int-text": ("$input.x == '5'", "type"),
        "bool-int": ("True == 1", "type"),
        "not-equal-kinds": ("$input.x != '5'", "type"),
        "in-int": ("5 in 5", "type"),
        "int-in-text": ("5 in '5'", "type"),
        "int-in-map": ("1 in $input.m", "type"),
        "text-in-text": ("'ye' in $input.s", True),
        "empty-in-text": ("'' in $input.s", True),
        "text-in-map": ("'k' in $input.m", True),
        "text-not-in-map": ("'x' not in $input.m", True),
        "order-of-bools": ("False < True", "type"),
        "order-with-null": ("1 < None", "type"),
        "order-of-lists": ("$input.l < $input.l", "type"),
        "map-equal-null": ("$input.m == None", False),
        "null-equal-null": ("None == $input.n", True),
        "int-not-null": ("$input.x != None", True),
    },
    "expr.equality": {
        "text-in-list": ("'1' in $input.l", True),
        "bool-in-list": ("True in $input.l", True),
        "false-in-list": ("False in $input.l", False),
        "none-in-list": ("None in $input.l", False),
        "int-in-list": ("1 in $input.l", True),
        "zero-in-list": ("0 in $input.l", False),
        "list-itself": ("$input.l == $input.l", True),
        "map-itself": ("$input.m != $input.m", False),
    },
    "expr.text-order": {
        "code-points": ("'\uff5e' < '\U00010000'", True),
        "code-points-escaped": ("'\\u{ff5e}' >= '\\u{10000}'", False),
        "digits": ("'10' < '9'", True),
        "upper-case": ("'Z' < 'a'", True),
        "prefix": ("'a' < 'aa'", True),
        "empty": ("'' < 'a'", True),
        "equal": ("'a' <= 'a'", True),
        "ints": ("-10 < -9", True),
    },
    "expr.short-circuit": {
        "or": ("True or $input.nope == 1", True),
        "and": ("False and $input.nope", False),
        "or-of-type": ("True or 1", True),
        "and-evaluated": ("True and $input.nope == 1", "unbound"),
        "first-error": ("$input.x == '5' or $input.nope", "type"),
        "first-error-other": ("$input.nope or $input.x == '5'", "unbound"),
        "right-malformed": ("True or 1 <", "malformed"),
    },
    "expr.literals": {
        "dollar": (r"'\$' == '\u{24}'", True),
        "quoted-variable": (r"'\$input.s' == $input.s", False),
        "bare-dollar": ("'$s' == 'yes'", "malformed"),
        "bare-dollar-double": ('"$input.s" == "yes"', "malformed"),
        "newline": (r"'\n\t' == '\u{a}\u{9}'", True),
        "escaped-once": (r"'\\n' == '\n'", False),
        "quotes": ('\'"\' == "\\""', True),
        "other-escape": (r"'\a' == 'a'", "malformed"),
        "upper-case-digits": (r"'\u{4A}' == 'J'", "malformed"),
        "seven-digits": (r"'\u{0000041}' == 'A'", "malformed"),
        "six-digits": (r"'\u{000041}' == 'A'", True),
        "surrogate": (r"'\u{d800}' == 'a'", "malformed"),
        "surrogate-last": (r"'\u{dfff}' == 'a'", "malformed"),
        "around-surrogates": (r"'\u{d7ff}' < '\u{e000}'", True),
        "above-unicode": (r"'\u{110000}' == 'a'", "malformed"),
        "tab": ("'\t' == 'a'", "malformed"),
        "delete": ("'\x7f' == 'a'", "malformed"),
        "open": ("'open", "malformed"),
        "minus-zero": ("-0 == 0", "malformed"),
        "leading-zero": ("01 == 1", "malformed"),
        "int-above": ("9223372036854775808 > 0", "malformed"),
        "int-largest": ("9223372036854775807 > 0", True),
        "int-least": ("-9223372036854775808 < 0", True),
    },
    "expr.whole-input": {
        "empty": ("", "malformed"),
        "blank": (" ", "malformed"),
        "garbage": ("$input.x == 5 garbage", "malformed"),
        "exclamation": ("!$input.b", "malformed"),
        "single-equals": ("$input.x = 5", "malformed"),
        "comment": ("$input.x == 5 # c", "malformed"),
        "parentheses-open": ("(((($input.x == 6", "malformed"),
        "parentheses-crossed": ("$input.x == 6) or ($input.x == 5", "malformed"),
        "chained": ("1 < 2 < 3", "malformed"),
        "group-as-operand": ("(1) == 1", "malformed"),
        "word-contains": ("$input.s contains 'ye'", "malformed"),
        "method": ("$input.x.lower()", "malformed"),
        "lower-case-true": ("true", "malformed"),
        "no-blank-after-int": ("$input.x==5and True", "malformed"),
        "no-blank-before-group": ("$input.x==5 and(True)", True),
        "no-blanks": ("(True)and(1<2)", True),
        "two-values": ("True True", "malformed"),
        "operator-last": ("True and", "malformed"),
        "has-group": ("has ($input.x)", "malformed"),
        "not-in-reversed": ("1 in not $input.l", "malformed"),
        "blanks": ("\t$input.x\r\n==  5 ", True),
        "no-break-space": ("True\u00a0", "malformed"),
        "namespace-alone": ("$input == 5", "malformed"),
        "namespace-unknown": ("$env.x == 5", "malformed"),
        "segment-digit": ("has $input.1", "malformed"),
        "segments-eight": ("has $input" + ".x" * 8, "type"),
        "segments-nine": ("has $input" + ".x" * 9, "malformed"),
        "segment-63": ("has $input." + "y" * 63, False),
        "segment-64": ("has $input." + "y" * 64, "malformed"),
    },
    "expr.limits": {
        "tokens-511": (" or ".join(["True"] * 256), True),
        "tokens-512": ("not " + " or ".join(["True"] * 256), True),
        "tokens-513": (" or ".join(["True"] * 257), "exhausted"),
        "bytes-4096": ("True" + " " * 4_092, True),
        "bytes-4097": ("True" + " " * 4_093, "exhausted"),
        "groups-32": ("(" * 32 + "True" + ")" * 32, True),
        "groups-33": ("(" * 33 + "True" + ")" * 33, "exhausted"),
        "nots-32": ("not " * 32 + "True", True),
        "nots-33": ("not " * 33 + "True", "exhausted"),
        "groups-32-not-in": ("(" * 32 + "4 not in $input.l" + ")" * 32, True),
        "nots-32-not-in": ("not " * 32 + "4 not in $input.l", True),
        "nots-33-not-in": ("not " * 33 + "4 not in $input.l", "exhausted"),
    },
    "expr.total": {
        "class": ("has $input.__class__", False),
        "proto": ("has $input.__proto__", False),
        "constructor": ("has $input.m.constructor", False),
        "length-of-list": ("$input.l.length == 3", "type"),
        "length-of-text": ("$input.s.length == 3", "type"),
        "key-in-map": ("'toString' in $input.m", False),
    },
}
_SHADOWS: Final[dict[str, Any]] = {
    "input": {"out": {"x": 6}, "x": 5, "input": {"x": 7}, "x.y": 8},
    "out": {"x": 1},
    "args": {},
}
_SHADOWED: Final = {
    "other-namespace": ("$out.x == 1", True),
    "own-name": ("$input.x == 5", True),
    "inner-name": ("$input.input.x == 7 and $input.out.x == 6", True),
    "absent-there": ("has $args.x", False),
    "key-with-point": ("$input.x.y == 8", "type"),
    "path-without-namespace": ("has $x.y", "malformed"),
}

_DATA: Final = {
    "input": {"amount": 40, "order": "A-17", "hostile": "${input.order} $$ $input.order", "null": None,
              "list": [1, "$$"], "customer": Ref("customer"), "bool": True, "negative": -7, "half": "x" * 300},
    "out": {"a": {"b": ["c"]}},
}  # fmt: skip
_TEMPLATES: Final[dict[str, dict[str, tuple[Any, Any]]]] = {
    "tmpl.typed": {
        "int": ({"amount": "$input.amount"}, {"amount": 40}),
        "ref": ("$input.customer", Ref("customer")),
        "null": ("$input.null", None),
        "bool": (["$input.bool"], [True]),
        "list": ("$input.list", [1, "$$"]),
        "map": ({"a": "$out.a"}, {"a": {"b": ["c"]}}),
        "int-in-text": ("-${input.negative}", "--7"),
        "int-only-in-text": ("${input.amount}", "40"),
        "ref-in-text": ("to ${input.customer}", "type"),
        "bool-in-text": ("${input.bool}", "type"),
        "null-in-text": ("${input.null}", "type"),
        "list-in-text": ("${input.list}", "type"),
        "into-int": ("$input.amount.x", "type"),
    },
    "tmpl.single-pass": {
        "hostile-text": ("$input.hostile", "${input.order} $$ $input.order"),
        "hostile-within-text": ("<${input.hostile}>", "<${input.order} $$ $input.order>"),
        "dollar-before-path": ("$$${input.order}", "$A-17"),
        "dollars": ("$$$$", "$$"),
        "dollar-and-path": ("$$input.order", "$input.order"),
        "braces-after": ("${input.order}{input.order}", "A-17{input.order}"),
    },
    "tmpl.everywhere": {
        "text": ("order ${input.order}: ${input.amount} of $$100", "order A-17: 40 of $100"),
        "list": (["$input.order", 7], ["A-17", 7]),
        "nested": ([{"a": [{"b": "$input.order"}]}], [{"a": [{"b": "A-17"}]}]),
        "keys-stay": ({"$input.order": "$input.order", "$": 1, "${input.amount}": 2},
                      {"$input.order": "A-17", "$": 1, "${input.amount}": 2}),
        "deep": ([[[[[[[["$input.order"]]]]]]]], [[[[[[[["A-17"]]]]]]]]),
        "others-stay": ([1, None, True, Ref("a"), "", {}, []], [1, None, True, Ref("a"), "", {}, []]),
    },
    "tmpl.fail-closed": {
        "dollar-digit": ("$5", "malformed"),
        "dollar": ("$", "malformed"),
        "dollar-last": ("5 $", "malformed"),
        "namespace": ("${input}", "malformed"),
        "namespace-var": ("$input", "malformed"),
        "unknown-namespace": ("$env.order", "malformed"),
        "open": ("${input.order", "malformed"),
        "blank-in-braces": ("${ input.order}", "malformed"),
        "var-and-blank": ("$input.order ", "malformed"),
        "var-within-text": ("order $input.order", "malformed"),
        "odd-dollars": ("$$$", "malformed"),
        "deep-malformed": ([{"a": ["$"]}], "malformed"),
        "malformed-after-unbound": (["$input.nope", "$"], "malformed"),
        "unbound": ("$input.nope", "unbound"),
        "unbound-in-text": ("a ${input.nope}", "unbound"),
        "unbound-namespace": ("$prior.a", "unbound"),
        "first-error-in-key-order": ({"b": "$input.nope", "aa": "$input.amount.x"}, "unbound"),
        "first-error-in-list": (["$input.amount.x", "$input.nope"], "type"),
        "first-error-in-text": ("${input.list}${input.nope}", "type"),
    },
    "eval.refused": {
        "rendered-too-long": ("${input.half}" * 219, "exhausted"),
        "rendered-longest": ("${input.half}" * 218, "x" * 65_400),
    },
}  # fmt: skip

_ENVS: Final[dict[str, tuple[Any, Any]]] = {
    "env-empty": ({}, True),
    "env-namespaces": ({name: {} for name in ("input", "out", "prior", "args", "dep", "tool")}, True),
    "env-unknown-namespace": ({"inputs": {}}, "malformed"),
    "env-not-of-maps": ({"input": []}, "malformed"),
    "env-null-in-namespace": ({"input": None}, "malformed"),
    "env-list": ([], "malformed"),
    "env-truncated": (b"\xa1", "malformed"),
    "env-nested-17": ({"input": {"a": [[[[[[[[[[[[[[[]]]]]]]]]]]]]]]}}, "exhausted"),
    "env-nested-16": ({"input": {"a": [[[[[[[[[[[[[[]]]]]]]]]]]]]]}}, True),
}


def text_vectors() -> Iterator[FlowVector]:
    """Yield the vectors of values, expressions and templates."""
    for slug, data in _ACCEPTED.items():
        template = bytes.fromhex(data)
        yield FlowVector(f"value/{slug}", ("value.canonical",), "render", {"template": template, "env": {}}, template)
    for slug, data in _REFUSED.items():
        args: dict[str, Any] = {"template": bytes.fromhex(data), "env": {}}
        yield FlowVector(f"value/{slug}", ("value.canonical",), "render", args, "malformed")
    yield from _limits()
    yield from _alike()
    for rule, rows in _EXPRESSIONS.items():
        for slug, (expr, outcome) in rows.items():
            name = f"{rule.replace('.', '/', 1)}-{slug}"
            yield FlowVector(name, (rule,), "eval", {"expr": expr, "env": _ENV}, outcome)
    for slug, (expr, outcome) in _SHADOWED.items():
        args = {"expr": expr, "env": _SHADOWS}
        yield FlowVector(f"expr/no-shadowing-{slug}", ("expr.no-shadowing",), "eval", args, outcome)
    for rule, templates in _TEMPLATES.items():
        for slug, (template, outcome) in templates.items():
            name = f"{rule.replace('.', '/', 1)}-{slug}"
            yield FlowVector(name, (rule,), "render", {"template": template, "env": _DATA}, outcome)
    for slug, (env, outcome) in _ENVS.items():
        yield FlowVector(f"eval/{slug}", ("eval.refused",), "eval", {"expr": "True", "env": env}, outcome)


def _limits() -> Iterator[FlowVector]:
    rule = ("value.limits",)
    for size in (65_536, 65_537):
        text = "x" * (size - 3)
        outcome = text if size == 65_536 else "exhausted"
        yield FlowVector(f"value/bytes-{size}", rule, "render", {"template": text, "env": {}}, outcome)
    for slug, data in {
        "lists": "81" * 17 + "00",
        "lists-empty": "81" * 16 + "80",
        "maps": "a16161" * 17 + "00",
    }.items():
        args = {"template": bytes.fromhex(data), "env": {}}
        yield FlowVector(f"value/depth-17-{slug}", rule, "render", args, "exhausted")


_PAIRS: Final[dict[str, tuple[Any, Any]]] = {
    "one-true": ([1], [True]),
    "one-text": ([1], ["1"]),
    "null-false": ([None], [False]),
    "zero-empty-text": ([0], [""]),
    "empty-list-map": ([[]], [{}]),
    "ref-text": ([Ref("card")], ["card"]),
    "delimiters-in-key": ({"a": 1, "b": 2}, {"a=1,b": 2}),
    "composed": ("\u00e9", "e\u0301"),
    "large-ints": (2**53, 2**53 + 1),
    "list-in-list": ([[1], 2], [1, [2]]),
}


def _alike() -> Iterator[FlowVector]:
    for slug, (one, other) in _PAIRS.items():
        env = {"input": {"a": one, "b": other}}
        args = {"expr": "$input.a == $input.b", "env": env}
        yield FlowVector(f"value/distinct-{slug}", ("value.injective",), "eval", args, False)
    for slug, text in {"status": "PENDING", "path": "$input.w", "template": "${input.w}", "word": "True"}.items():
        env = {"input": {"v": text, "w": "leaked"}}
        args = {"template": ["$input.v", "<${input.v}>"], "env": env}
        yield FlowVector(f"value/plain-{slug}", ("value.no-sentinel",), "render", args, [text, f"<{text}>"])
