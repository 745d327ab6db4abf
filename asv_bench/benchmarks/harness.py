"""Speed of the harness: what a request costs on its way through the suite, to the reference and back.

``Echo`` answers without looking, so that what is left is the suite's own cost and that of the pipe.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from gritstone_conformance.attachment.base64url import encode_bytes
from gritstone_conformance.attachment.launcher import Launcher
from gritstone_conformance.attachment.settings import AttachSettings
from gritstone_conformance.comparing.transcripts import CaseTranscript, entry_of, partings
from gritstone_conformance.replies import Ok

_REFERENCE = (sys.executable, "-m", "gritstone.harness")
_REQUESTS = 512
_HELLO = {
    "protocol": 1,
    "implementation": {"name": "echo", "version": "1", "language": "python"},
    "spec": ["0.6"],
    "formats": ["cbor-blake3"],
    "profiles": [],
    "features": [],
    "limits": {"window": 64, "frame_bytes": 16_777_216},
}
_ECHO = f"""
import json, sys
hello = {_HELLO!r}
for line in sys.stdin.buffer:
    seq = line[7:line.index(b",")]
    ok = json.dumps(hello).encode() if b'"op":"hello"' in line else b"{{}}"
    sys.stdout.buffer.write(b'{{"seq":' + seq + b',"ok":' + ok + b"}}\\n")
    sys.stdout.buffer.flush()
"""


class RoundTrips:
    """512 requests for the id of a blob; the time of one benchmark call is that of all 512."""

    params = ([1, 64], [100, 1_000, 65_536])
    param_names = ("window", "size_bytes")

    def setup(self, window: int, size_bytes: int) -> None:
        self.subject = Launcher.for_command(_REFERENCE, AttachSettings(window=window)).start()
        args = {"format": "cbor-blake3", "bytes": encode_bytes(bytes(size_bytes))}
        count = _REQUESTS if size_bytes < 65_536 else 64
        self.requests = [("grit.id", args)] * count

    def time_ids(self, window: int, size_bytes: int) -> None:
        self.subject.ask_many(self.requests)

    def teardown(self, window: int, size_bytes: int) -> None:
        self.subject.close()


class Echo:
    """Requests that an adapter answers at once."""

    params = ((1, 64),)
    param_names = ("window",)
    unit = "us/request"

    def setup(self, window: int) -> None:
        self.folder = tempfile.TemporaryDirectory()
        script = Path(self.folder.name) / "echo.py"
        script.write_text(_ECHO, encoding="utf-8")
        self.subject = Launcher.for_command([sys.executable, str(script)], AttachSettings(window=window)).start()

    def time_pings(self, window: int) -> None:
        self.subject.ask_many([("ping", {})] * _REQUESTS)

    def track_own_cpu(self, window: int) -> float:
        """Return the suite's own processor time for a request, in microseconds."""
        requests: list[tuple[str, dict[str, object]]] = [("ping", {})] * _REQUESTS
        self.subject.ask_many(requests)
        begun = time.process_time()
        for _ in range(8):
            self.subject.ask_many(requests)
        return (time.process_time() - begun) / (8 * _REQUESTS) * 1e6

    def teardown(self, window: int) -> None:
        self.subject.close()
        self.folder.cleanup()


class Transcripts:
    """The cost of a comparison in addition to the run: storing requests with replies, and comparing two runs."""

    unit = "us/request"

    def setup(self) -> None:
        self.args = {"store": "s", "bytes": encode_bytes(bytes(100))}
        self.reply = Ok({"id": "0123456789abcdef" * 4})
        entries = [entry_of("grit.put", {**self.args, "n": number}, self.reply) for number in range(_REQUESTS)]
        self.one, self.other = (CaseTranscript.of("pass", None, [entries]) for _ in range(2))

    def track_keeping(self) -> float:
        """Return the processor time for one request that is kept, in microseconds."""
        begun = time.process_time()
        for _ in range(8):
            CaseTranscript.of("pass", None, [[entry_of("grit.put", self.args, self.reply) for _ in range(_REQUESTS)]])
        return (time.process_time() - begun) / (8 * _REQUESTS) * 1e6

    def track_comparing(self) -> float:
        """Return the processor time for one pair of equal answers, in microseconds."""
        begun = time.process_time()
        for _ in range(8):
            assert not list(partings("a/b", self.one, self.other))
        return (time.process_time() - begun) / (8 * _REQUESTS) * 1e6
