"""Write the bundle of an audit of ``vectors/audit/history.json``: ``forged_bundle.py NAME FILE``."""

import json
import sys
from pathlib import Path

from spelling import from_text

audits = json.loads(Path("vectors/audit/history.json").read_bytes())["audits"]
bundles = {audit["name"]: audit["bundle"] for audit in audits}
Path(sys.argv[2]).write_bytes(from_text(bundles[sys.argv[1]]))
