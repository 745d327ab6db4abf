"""A proxy in front of a real adapter that corrupts replies in one way.

    python liar.py NAME -- COMMAND...

It forwards requests and replies line by line, in order, with exactly one fault. ``LIARS`` lists the liars, and for each
its function, the rule that it violates (or None) and the cause that the suite must report. The adapter runs in the same
process group and ends with the proxy.

Most liars are honest until the third request, so that hello and one exchange work.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import Final

from selftests.fakes import lies
from selftests.fakes.lies import SPOILED_FROM, Lie, Wire, edited, forever, in_hello, put, spelled


@dataclass(frozen=True, slots=True)
class Liar:
    """One liar.

    Attributes:
        lie: replies to one request.
        rule: the rule that it violates, or None.
        cause: the cause that the suite must report; None if only the active case of the rule can detect it.
        spoils: the index of the first request that gets a lie; earlier requests get honest replies.
    """

    lie: Lie
    rule: str | None = None
    cause: str | None = None
    spoils: int = SPOILED_FROM


def wire_fault(lie: Lie, rule: str, spoils: int = SPOILED_FROM) -> Liar:
    return Liar(lie, rule, "protocol:" + rule.removeprefix("harness."), spoils)


HONEST: Final = spelled(lambda line: line)
BANNER: Final = b"Acme adapter 1.0 ready\n"

LIARS: Final[dict[str, Liar]] = {
    "banner": wire_fault(HONEST, "harness.frame.stdout-clean"),
    "bom": wire_fault(spelled(lambda line: b"\xef\xbb\xbf" + line), "harness.frame.line"),
    "crlf": wire_fault(spelled(lambda line: line[:-1] + b"\r\n"), "harness.frame.line"),
    "lf-in-json": wire_fault(spelled(lambda line: line.replace(b":", b":\n", 1)), "harness.frame.line"),
    "blank-line": wire_fault(spelled(lambda line: b"\n" + line), "harness.frame.line"),
    "no-flush": wire_fault(lies.no_flush, "harness.frame.flush", spoils=0),
    "huge-line": wire_fault(lies.huge_line, "harness.frame.limit"),
    "dup-member": wire_fault(spelled(lambda line: b'{"seq":1,' + line[1:]), "harness.json.plain"),
    "float": wire_fault(spelled(lambda line: line[:-2] + b',"x":{"ms":1.5}}\n'), "harness.json.plain"),
    "stale-seq": wire_fault(lies.stale_seq, "harness.reply.order"),
    "swap": wire_fault(lies.swap, "harness.reply.order"),
    "double": wire_fault(spelled(lambda line: line + line), "harness.reply.one"),
    "unasked": wire_fault(lies.unasked, "harness.reply.one"),
    "swallow": wire_fault(lies.swallow, "harness.reply.one"),
    "class-bad": wire_fault(edited(lies.bad_class), "harness.reply.class-closed"),
    "two-answers": wire_fault(edited(lies.two_answers), "harness.reply.one-answer"),
    "pads": wire_fault(edited(lies.pads), "harness.bytes.canonical"),
    "closes-stdin": Liar(lies.closes_stdin, None, "hung:blocked"),
    "grandchild": Liar(lies.grandchild, None, "dead:exit-7"),
    "exits-0": Liar(lies.exits_0, None, "dead:exit-0"),
    "segv-in-reject": Liar(lies.segv_in_reject, None, "dead:signal-SEGV"),
    "spins": Liar(lies.spins, None, "hung:spinning"),
    "blocks": Liar(lies.blocks, None, "hung:blocked"),
    "half-line": Liar(lies.half_line, None, "hung:partial"),
    "ignores-term": Liar(lies.ignores_term, "harness.process.ends", "hung:blocked", spoils=0),
    "exits-3-at-bye": Liar(lies.exits_3_at_bye, "harness.process.ends", "dead:exit-3", spoils=0),
    "lingers": Liar(lies.lingers, "harness.process.ends", "hung:blocked", spoils=0),
    "other-hello": wire_fault(in_hello(lies.another_version), "harness.hello.stable", spoils=0),
    "wit-alone": wire_fault(in_hello(lies.wit_alone), "harness.hello.closed", spoils=0),
    "low-limits": wire_fault(in_hello(lies.low_limits), "harness.hello.limits", spoils=0),
    "modest": Liar(in_hello(lies.modest), "harness.hello.limits", spoils=0),
    "claims-then-unsupported": wire_fault(edited(lies.honest_only_in_hello), "harness.hello.honest", spoils=0),
    "dies-on-unknown": Liar(lies.dies_on_unknown, "harness.reply.total", spoils=0),
    "mixes": Liar(edited(lies.mixes), "harness.reply.fault-is-error", spoils=0),
    "hello-once": Liar(lies.hello_again_is_an_error, "harness.hello.any-time", spoils=0),
    "hello-clears": Liar(lies.hello_clears, "harness.hello.any-time", spoils=0),
    "leaks-state": Liar(lies.leaks_state, "harness.state.isolated", spoils=0),
    "forgets": Liar(lies.forgets, "harness.store.reopen", spoils=0),
    "litters": Liar(lies.litters, "harness.store.dir-only", spoils=0),
    "overtakes": Liar(lies.overtakes, "harness.state.sequential", spoils=0),
}
"""Every liar by name."""


def serve(name: str, command: list[str]) -> int:
    """Run the liar ``name`` in front of ``command`` until bye or the end of input; returns the exit code."""
    liar = LIARS[name]
    wire = Wire(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
    if name == "banner":
        put(BANNER)
    while (request := wire.read()) is not None:
        lie = liar.lie if wire.asked > liar.spoils else HONEST
        put(lie(wire, request))
        wire.last_seq = request["seq"]
        if request["op"] == "bye" and request.get("args") == {}:
            break
    put(wire.held)
    if name == "ignores-term":
        forever()
    assert wire.adapter.stdin is not None
    wire.adapter.stdin.close()
    return wire.adapter.wait()


def main(words: list[str]) -> int:
    """Run from the command line."""
    if len(words) < 3 or words[1] != "--" or words[0] not in LIARS:
        print(f"usage: liar.py NAME -- COMMAND...\nnames: {' '.join(sorted(LIARS))}", file=sys.stderr)
        return 2
    return serve(words[0], words[2:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
