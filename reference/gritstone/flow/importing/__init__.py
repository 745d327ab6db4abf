"""Import of programs of the published engine for deterministic programs of models and tools.

``source`` checks a program, ``ways`` finds the ways through it, ``conditions`` and ``references`` write its texts in
the languages of flows, and ``program`` makes the documents. The package of the engine is not needed.

What is converted has the same outcome for the same answers of tools. Where a flow is stricter, it ends with a failure
in a case in which the engine continues without a value.
"""

from __future__ import annotations

from gritstone.flow.importing.program import Imported, NotExpressible, import_program
from gritstone.flow.importing.source import Remark

__all__ = ["Imported", "NotExpressible", "Remark", "import_program"]
