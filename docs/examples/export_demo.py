"""Make a small store and export it: one blob in a tree, with a reference to it."""

import sys

from gritstone import grit

fmt, limits = grit.FRAMED_SHA256, grit.DEFAULT_LIMITS
store = grit.Store.open(grit.MemoryEngine(), fmt)
blob = store.put(fmt.encode(grit.Blob({"ct": "s"}, b"hello"), limits))
tree = store.put(fmt.encode(grit.Tree({"greeting": blob}), limits))
store.update_references([grit.Change("tags/demo", None, tree)])
with store.snapshot() as snapshot, open(sys.argv[1], "wb") as file:
    file.writelines(grit.export_bundle(snapshot))
