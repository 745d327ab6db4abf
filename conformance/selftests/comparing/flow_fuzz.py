"""Compare the replies of implementations to drawn expressions, templates and values of flows with those of the model.

    python -m selftests.comparing.flow_fuzz COUNT SEED COMMAND [COMMAND ...]

sends COUNT drawn requests to each adapter, prints each reply that the model does not expect, and at the end how many
requests were different and how they ended. It is not part of the gate: it is run by hand, with another SEED each time.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Iterator

from gritstone_conformance.attachment.launcher import Launcher
from gritstone_conformance.attachment.settings import AttachSettings
from gritstone_conformance.judge import compare
from gritstone_conformance.model.flow.values import encode
from gritstone_conformance.properties.flow.asking import evaluating, outcome_of, rendering
from gritstone_conformance.strategies.flow_expressions import ENV, change_character, draw_expression, draw_template
from gritstone_conformance.strategies.flow_values import draw_value, spoil
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Asked

_BATCH = 500  # requests
_TAPE = 600  # bytes
_ENV = encode(ENV)
_WORDS = (
    *(
        "and",
        "or",
        "not",
        "in",
        "has",
        "True",
        "False",
        "None",
        "(",
        ")",
        "==",
        "!=",
        "<",
        "<=",
        ">",
        ">=",
        "5",
        "-1",
        "0",
    ),
    *(
        "$input.x",
        "$input.s",
        "$input.l",
        "$input.m",
        "$input.nope",
        "$out.node.ok",
        "'yes'",
        '"yes"',
        "''",
        " ",
        " ",
        " ",
    ),
)


def _texts(tape: Tape) -> Iterator[str]:
    """Yield expressions: drawn, changed once to three times, words in any order, and any characters."""
    text = draw_expression(tape, tape.below(4))
    yield text
    for _ in range(3):
        text = change_character(tape, text)
        yield text
    yield "".join(tape.pick(_WORDS) + tape.pick((" ", "", " ")) for _ in range(tape.within(1, 9)))
    yield tape.take(tape.below(16)).decode("latin-1")


def _requests(source: random.Random) -> Iterator[Asked]:
    while True:
        tape = Tape(source.randbytes(_TAPE))
        for text in _texts(tape):
            yield evaluating(text, _ENV)
        yield rendering(draw_template(tape, sound=bool(tape.below(2))), _ENV)
        leaf = change_character(
            tape, tape.pick(("${input.x} of $$100", "$input.m", "a$$${out.x}", "${input.s}${input.x}"))
        )
        yield rendering([leaf], _ENV)
        value = draw_value(tape)
        yield rendering(spoil(tape, value), _ENV)


def main(count: int, seed: int, commands: list[str]) -> int:
    """Send the requests; returns the number of wrong replies."""
    subjects = [Launcher.for_command(command.split(), AttachSettings()).start() for command in commands]
    requests, seen, ends = _requests(random.Random(seed)), set[int](), Counter[str]()
    wrong = sent = 0
    while sent < count:
        batch = [next(requests) for _ in range(min(_BATCH, count - sent))]
        sent += len(batch)
        for asked in batch:
            seen.add(hash(str(asked[1])))
            found = outcome_of(asked)
            ends[f"{asked[0]} {found}" if isinstance(found, bool) or "ok" not in asked[2] else asked[0]] += 1
        for subject, command in zip(subjects, commands, strict=True):
            for asked, reply in zip(batch, subject.ask_many([(op, args) for op, args, *_ in batch]), strict=True):
                if compare(asked[2], reply, {}) is not None:
                    wrong += 1
                    print(f"{command}: {asked[0]} {asked[1]}: expected {asked[2]}, got {reply}", flush=True)
    print(f"{sent} requests, {len(seen)} different, seed {seed}, {wrong} wrong replies; {dict(ends.most_common())}")
    for subject in subjects:
        subject.close()
    return wrong


if __name__ == "__main__":
    sys.exit(1 if main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]) else 0)
