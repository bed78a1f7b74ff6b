"""Training that stays close to the reader it starts from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from plate_ocr.cli import main
from plate_ocr.photos import load
from tests.conftest import SAMPLE

pytest.importorskip("tensorflow", reason="training needs the train extra")
pytest.importorskip("albumentations", reason="training needs the train extra")

from plate_ocr.labels import read_labels
from plate_ocr.model_store import open_reader
from plate_ocr.recognition.alphabet import LONGEST, Alphabet
from plate_ocr.recognition.preprocess import fit
from plate_ocr.training.config import Architecture, TrainConfig
from plate_ocr.training.run_config import ConfigError
from plate_ocr.training.weights import load_reader
from tests.test_training import tiny_config

pytestmark = pytest.mark.train


def test_what_was_read_right_is_to_be_read_with_the_same_probabilities() -> None:
    import keras

    from plate_ocr.training.distillation import DistilledCtcLoss, StartReader
    from plate_ocr.training.loss import CtcLoss

    known = open_reader("reader").alphabet
    grown = Alphabet("Ä" + known.characters)
    start = StartReader("reader", grown)
    labels = read_labels(SAMPLE / "crops" / "labels.csv")[:8]
    pictures = np.stack([fit(load(label.path), (48, 160)) for label in labels])
    classes = np.zeros((len(labels), LONGEST), np.int32)
    for row, label in zip(classes, labels, strict=True):
        row[: len(label.text)] = grown.encode(label.text)
    classes[0, 0] = 1  # an Ä: nothing that the reader can have read right
    crops, targets = start.targets((pictures, classes))
    right = targets[:, LONGEST]
    assert right[0] == 0
    assert right.sum() >= 5

    logits = load_reader(open_reader("reader")).predict_on_batch(crops)
    same = np.concatenate([logits[..., :1], np.full_like(logits[..., :1], -3), logits[..., 1:]], axis=2)
    loss = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(DistilledCtcLoss(2.0, start.shared, reduction=None))
    )
    plain = CtcLoss(reduction=None)
    # The new character takes nothing away: it is not compared.
    np.testing.assert_allclose(loss(targets, same), plain(classes, same), atol=1e-3)
    np.testing.assert_allclose(loss(classes, same), plain(classes, same), atol=1e-5)
    other = same + np.random.default_rng(0).normal(size=same.shape).astype(np.float32)
    more = np.asarray(loss(targets, other)) - np.asarray(plain(classes, other))
    assert (more[right == 1] > 0.01).all()
    assert (more[right == 0] == 0).all()


@pytest.mark.usefixtures("eagerly")
def test_a_run_that_is_to_stay_close_to_its_start_trains_resumes_and_reads(
    tiny_run: Path, tiny_crops: Path, tmp_path: Path
) -> None:
    import keras

    from plate_ocr.training.distillation import DistilledCtcLoss

    run = tmp_path / "run"
    tiny_config(tiny_crops, start=str(tiny_run), distill=1.0, epochs=2, until=1).save(tmp_path / "config.json")
    command = ["train", "-o", str(run), "--workers", "0"]
    result = CliRunner().invoke(main, [*command, "--config", str(tmp_path / "config.json")])
    assert result.exit_code == 0, result.output
    (run / "config.json").write_text((run / "config.json").read_text().replace('"until": 1', '"until": 0'))
    result = CliRunner().invoke(main, [*command, "--resume"])
    assert result.exit_code == 0, result.output
    assert len((run / "history.csv").read_text().splitlines()) == 3
    last = keras.models.load_model(run / "last.keras")
    assert isinstance(last.loss, DistilledCtcLoss)
    assert last.loss.weight == 1
    assert open_reader(run).file("reader.onnx").is_file()


@pytest.mark.parametrize(
    "wrong", [{"distill": -1.0}, {"distill": 1.0}, {"start": "reader", "architecture": Architecture(head="attention")}]
)
def test_staying_close_needs_a_start_and_ctc(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="needs a reader to start from"):
        TrainConfig(**{"labels": ("x.csv",), "distill": 1.0} | wrong)
