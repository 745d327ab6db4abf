"""Print numbers about a refund that has ended, and export the store for an audit."""

import sys
from pathlib import Path

from refund import POLICY, start

from gritstone import grit
from gritstone.flow import Host
from gritstone.flow.metrics import metrics, read_trace
from gritstone.grit.lmdb_store import open_durable

if __name__ == "__main__":
    store = open_durable("refunds", grit.CBOR_BLAKE3)
    with Host(store, policy=POLICY) as host:
        flow = start(host, sys.argv[1], int(sys.argv[2]))  # the same start is the same flow
        usual = ["analyze", "gate", "pay", "paid"]
        for name, value in metrics(read_trace(flow.trace_data()), baselines=[usual]).items():
            print(name, value)
    with store.snapshot() as snapshot:
        Path("refunds.grit").write_bytes(b"".join(grit.export_bundle(snapshot)))
