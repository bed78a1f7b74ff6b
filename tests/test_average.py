"""The mean of two runs' weights."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from plate_ocr.cli import main
from tests.conftest import ROOT

pytest.importorskip("tensorflow", reason="training needs the train extra")
pytest.importorskip("albumentations", reason="training needs the train extra")

import keras

from plate_ocr.model_store import DETECTOR_KERAS, DETECTOR_ONNX, KERAS, ONNX, file_sha256, open_detector, open_reader
from plate_ocr.recognition.network import OnnxNetwork
from plate_ocr.training.average import average
from plate_ocr.training.config import TrainConfig
from plate_ocr.training.crnn import build_crnn
from plate_ocr.training.detector.export import export_detector
from plate_ocr.training.export import export
from plate_ocr.training.weights import load_reader

pytestmark = pytest.mark.train


def logits(run: Path) -> NDArray[np.float32]:
    crops = np.random.default_rng(0).normal(size=(2, 24, 64, 1)).astype(np.float32)
    return OnnxNetwork(run / ONNX)(crops)


@pytest.fixture(scope="module")
def other(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the same kind with one more character, whose weights are somewhere else."""
    run = tmp_path_factory.mktemp("average") / "other"
    shutil.copytree(tiny_run, run)
    config = TrainConfig.load(run / "config.json", alphabet="Q" + open_reader(tiny_run).alphabet.characters)
    config.save(run / "config.json")
    build_crnn(config.architecture, config.make_alphabet().classes).save(run / KERAS)
    export(run)
    return run


def test_the_mean_lies_between_both_and_keeps_what_only_the_later_one_knows(
    tiny_run: Path, other: Path, tmp_path: Path
) -> None:
    for share in (0.0, 0.25, 1.0):
        assert average(str(tiny_run), other, share, tmp_path / f"{share}") < 1e-4
    np.testing.assert_allclose(logits(tmp_path / "1.0"), logits(other), atol=1e-4)
    same = logits(tmp_path / "0.0")
    known = [0, *range(2, same.shape[-1])]
    np.testing.assert_allclose(same[..., known], logits(tiny_run), atol=1e-4)
    mean, before, after = (
        load_reader(open_reader(run)).get_layer("logits").get_weights()[0]
        for run in (tmp_path / "0.25", tiny_run, other)
    )
    np.testing.assert_allclose(mean[:, known], 0.75 * before + 0.25 * after[:, known], atol=1e-6)
    np.testing.assert_allclose(mean[:, 1], after[:, 1], atol=1e-6)
    about = open_reader(tmp_path / "0.25").about
    assert (about["mean_of"], about["share"]) == ([str(tiny_run), str(other)], 0.25)
    assert f"75% those of {tiny_run} and 25% those of {other}" in (tmp_path / "0.25" / "card.md").read_text()


def test_a_mean_of_detectors_is_a_detector_that_is_found_by_its_folder(tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(ROOT / "models" / "detector", run)
    (run / "config.json").write_text("{}")
    other = keras.models.load_model(run / DETECTOR_KERAS, compile=False)
    other.set_weights([weights * 1.1 for weights in other.get_weights()])
    other.save(run / DETECTOR_KERAS)
    export_detector(run)
    command = ["average", "detector", str(run), "--share", "0.3", "--output", str(tmp_path / "mean")]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    assert "70% detector, 30%" in result.output
    before, mean = (
        keras.models.load_model(open_detector(name).file(DETECTOR_KERAS), compile=False).get_weights()
        for name in ("detector", tmp_path / "mean")
    )
    for mine, shipped in zip(mean, before, strict=True):
        np.testing.assert_allclose(mine, 1.03 * shipped, rtol=1e-5)
    assert open_detector(tmp_path / "mean").file(DETECTOR_ONNX).is_file()


def test_what_cannot_be_averaged_is_told(tiny_run: Path, other: Path, tmp_path: Path) -> None:
    def say(*arguments: object) -> str:
        result = CliRunner().invoke(main, ["average", *map(str, arguments)])
        assert result.exit_code == 1, result.output
        assert len(result.output.splitlines()) == 1
        return result.output

    out = ["--output", tmp_path / "mean"]
    assert "another architecture" in say("reader", tiny_run, *out)
    assert "exists; name a new folder" in say(tiny_run, other, "--output", tmp_path)
    assert "share is between 0 and 1, not 1.5" in say(tiny_run, other, "--share", "1.5", *out)
    assert "nowhere" in say("nowhere", tiny_run, *out)
    assert "not a run's folder" in say(tiny_run, tmp_path, *out)
    assert not (tmp_path / "mean").exists()


def test_a_damaged_run_is_told(tiny_run: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(tiny_run, run)
    (run / KERAS).write_bytes(b"no model")
    files = open_reader(run)
    dataclasses.replace(files, sha256={**files.sha256, KERAS: file_sha256(run / KERAS)}).save()
    result = CliRunner().invoke(main, ["average", str(tiny_run), str(run), "--output", str(tmp_path / "mean")])
    assert result.exit_code == 1
    assert "not a model that Keras can load" in result.output
