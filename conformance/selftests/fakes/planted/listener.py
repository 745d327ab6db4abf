"""Planted: the honest adapter on a Unix socket (first argument), or one with a fault (second argument).

Faults: ``greets`` writes before the first request; ``crowd`` serves all clients at once; ``once`` serves one client;
``silent-claim`` does not claim ``connect``.
"""

from __future__ import annotations

import json
import socket
import sys
import threading

from selftests.fakes.planted import honest


def serve(client: socket.socket, fault: str) -> None:
    """Serve one client until it sends bye or disconnects."""
    with client, client.makefile("rwb") as stream:
        try:
            if fault == "greets":
                stream.write(b"220 ready\n")
                stream.flush()
            for line in stream:
                request = json.loads(line)
                answer = honest.answer(request["op"], request["args"])
                if request["op"] == "hello" and "ok" in answer and fault != "silent-claim":
                    answer = {"ok": honest.HELLO | {"features": ["connect"]}}
                stream.write(json.dumps({"seq": request["seq"], **answer}).encode() + b"\n")
                stream.flush()
                if request["op"] == "bye" and "ok" in answer:
                    return
        except ConnectionError:
            return


def main(path: str, fault: str) -> None:
    """Accept clients one after the other, for ever."""
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(path)
    server.listen(8)
    print("listening", flush=True)
    while True:
        client, _ = server.accept()
        if fault == "crowd":
            threading.Thread(target=serve, args=(client, fault), daemon=True).start()
        else:
            serve(client, fault)
        if fault == "once":
            threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "")
