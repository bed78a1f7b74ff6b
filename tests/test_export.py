"""What a trained reader becomes for others, and which kinds of networks train, export and read."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from plate_ocr.cli import main
from plate_ocr.recognition.recognizer import Recognizer
from tests.conftest import SAMPLE

pytest.importorskip("tensorflow", reason="training needs the train extra")
pytest.importorskip("albumentations", reason="training needs the train extra")

from plate_ocr.training.config import Architecture
from plate_ocr.training.export import TOLERANCE, export
from plate_ocr.training.fit import train
from plate_ocr.training.run_config import ConfigError
from tests.test_training import TINY, tiny_config

pytestmark = pytest.mark.train


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize(
    ("shape", "settings"),
    [
        ({"cell": "gru"}, {}),
        ({"cell": "simple-rnn", "bidirectional": False}, {"clip_norm": 0.0}),
        ({"cell": "lstm", "lstm_units": (8, 12), "bidirectional": False}, {}),
        ({"cell": "gru", "lstm_units": (8, 8)}, {"mixed_precision": True, "epochs": 2, "until": 1}),
    ],
    ids=["gru", "simple-rnn, one way, unclipped", "two layers, one way", "two layers, 16 bits"],
)
def test_other_networks_train_and_read_the_same_from_onnx(
    shape: dict[str, Any], settings: dict[str, Any], tiny_crops: Path, tmp_path: Path
) -> None:
    plain: dict[str, Any] = {"epochs": 1, "steps": 2, "architecture": dataclasses.replace(TINY, **shape)}
    train(tiny_config(tiny_crops, **plain | settings), tmp_path / "run", workers=0, say=lambda _: None)
    if settings.get("until"):
        config = tmp_path / "run" / "config.json"
        config.write_text(config.read_text().replace('"until": 1', '"until": 0'))
        train(tiny_config(tiny_crops), tmp_path / "run", resume=True, workers=0, say=lambda _: None)
        assert len((tmp_path / "run" / "history.csv").read_text().splitlines()) == 3
    assert export(tmp_path / "run") <= TOLERANCE
    result = CliRunner().invoke(main, ["evaluate", str(tiny_crops), "--model", str(tmp_path / "run"), "--keras"])
    assert result.exit_code == 0, result.output
    crop = np.full((32, 96, 3), 200, np.uint8)
    texts = [Recognizer(tmp_path / "run", keras=keras).read([crop])[0].text for keras in (False, True)]
    assert texts[0] == texts[1]


def test_flags_choose_the_network(tiny_crops: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr("plate_ocr.training.fit.train", lambda config, *_, **__: seen.append(config))
    monkeypatch.setattr("plate_ocr.cli.options.finish_run", lambda _: None)
    command = ["train", str(tiny_crops), "-o", str(tmp_path / "run"), "--cell", "gru", "--units", "48,32"]
    result = CliRunner().invoke(main, [*command, "--one-way", "--clip-norm", "0", "--mixed-precision"])
    assert result.exit_code == 0, result.output
    assert seen[0].architecture == Architecture(cell="gru", lstm_units=(48, 32), bidirectional=False)
    assert (seen[0].clip_norm, seen[0].mixed_precision) == (0, True)
    result = CliRunner().invoke(main, [*command, "--units", "many"])
    assert result.exit_code == 2
    assert "'many' is not a number for each layer" in result.output
    with pytest.raises(ConfigError, match="simple-rnn"):
        Architecture(cell="transformer")


def test_litert_computes_the_same(tiny_run: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["export", str(tiny_run), "--format", "litert", "-o", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "largest difference of a logit to Keras" in result.output
    assert (tmp_path / "reader.tflite").read_bytes()[4:8] == b"TFL3"


def test_a_saved_model_computes_the_same_for_any_number_of_crops(tiny_run: Path, tmp_path: Path) -> None:
    import tensorflow as tf

    result = CliRunner().invoke(main, ["export", str(tiny_run), "--format", "savedmodel", "-o", str(tmp_path)])
    assert result.exit_code == 0, result.output
    loaded = tf.saved_model.load(tmp_path / "reader_savedmodel")
    assert loaded.serve(np.zeros((3, 24, 64, 1), np.float32)).shape == (3, 32, 11)


def test_an_export_that_differs_is_an_error(tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from plate_ocr.training import portable

    monkeypatch.setattr(portable, "_saved_model", lambda network, _: lambda crops: network(crops) + 0.01)
    result = CliRunner().invoke(main, ["export", str(tiny_run), "--format", "savedmodel", "-o", str(tmp_path)])
    assert result.exit_code == 1
    assert "differs from Keras by 1.00e-02" in result.output


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["reader", "--format", "litert"], 2, "--output FOLDER"),
        (["nobody", "--format", "litert", "-o", "out"], 1, "no model 'nobody'"),
        ([str(SAMPLE), "-o", "out"], 2, "--output is for litert and savedmodel"),
        ([str(SAMPLE)], 1, "train it first"),
        ([str(SAMPLE), "--format", "int4"], 2, "int4"),
    ],
)
def test_what_cannot_be_exported_is_told(arguments: list[str], code: int, says: str) -> None:
    result = CliRunner().invoke(main, ["export", *arguments])
    assert result.exit_code == code, result.output
    assert says in result.output
    assert "Traceback" not in result.output
