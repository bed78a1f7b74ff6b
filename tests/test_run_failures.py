"""Runs that cannot go on say why, and keep what they have."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from plate_ocr.cli import main

pytest.importorskip("tensorflow", reason="training needs the train extra")
pytest.importorskip("albumentations", reason="training needs the train extra")

from plate_ocr.training import fit
from plate_ocr.training.epochs import watch
from plate_ocr.training.run_config import ConfigError
from plate_ocr.training.run_folder import RunError, append_row, save_atomically, save_state
from tests.test_training import tiny_config

pytestmark = [pytest.mark.train, pytest.mark.usefixtures("eagerly")]

FULL = Path("/dev/full")
"""A file in which nothing finds room."""

full_disk = pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_good_weights(
    tiny_crops: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keras

    whole = fit.make_batch
    run = tmp_path / "run"

    def broken(epoch: int, index: int) -> Any:
        crops, classes = whole(epoch, index)
        second = index == 1 and (run / "history.csv").is_file()
        return (np.full(crops.shape, np.nan, np.float32) if second else crops), classes

    monkeypatch.setattr(fit, "make_batch", broken)
    tiny_config(tiny_crops, dev_splits=()).save(tmp_path / "config.json")
    command = ["train", "--config", str(tmp_path / "config.json"), "-o", str(run), "--workers", "0"]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 1
    assert f"the loss became nan in epoch 2, batch 2; the weights of epoch 1 are kept in {run}" in result.output
    assert "--learning-rate" in result.output
    kept = keras.models.load_model(run / "last.keras").get_weights()
    assert all(np.isfinite(weights).all() for weights in kept)
    assert len((run / "history.csv").read_text().splitlines()) == 2


def test_weights_that_break_in_the_last_step_are_not_saved(
    tiny_crops: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def poison(self: fit.EpochSeed, _epoch: int, _logs: Any = None) -> None:
        head = self.model.get_layer("logits")
        head.set_weights([weights * np.float32("nan") for weights in head.get_weights()])

    # Whatever comes before the check stands for the last step: no loss of the epoch shows what it did.
    monkeypatch.setattr(fit.EpochSeed, "on_epoch_end", poison)
    with pytest.raises(RunError, match="no numbers any more at the end of epoch 1; no epoch was finished"):
        fit.train(tiny_config(tiny_crops, steps=1), tmp_path / "run", workers=0, say=lambda _: None)
    assert not list((tmp_path / "run").glob("*.keras"))


@full_disk
def test_a_full_disk_is_told_and_the_last_checkpoint_stays(tmp_path: Path) -> None:
    import keras

    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    save_atomically(model, tmp_path / "last.keras")
    good = (tmp_path / "last.keras").read_bytes()
    (tmp_path / "part-last.keras").symlink_to(FULL)
    with pytest.raises(RunError, match=r"last\.keras cannot be written: No space left on device"):
        save_atomically(model, tmp_path / "last.keras")
    assert (tmp_path / "last.keras").read_bytes() == good
    assert not (tmp_path / "part-last.keras").is_symlink()
    (tmp_path / "history.csv").symlink_to(FULL)
    with pytest.raises(RunError, match=r"history\.csv cannot be written"):
        append_row(tmp_path / "history.csv", {"epoch": 1})
    save_state(tmp_path, epoch=1)
    (tmp_path / "part-state.json").symlink_to(FULL)
    with pytest.raises(RunError, match=r"state\.json cannot be written"):
        save_state(tmp_path, epoch=2)
    assert "1" in (tmp_path / "state.json").read_text()


def test_a_run_folder_that_cannot_be_made_is_told_before_the_first_epoch(tiny_crops: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    tiny_config(tiny_crops).save(tmp_path / "config.json")
    for run in (tmp_path / "file" / "run", tmp_path / "closed" / "run"):
        (tmp_path / "closed").mkdir(mode=0o500, exist_ok=True)
        if run.parent.is_dir() and os.access(run.parent, os.W_OK):
            continue  # root may write anywhere
        command = ["train", "--config", str(tmp_path / "config.json"), "-o", str(run), "--workers", "0"]
        result = CliRunner().invoke(main, command)
        assert result.exit_code == 1
        assert f"{run} cannot be written" in result.output
        assert "another --output" in result.output
        assert "Traceback" not in result.output


def test_a_run_that_was_stopped_in_its_first_epoch_resumes_from_the_start(
    tiny_crops: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    begin = fit.DevScore.on_epoch_begin
    monkeypatch.setattr(fit.DevScore, "on_epoch_begin", killed)
    config = tiny_config(tiny_crops, epochs=1, steps=1)
    with pytest.raises(KeyboardInterrupt):
        fit.train(config, tmp_path / "run", workers=0, say=lambda _: None)
    monkeypatch.setattr(fit.DevScore, "on_epoch_begin", begin)
    fit.train(config, tmp_path / "run", resume=True, workers=0, say=lambda _: None)
    assert (tmp_path / "run" / "reader.keras").is_file()
    assert len((tmp_path / "run" / "history.csv").read_text().splitlines()) == 2


def test_tensorboard_elsewhere_than_on_tensorflow_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import keras

    assert watch(None) == []
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match="pip install tensorboard"):
        watch(tmp_path)
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ConfigError, match="TensorFlow backend only, and this is jax"):
        watch(tmp_path)


def test_tensorboard_gets_the_curves(tiny_crops: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    config = tiny_config(tiny_crops, epochs=1, steps=1)
    fit.train(config, tmp_path / "run", workers=0, tensorboard=tmp_path / "board", say=lambda _: None)
    events = list((tmp_path / "board" / "train").glob("events.*"))
    assert events
    assert b"epoch_loss" in events[0].read_bytes()


def test_what_a_worker_process_cannot_do_is_told_here(tiny_crops: Path, tmp_path: Path) -> None:
    # Its teacher is missed in the process that makes the batches.
    config = tiny_config(tiny_crops, teacher="nobody", permute=0.3)
    config.save(tmp_path / "config.json")
    command = ["train", "--config", str(tmp_path / "config.json"), "-o", str(tmp_path / "run"), "--workers", "1"]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 1
    assert "no model 'nobody'" in result.output
    assert "Traceback" not in result.output


def _die(*_: int) -> None:
    os._exit(9)


def test_a_worker_process_that_is_killed_is_told() -> None:
    from plate_ocr.training.feed import Feed

    feed = Feed(3, print, (), _die, lambda batch: batch, workers=1)
    with pytest.raises(RunError, match="ended from outside"):
        feed[0]
    feed.close()
