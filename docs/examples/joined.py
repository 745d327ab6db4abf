"""Join the pieces of an export: reads the replies of an adapter, writes the bundle."""

import json
import sys

from spelling import from_text

for line in sys.stdin:
    answer = json.loads(line).get("ok", {})
    if "cursor" in answer:
        sys.stdout.buffer.write(from_text(answer["bytes"]))
