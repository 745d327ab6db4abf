"""Apply a fault of the suite in each of its processes: Python imports this module at its start.

``mutate.py`` puts this folder on ``PYTHONPATH`` and the edits into the environment.
"""

import importlib.util
import os
import sys
from pathlib import Path

if "MUTANT_EDITS" in os.environ:
    _found = importlib.util.spec_from_file_location("mutate", Path(__file__).resolve().parents[1] / "mutate.py")
    assert _found is not None
    assert _found.loader is not None
    _mutate = importlib.util.module_from_spec(_found)
    sys.modules["mutate"] = _mutate  # dataclasses look their module up
    _found.loader.exec_module(_mutate)
    _mutate.install_from_environment()
