"""The number of requests to which planted faults are shrunk; slow, so CI runs it at night.

python -m pytest conformance/selftests/running/smallness.py -s
"""

from __future__ import annotations

from pathlib import Path

from selftests.running.test_found import ONE_REQUEST, size


def test_most_single_request_faults_shrink_to_one_request(tmp_path: Path) -> None:
    """Spec: :rule:`suite.found.small`."""
    sizes = {}
    for name in ONE_REQUEST:
        sizes[name] = size(name, tmp_path)
        print(f"{name}: {sizes[name]}", flush=True)
    assert len(sizes) == 20
    assert sum(1 for steps in sizes.values() if steps == 1) >= 18, sizes
