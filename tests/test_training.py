"""Crops to a model: what a run leaves behind, that it resumes exactly, and what it refuses."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from plate_ocr.cli import main
from plate_ocr.labels import Label, LabelError
from tests.conftest import SAMPLE, write_labels

pytest.importorskip("tensorflow", reason="training needs the train extra")
pytest.importorskip("albumentations", reason="training needs the train extra")

from plate_ocr.training.config import Architecture, ConfigError, TrainConfig
from plate_ocr.training.feed import Feed
from plate_ocr.training.fit import DevScore, train
from plate_ocr.training.rows import split_labels
from plate_ocr.training.samples import Samples, make_batch, start_worker

pytestmark = pytest.mark.train

TINY = Architecture(
    height=24, width=64, channels=(8, 16, 16), strides=((2, 2), (2, 2), (3, 1)), lstm_units=(16,), dropout=0.2
)


def tiny_config(table: Path, **settings: Any) -> TrainConfig:
    """Two steps an epoch of a network of some thousand parameters."""
    plain: dict[str, Any] = {
        "labels": (str(table),),
        "splits": ("train",),
        "dev_splits": ("dev",),
        "alphabet": "0123456789",
        "epochs": 2,
        "steps": 3,
        "batch": 8,
        "warmup": 2,
        "architecture": TINY,
    }
    return TrainConfig(**plain | settings)


def test_a_run_leaves_weights_history_curves_and_configuration(tiny_crops: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    config = tmp_path / "config.json"
    tiny_config(tiny_crops).save(config)
    result = CliRunner().invoke(main, ["train", "--config", str(config), "--output", str(run), "--workers", "0"])
    # The command ends with the exit code of the export, which runs in a process of its own.
    assert result.exit_code == 0, result.output
    for name in ("reader.keras", "reader.onnx", "reader.json", "history.csv", "history.png", "config.json"):
        assert (run / name).stat().st_size > 0, name
    with (run / "history.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert all(float(row["loss"]) > 0 and 0 <= float(row["dev_plate_accuracy"]) <= 1 for row in rows)
    assert TrainConfig.load(run / "config.json") == tiny_config(tiny_crops)
    card = (run / "card.md").read_text(encoding="utf-8")
    assert "3 convolutions, LSTM two ways of 16, CTC; input 24 x 64 grey" in card
    assert "2 epochs, 48 samples" in card
    assert "| XX | 24 | 6 |" in card
    assert "0.0% of plates were read without a fault (95 % interval 0.0% to 39.0%, 6 crops)" in card
    assert "Not calibrated" in card


@pytest.mark.usefixtures("eagerly")
def test_a_resumed_run_ends_as_an_uninterrupted_one(
    tiny_crops: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keras

    config = tiny_config(tiny_crops, epochs=3)
    train(config, tmp_path / "whole", workers=0, say=lambda _: None)

    begin = DevScore.on_epoch_begin

    def killed(self: DevScore, epoch: int, logs: Any = None) -> None:
        if epoch == 1:
            raise KeyboardInterrupt
        begin(self, epoch, logs)

    monkeypatch.setattr(DevScore, "on_epoch_begin", killed)
    config.save(tmp_path / "config.json")
    command = ["train", "--config", str(tmp_path / "config.json"), "-o", str(tmp_path / "broken"), "--workers", "0"]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 1
    assert f"it goes on with: plate-ocr train --output {tmp_path / 'broken'} --resume" in result.output
    monkeypatch.setattr(DevScore, "on_epoch_begin", begin)
    train(config, tmp_path / "broken", resume=True, workers=0, say=lambda _: None)

    whole = keras.models.load_model(tmp_path / "whole" / "last.keras").get_weights()
    resumed = keras.models.load_model(tmp_path / "broken" / "last.keras").get_weights()
    for a, b in zip(whole, resumed, strict=True):
        np.testing.assert_allclose(a, b, atol=2e-5)
    losses = [losses_of(tmp_path / run / "history.csv") for run in ("whole", "broken")]
    assert len(losses[0]) == 3
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)


def losses_of(history: Path) -> list[float]:
    with history.open() as stream:
        return [float(row["loss"]) for row in csv.DictReader(stream)]


@pytest.mark.usefixtures("eagerly")
def test_training_stops_when_nothing_improves(tiny_crops: Path, tmp_path: Path) -> None:
    said: list[str] = []
    config = tiny_config(tiny_crops, epochs=50, patience=2, steps=1, learning_rate=1e-9)
    train(config, tmp_path / "run", workers=0, say=said.append)
    assert any("stopping early" in line for line in said)
    assert len((tmp_path / "run" / "history.csv").read_text().splitlines()) < 50


@pytest.mark.usefixtures("eagerly")
def test_a_run_can_end_before_its_schedule_does(tiny_crops: Path, tmp_path: Path) -> None:
    config = tiny_config(tiny_crops, epochs=9, until=1)
    train(config, tmp_path / "run", workers=0, say=lambda _: None)
    assert len(losses_of(tmp_path / "run" / "history.csv")) == 1
    with pytest.raises(ConfigError, match="until"):
        tiny_config(tiny_crops, epochs=2, until=3)


def test_workers_make_the_same_batches(tiny_crops: Path) -> None:
    config = tiny_config(tiny_crops)
    labels, _ = split_labels(config)
    made: list[list[Any]] = []
    for workers in (0, 1):
        feed = Feed(config.steps, start_worker, (config, labels), make_batch, lambda batch: batch, workers=workers)
        made.append([])
        for _ in range(config.epochs):
            made[-1] += [feed[index] for index in range(len(feed))]
            feed.on_epoch_end()
        feed.close()
    for here, there in zip(*made, strict=True):
        for mine, theirs in zip(here, there, strict=True):
            np.testing.assert_array_equal(mine, theirs)
    assert (made[0][0][0] != made[0][config.steps][0]).any(), "the second epoch has other samples"


def test_an_existing_run_is_not_overwritten(tiny_run: Path, tiny_crops: Path) -> None:
    with pytest.raises(ConfigError, match="--resume"):
        train(tiny_config(tiny_crops), tiny_run, workers=0)


def test_there_is_nothing_to_resume_in_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing to resume"):
        train(TrainConfig(synthetic=1), tmp_path, resume=True)


@pytest.mark.parametrize(
    ("text", "says"),
    [("12Ж4", "'Ж'"), ("", "empty label"), ("1" * 17, "too long"), ("1212121212121212", None)],
)
def test_labels_that_cannot_be_trained_on_are_named(tmp_path: Path, text: str, says: str | None) -> None:
    (tmp_path / "a.png").touch()
    table = write_labels(tmp_path, [("a.png", "12", "", "train"), ("a.png", text, "", "train")])
    config = tiny_config(table, dev_splits=())
    if says is None:
        split_labels(config)
        return
    with pytest.raises(LabelError, match=says) as caught:
        split_labels(config)
    assert "labels.csv:3" in str(caught.value)


def test_a_label_too_long_for_the_time_steps_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    # Eight equal digits need 15 steps, a blank between each two; this network has 8.
    table = write_labels(tmp_path, [("a.png", "11111111", "", "train")])
    short = Architecture(height=24, width=32, channels=(8,), strides=((24, 4),), lstm_units=(8,))
    with pytest.raises(LabelError, match="too long"):
        split_labels(tiny_config(table, dev_splits=(), architecture=short))
    # Attention needs no step of its own for a character, nor blanks.
    split_labels(tiny_config(table, dev_splits=(), architecture=dataclasses.replace(short, head="attention")))


def test_bad_tables_end_the_command_with_a_message_and_no_traceback(tmp_path: Path) -> None:
    missing = write_labels(tmp_path, [("none.png", "12", "", "train")])
    headless = tmp_path / "headless.csv"
    headless.write_text("a.png,12\n")
    run = str(tmp_path / "run")
    for arguments, says in (
        ([str(missing)], "missing"),
        ([str(headless)], "header"),
        ([str(tmp_path / "no.csv")], "no such file"),
        ([str(missing), "--split", "nope"], "nope"),
        ([], "synthetic"),
        ([str(missing), "--synthetic", "7"], "share from 0 to 1"),
    ):
        result = CliRunner().invoke(main, ["train", *arguments, "--output", run])
        assert result.exit_code == 1, arguments
        assert says in result.output
        assert "Traceback" not in result.output
        assert isinstance(result.exception, SystemExit)


@pytest.mark.parametrize("seed", range(5))
def test_held_out_plates_are_in_one_half_only(tiny_crops: Path, seed: int) -> None:
    config = tiny_config(tiny_crops, splits=(), dev_splits=(), dev_fraction=0.3, seed=seed)
    labels, dev = split_labels(config)
    assert len(labels) + len(dev) == 30
    assert dev
    assert not {label.text for label in labels} & {label.text for label in dev}


def test_a_batch_is_fixed_by_its_place_and_the_seed(tiny_crops: Path) -> None:
    config = tiny_config(tiny_crops)
    labels, _ = split_labels(config)
    one, again = Samples(config, labels), Samples(config, labels)
    again.batch(5, 5)
    np.testing.assert_array_equal(one.batch(2, 1)[0], again.batch(2, 1)[0])
    assert not np.array_equal(one.batch(2, 1)[0], one.batch(2, 2)[0])
    assert not np.array_equal(one.batch(2, 1)[0], one.batch(3, 1)[0])


def test_unknown_settings_in_a_configuration_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"synthetic": 1, "leaning_rate": 3}))
    with pytest.raises(ConfigError, match="leaning_rate"):
        TrainConfig.load(path)
    path.write_text("{")
    with pytest.raises(ConfigError, match="not a training configuration"):
        TrainConfig.load(path)


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_the_same_code_trains_on_other_backends(backend: str, tiny_crops: Path, tmp_path: Path) -> None:
    pytest.importorskip(backend, reason=f"{backend} is not installed")
    config = tmp_path / "config.json"
    tiny_config(tiny_crops, epochs=1).save(config)
    code = (
        "from pathlib import Path\nfrom plate_ocr.training.config import TrainConfig\n"
        "from plate_ocr.training.fit import train\n"
        f"train(TrainConfig.load(Path({str(config)!r})), Path({str(tmp_path / 'run')!r}), workers=0)"
    )
    environment = {**os.environ, "KERAS_BACKEND": backend}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"backend {backend}" in done.stdout


def test_several_devices_share_each_batch_and_learn_what_one_does(tiny_crops: Path, tmp_path: Path) -> None:
    """On two of XLA's processors in place of two GPUs."""
    pytest.importorskip("jax", reason="jax is not installed")
    code = (
        "import functools, sys\nfrom pathlib import Path\nfrom plate_ocr.training import devices, fit\n"
        "from plate_ocr.training.config import TrainConfig\n"
        "fit.share_batches = functools.partial(devices.share_batches, kind='cpu')\n"
        "fit.train(TrainConfig.load(Path(sys.argv[1])), Path(sys.argv[2]), workers=0)"
    )

    def trained(devices: int, batch: int) -> subprocess.CompletedProcess[str]:
        config = tmp_path / "config.json"
        # Five crops to score on: these need not be a multiple of the devices.
        tiny_config(tiny_crops, epochs=1, batch=batch, dev_limit=5).save(config)
        flags = {"KERAS_BACKEND": "jax", "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}"}
        command = [sys.executable, "-c", code, str(config), str(tmp_path / f"{devices}-{batch}")]
        return subprocess.run(command, env={**os.environ, **flags}, capture_output=True, text=True, check=False)

    one, two, odd = trained(1, 8), trained(2, 8), trained(2, 7)
    assert one.returncode == 0, one.stderr
    assert two.returncode == 0, two.stderr
    assert "shared by" not in one.stdout
    assert "batches of 8 are shared by 2 GPUs" in two.stdout
    losses = [(tmp_path / name / "history.csv").read_text().splitlines()[1].split(",")[1] for name in ("1-8", "2-8")]
    assert float(losses[0]) == pytest.approx(float(losses[1]), rel=1e-3)
    assert odd.returncode == 1
    assert "take a multiple of 2 (--batch)" in odd.stderr


def test_the_fast_loss_is_keras_own() -> None:
    import keras

    from plate_ocr.training.loss import CtcLoss

    rng = np.random.default_rng(0)
    logits = rng.normal(size=(5, 20, 7)).astype(np.float32)
    labels = np.zeros((5, 8), np.int32)
    for row in labels:
        length = rng.integers(1, 8)
        row[:length] = rng.integers(1, 7, length)
    # What shows no plate has an empty label, which TensorFlow's fast loss refuses by itself.
    labels[2] = 0
    assert float(CtcLoss()(labels, logits)) == pytest.approx(float(keras.losses.CTC()(labels, logits)), rel=1e-5)


def test_a_teacher_finds_characters_and_doubts_wrong_labels() -> None:
    """With the shipped reader, on the repository's own drawn crops."""
    from plate_ocr.labels import read_labels
    from plate_ocr.photos import load
    from plate_ocr.recognition.recognizer import Recognizer
    from plate_ocr.training.teacher import consult
    from tests.conftest import SAMPLE

    labels = read_labels(SAMPLE / "crops" / "labels.csv")
    readings = Recognizer().read([load(label.path) for label in labels])
    sure = [place for place, reading in enumerate(readings) if reading.confidence > 0.8]
    right = [labels[place] for place in sure if readings[place].text == labels[place].text]
    wrong = [Label(label.path, label.text[:-1] + ("7" if label.text[-1] != "7" else "1")) for label in right[:3]]
    lesson = consult("reader", [*right, *wrong], distrust=0.8, permute=True)
    assert lesson.distrusted == set(range(len(right), len(right) + len(wrong)))
    assert set(lesson.slots) <= set(range(len(right)))
    assert len(lesson.slots) >= len(right) // 3
    assert len(lesson.bank) >= 3 * len(lesson.slots)
    assert not lesson.corners


def test_crops_are_seen_as_the_detector_cuts_them_out_where_that_is_the_whole_plate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from plate_ocr.labels import read_labels
    from plate_ocr.training.teacher import consult
    from tests.conftest import SAMPLE

    labels = read_labels(SAMPLE / "crops" / "labels.csv")
    strangers = [Label(label.path, "ABCDEFGHIJ") for label in labels[:10]]
    lesson = consult("reader", [*labels, *strangers], distrust=0.0, straighten=True)
    assert len(labels) // 2 < len(lesson.corners) <= len(labels)
    assert max(lesson.corners) < len(labels), "of another text than the label's, the plate may be a part"
    config = tiny_config(SAMPLE / "crops" / "labels.csv", splits=(), dev_splits=(), alphabet="")
    rows, _ = split_labels(config)
    cut = []
    monkeypatch.setattr("plate_ocr.training.samples.rectify", lambda crop, corners: cut.append(corners) or crop)
    for share, least, most in ((0.0, 0, 0), (1.0, config.batch // 2, config.batch)):
        cut.clear()
        Samples(dataclasses.replace(config, teacher="reader", straighten=share), rows).batch(0, 0)
        assert least <= len(cut) <= most
        assert set(cut) <= set(lesson.corners.values())


def test_permuted_crops_and_photographed_backgrounds_reach_the_batches(tmp_path: Path) -> None:
    (tmp_path / "photos.csv").write_text(
        f"image_path,split\n{SAMPLE / 'scenes' / '00001.jpg'},train\n{tmp_path / 'none.jpg'},dev\n"
    )
    plain = tiny_config(SAMPLE / "crops" / "labels.csv", splits=(), dev_splits=(), alphabet="", synthetic=0.3)
    settings = {"teacher": "reader", "permute": 1.0, "backgrounds": (str(tmp_path / "photos.csv"),)}
    changed = dataclasses.replace(plain, **settings, splits=("train",))
    labels, _ = split_labels(plain)
    texts = {label.text for label in labels}
    known = plain.make_alphabet()

    def drawn(config: TrainConfig) -> set[str]:
        _, classes = Samples(config, labels).batch(0, 0)
        return {known.decode(int(c) for c in row if c) for row in classes}

    assert len(drawn(changed) - texts) > len(drawn(plain) - texts)


def test_pieces_without_a_plate_are_cut_beside_the_plates(tmp_path: Path) -> None:
    from plate_ocr.training.nothing import Nothing

    photo = np.full((200, 300), 10, np.uint8)
    photo[60:120, 100:220] = 255
    cv2.imwrite(str(tmp_path / "a.png"), photo)
    header = "image_path,x1,y1,x2,y2,x3,y3,x4,y4"
    table = tmp_path / "scenes.csv"
    table.write_text(f"{header}\na.png,100,60,220,60,220,120,100,120\n")
    cut = Nothing([str(table)], ())
    pieces = [cut.draw(np.random.default_rng(i)) for i in range(60)]
    assert all(piece.max() < 128 for piece in pieces)
    assert len({piece.shape for piece in pieces}) > 30
    config = tiny_config(SAMPLE / "crops" / "labels.csv", splits=(), dev_splits=(), alphabet="", batch=32)
    config = dataclasses.replace(config, scenes=(str(table),), nothing=0.5)
    _, classes = Samples(config, split_labels(config)[0]).batch(0, 0)
    assert 6 <= (classes.max(axis=1) == 0).sum() <= 26
    with pytest.raises(LabelError, match="give --backgrounds or --scenes"):
        Nothing([], ())


@pytest.mark.parametrize("shape", [(32, 40, 3), (32, 40)])
def test_augmentation_takes_colour_and_grey_and_blows_no_crop_up(shape: tuple[int, ...]) -> None:
    from plate_ocr.training.augmentation import Augment

    augment = Augment()
    augment.seed(1)
    crop = np.zeros(shape, np.uint8)
    changed = [augment(crop) for _ in range(800)]
    assert {other.ndim for other in changed} == {crop.ndim}
    assert max(other.size for other in changed) < 4 * crop.size


def test_settings_without_their_teacher_are_refused() -> None:
    with pytest.raises(ConfigError, match="teacher"):
        TrainConfig(synthetic=1, permute=0.5)
    with pytest.raises(ConfigError, match="permute is a number from 0 to 1"):
        TrainConfig(synthetic=1, permute=2, teacher="reader")
    with pytest.raises(ConfigError, match="residual"):
        Architecture(residual=(1,))
