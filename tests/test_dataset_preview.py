"""The sheet that shows what a training would see."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from plate_ocr.cli import main
from tests.conftest import SAMPLE, write_labels

pytest.importorskip("tensorflow", reason="training needs the train extra")
pytest.importorskip("albumentations", reason="training needs the train extra")


pytestmark = pytest.mark.train


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["dataset", *map(str, arguments)])


def test_the_preview_shows_what_training_would_see(tmp_path: Path) -> None:
    shutil.copytree(SAMPLE / "crops", tmp_path, dirs_exist_ok=True)
    table = tmp_path / "labels.csv"
    for name, more in (("a", ()), ("b", ()), ("c", ("--seed", "2")), ("d", ("--synthetic", "0.5", "--regions", "kr"))):
        result = run("preview", table, "-o", tmp_path / f"{name}.png", "-n", "3", *more)
        assert result.exit_code == 0, result.output
    a, b, c, d = (cv2.imread(str(tmp_path / f"{name}.png")) for name in "abcd")
    assert np.array_equal(a, b), "the same seed, the same sheet"
    assert not np.array_equal(a, c)
    half = 34 + 3 * 92
    assert np.array_equal(a[:half], d[:half]), "drawn plates change the batch below alone"
    assert not np.array_equal(a[half + 34 :], d[half + 34 :])
    bad = run("preview", write_labels(tmp_path, [("gone.jpg", "12가3456", "", "")]), "-o", tmp_path / "e.png")
    assert bad.exit_code == 1
    assert "gone.jpg" in bad.output
