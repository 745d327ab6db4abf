"""To how many requests planted faults are shrunk; slow, so CI runs it by night.

python -m pytest conformance/selftests/running/smallness.py -s
"""

from __future__ import annotations

from pathlib import Path

from selftests.running.test_found import ONE_REQUEST, size


def test_eighteen_of_twenty_faults_that_one_request_shows_are_shrunk_to_one(tmp_path: Path) -> None:
    """Spec: :rule:`suite.found.small`."""
    sizes = {}
    for name in ONE_REQUEST:
        sizes[name] = size(name, tmp_path)
        print(f"{name}: {sizes[name]}", flush=True)
    assert len(sizes) == 20
    assert sum(1 for steps in sizes.values() if steps == 1) >= 18, sizes
