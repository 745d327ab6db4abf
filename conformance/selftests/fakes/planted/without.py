"""Planted: the reference without one operation.

python without.py unsupported|error OPERATION
"""

from __future__ import annotations

import sys
from typing import Any

from gritstone.harness import __main__, adapter, arguments, operations

_, how, op = sys.argv
sys.argv[1:] = []
served: Any = operations.OPERATIONS
if how == "unsupported":
    known = {name: form for name, form in arguments.ARGUMENTS.items() if name != op}
    vars(adapter)["ARGUMENTS"] = known
else:
    del served[op]
sys.exit(__main__.main())
