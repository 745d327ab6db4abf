"""Adapters that try to harm the suite: ``python hostile.py NAME``. They claim grit and reply to ``grit.id``.

Each is honest until the second request, unless its harm is in ``hello`` or after ``bye``. ``HARMS`` lists them by name,
with the cause that the suite must report, or None if the suite must continue normally.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, Final, NoReturn

import honest  # type: ignore[import-not-found]

MIB: Final = 1 << 20
SPOILED_FROM: Final = 2
NASTY: Final = "\x1b]0;owned\x07\x1b[31m\x9b2J\x7f\u202egnp.exe\u2066\u200b\u2028\r\nPASS\t\0\u0085\U000e0041end"
"""A title, a colour, C1, overrides of direction, line ends of four kinds, a tag; none of them may reach the output."""

Request = dict[str, Any]
Harm = Callable[[Request, bytes], bytes]


def put(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]


def forever(piece: bytes) -> NoReturn:
    while True:
        put(piece)


def reply(request: Request, **answer: Any) -> bytes:
    return json.dumps({"seq": request["seq"], **answer}).encode() + b"\n"


def raw(request: Request, answer: bytes) -> bytes:
    return b'{"seq":%d,%s}\n' % (request["seq"], answer)


def stderr_flood(_request: Request, line: bytes) -> bytes:
    for _ in range(64):
        os.write(2, b"\x1b[2Jnoise\n" * (MIB // 10))
    return line


def drip(_request: Request, line: bytes) -> NoReturn:
    while True:
        for at in range(len(line) - 1):
            put(line[at : at + 1])
            time.sleep(1)


def fork_bomb(_request: Request, line: bytes) -> bytes:
    for _ in range(30):
        subprocess.Popen([sys.executable, "-IS", "-c", "import time; time.sleep(600)", os.environ.get("HOSTILE", "")])
    return line


def leaves_home(_request: Request, _line: bytes) -> NoReturn:
    """Exit, and leave a child in its own session that holds every pipe open."""
    program = "import sys, time; time.sleep(600)"
    subprocess.Popen([sys.executable, "-IS", "-c", program, os.environ.get("HOSTILE", "")], start_new_session=True)
    os._exit(5)


def after_bye(piece: bytes) -> Harm:
    def harm(request: Request, line: bytes) -> bytes:
        if request["op"] == "bye":
            put(line)
            forever(piece)
        return line

    return harm


def in_hello(change: Callable[[Request], object]) -> Harm:
    def harm(request: Request, line: bytes) -> bytes:
        if request["op"] != "hello":
            return line
        answer = json.loads(line)
        change(answer["ok"])
        return json.dumps(answer, ensure_ascii=False).encode() + b"\n"

    return harm


def says(words: str) -> Harm:
    """Make a harm that puts a text into the name, version and language of the implementation."""
    return in_hello(lambda ok: ok.update(implementation=dict.fromkeys(("name", "version", "language"), words)))


def features(count: int) -> Harm:
    return in_hello(lambda ok: ok.update(features=[f"f{number}" for number in range(count)]))


def limits(count: int) -> Harm:
    return in_hello(lambda ok: ok["limits"].update({f"limit-{number}": number for number in range(count)}))


def nasty_log(_request: Request, _line: bytes) -> NoReturn:
    os.write(2, NASTY.encode() + b"\xff\xfe" + NASTY.encode())
    os._exit(3)


HARMS: Final[dict[str, tuple[Harm, str | None]]] = {
    "stderr-flood": (stderr_flood, None),
    "stdout-flood": (lambda _request, _line: forever(b"x" * MIB), "protocol:frame.limit"),
    "flood-after-bye": (after_bye(b"x" * MIB), None),
    "lines-after-bye": (after_bye(b"x\n" * MIB), None),
    "deep": (
        lambda request, _: raw(request, b'"ok":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
        "protocol:frame.line",
    ),
    "deep-lists": (lambda request, _: raw(request, b'"ok":' + b"[" * 8 * MIB), "protocol:frame.line"),
    "digits": (lambda request, _: raw(request, b'"ok":{"id":' + b"9" * MIB + b"}"), "protocol:json.plain"),
    "big-errors": (lambda request, _: reply(request, error={"message": "e" * 3 * MIB}), "memory"),
    "big-unsupported": (lambda request, _: reply(request, unsupported={"feature": "e" * MIB}), None),
    "big-codes": (lambda request, _: reply(request, refused={"class": "invalid", "code": "c" * MIB}), None),
    "big-ids": (lambda request, _: reply(request, ok={"id": "f" * 5 * MIB}), "protocol:bytes.canonical"),
    "big-answers": (lambda request, _: reply(request, ok={str(n): [n] * 9 for n in range(30_000)}), None),
    "long-names": (lambda request, _: reply(request, ok={"id": "0" * 64, "n" * 5 * MIB: 1}), None),
    "many-x": (
        lambda request, _: raw(request, b'"ok":{},"x":{%s}' % b",".join(b'"%d":{}' % n for n in range(1_200_000))),
        "memory",
    ),
    "last-twice": (
        lambda request, _: raw(request, b'"ok":{},"x":{%s}' % b",".join(b'"%d":1' % n for n in [*range(300_000), 0])),
        "protocol:json.plain",
    ),
    "many-features": (features(100_000), None),
    "many-gaps": (limits(100_000), None),
    "too-many-features": (features(1_200_000), "not-started"),
    "long-hello": (says("n" * 5 * MIB), None),
    "nasty-hello": (says(NASTY), None),
    "nasty-claims": (in_hello(lambda ok: ok.update(features=[NASTY])), "not-started"),
    "nasty-error": (lambda request, _: reply(request, error={"message": NASTY, "context": {NASTY: NASTY}}), "adapter"),
    "nasty-code": (
        lambda request, _: reply(request, refused={"class": "invalid", "code": NASTY, "message": NASTY}),
        None,
    ),
    "nasty-class": (lambda request, _: reply(request, refused={"class": NASTY}), "protocol:reply.class-closed"),
    "nasty-feature": (lambda request, _: reply(request, unsupported={"feature": NASTY}), None),
    "nasty-answer": (lambda request, _: reply(request, ok={"id": "0" * 64, NASTY: NASTY}), None),
    "nasty-id": (lambda request, _: reply(request, ok={"id": NASTY}), "protocol:bytes.canonical"),
    "nasty-line": (lambda _request, _line: NASTY.encode() + b"\n", "protocol:frame.line"),
    "nasty-member": (lambda request, _: raw(request, json.dumps(NASTY).encode() + b":1"), "protocol:reply.one-answer"),
    "nasty-log": (nasty_log, "dead:exit-3"),
    "nasty-bytes": (lambda request, _: raw(request, b'"ok":{"id":"\x1b[31m"}'), "protocol:frame.line"),
    "surrogate": (lambda request, _: raw(request, b'"ok":{"id":"\\ud800"}'), "protocol:json.plain"),
    "drip": (drip, "hung:partial"),
    "fork-bomb": (fork_bomb, None),
    "leaves-home": (leaves_home, "dead:exit-5"),
}
_FROM_THE_FIRST: Final = ("after-bye", "features", "gaps", "hello", "claims")


def main(name: str) -> None:
    harm = HARMS[name][0]
    spoiled_from = 1 if name.endswith(_FROM_THE_FIRST) else SPOILED_FROM
    honest.HELLO |= {"profiles": ["grit"]}
    least = {"object_bytes": MIB, "tree_depth": 1024, "cas_names": 64, "refs": 10_000}
    honest.HELLO |= {"limits": least | honest.HELLO["limits"]}
    for number, line in enumerate(sys.stdin.buffer, 1):
        request = json.loads(line)
        answer = reply(request, **honest.answer(request["op"], request["args"]))
        put(harm(request, answer) if number >= spoiled_from else answer)
        if request["op"] == "bye":
            return


if __name__ == "__main__":
    main(sys.argv[1])
