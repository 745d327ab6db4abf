"""The matrix of ``gritstone resume`` with images: every cut is run, and a fault of a runtime is reported."""

from __future__ import annotations

import pytest

from gritstone_conformance.cli import main
from gritstone_conformance.comparing.image_stages import IMAGE_STAGES
from gritstone_conformance.model.formats import FORMATS
from selftests.terminal import REFERENCE, mutant


@pytest.mark.rule("suite.resume.matrix")
def test_every_cut_of_images_is_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["resume", "--iut", REFERENCE, "-k", "image-*"]) == 0
    lines = capsys.readouterr().out.splitlines()
    cuts = sum(len(each.stages(fmt)) + 1 for each in IMAGE_STAGES for fmt in FORMATS.values())
    assert f"{len(IMAGE_STAGES)} journeys, {cuts} cuts, " in lines[-1]
    assert lines[-1].endswith(", 0 differences")


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("image-a-world-is-loaded-with-another-order-of-posts", "image-life"),
        ("image-a-notice-has-no-reply", "image-frames"),
    ],
)
def test_runtime_of_images_that_diverges_is_reported(capsys: pytest.CaptureFixture[str], name: str, where: str) -> None:
    assert main(["resume", "--iut", REFERENCE, "--iut", mutant(name), "-k", where]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith(f"{where}, framed-sha256, ") and "heads/" in line for line in lines), lines
