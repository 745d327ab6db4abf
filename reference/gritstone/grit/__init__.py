"""Profile ``grit``: objects, formats, stores, references, bundles.

This package exports what most callers need. The durable store is ``gritstone.grit.lmdb_store``. This package does not
import it, so a program that keeps everything in memory does not need LMDB.
"""

from __future__ import annotations

from gritstone.grit.export import export_bundle
from gritstone.grit.formats import CBOR_BLAKE3, FORMATS, FRAMED_SHA256, Format
from gritstone.grit.importing import Imported, import_bundle
from gritstone.grit.limits import DEFAULT_LIMITS, Limits
from gritstone.grit.memory import MemoryEngine
from gritstone.grit.objects import (
    Blob,
    Kind,
    Mailbox,
    Message,
    Object,
    ObjectId,
    Step,
    Tree,
)
from gritstone.grit.references import Change
from gritstone.grit.snapshot import Snapshot
from gritstone.grit.store import Store
from gritstone.grit.transcode import transcode

__all__ = [
    "CBOR_BLAKE3",
    "DEFAULT_LIMITS",
    "FORMATS",
    "FRAMED_SHA256",
    "Blob",
    "Change",
    "Format",
    "Imported",
    "Kind",
    "Limits",
    "Mailbox",
    "MemoryEngine",
    "Message",
    "Object",
    "ObjectId",
    "Snapshot",
    "Step",
    "Store",
    "Tree",
    "export_bundle",
    "import_bundle",
    "transcode",
]
