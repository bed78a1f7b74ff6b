"""The detector's training run: feed, fit, score on dev, keep checkpoints, resume."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from plate_ocr.detection.grid import MAPS, first_scale, normalize, read_off, resize
from plate_ocr.detection.quads import merge, overlap
from plate_ocr.model_store import DETECTOR_KERAS, open_detector
from plate_ocr.photos import load
from plate_ocr.training.detector.config import DetectorConfig
from plate_ocr.training.detector.network import CellLoss, build_detector
from plate_ocr.training.detector.samples import Scene, make_batch, read_backgrounds, read_scenes, start_worker
from plate_ocr.training.feed import Feed
from plate_ocr.training.run_folder import (
    CONFIG,
    HISTORY,
    LAST,
    append_row,
    check_folder,
    load_state,
    make_optimizer,
    save_atomically,
    save_state,
    trim_history,
)


class DevRecall(keras.callbacks.Callback):  # type: ignore[misc]
    """After each epoch: search the dev photos, write the history, keep the weights."""

    def __init__(self, config: DetectorConfig, dev: Sequence[Scene], run: Path, say: Callable[[str], None]) -> None:
        super().__init__()
        self._config, self._run, self._say = config, run, say
        if len(dev) > config.dev_limit:
            chosen = np.random.default_rng([config.seed, 8]).choice(len(dev), config.dev_limit, replace=False)
            dev = [dev[i] for i in sorted(chosen)]
        photos = [(load(scene.path, grey=True), scene.quads) for scene in dev]
        self._dev = [(resize(photo, first_scale(photo)), first_scale(photo), quads) for photo, quads in photos]
        self._started = time.monotonic()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        self._started = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        seconds = time.monotonic() - self._started
        row: dict[str, Any] = {
            "epoch": epoch + 1,
            "loss": round(float((logs or {})["loss"]), 5),
            "learning_rate": float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)),
            "seconds": round(seconds, 1),
            "samples_per_second": round(self._config.steps * self._config.batch / seconds, 1),
        }
        if self._dev:
            row["dev_recall"], row["false_a_photo"] = self._search_dev()
        append_row(self._run / HISTORY, row)
        self.model.save(self._run / DETECTOR_KERAS, include_optimizer=False)
        save_atomically(self.model, self._run / LAST)
        save_state(self._run, epoch=epoch + 1)
        self._say("  ".join(f"{name} {value}" for name, value in row.items()))

    def _search_dev(self) -> tuple[float, float]:
        """Share of labelled plates found at IoU 0.5, and finds on no label a photo."""
        plates = hits = extra = 0
        for photo, scale, truths in self._dev:
            maps = self.model(normalize(photo[None])[..., None], training=False)
            found = merge(*read_off(level_maps(maps), threshold=0.35))
            quads = [quad / np.float32(scale) for quad, _ in found]
            hits += sum(any(overlap(quad, truth)[0] >= 0.5 for quad in quads) for truth in truths)
            extra += sum(all(overlap(quad, truth)[0] < 0.3 for truth in truths) for quad in quads)
            plates += len(truths)
        return round(hits / max(1, plates), 4), round(extra / max(1, len(self._dev)), 4)


def level_maps(outputs: dict[str, Any]) -> list[NDArray[np.float32]]:
    """One photo's maps (h, w, 9), as `detection.grid.read_off` takes them, from the network's outputs in Keras."""
    return [keras.ops.convert_to_numpy(outputs[name])[0] for name in MAPS]


def train_detector(
    config: DetectorConfig, run: Path, *, resume: bool = False, workers: int = 1, say: Callable[[str], None] = print
) -> keras.Model:
    """Train a detector into the folder `run` and give the model.

    With `resume`, continue the run of that folder with its own configuration, optimizer state and place in the sample
    order. Raises ConfigError for a folder that cannot be used, LabelError for unusable tables.
    """
    check_folder(run, resume=resume)
    if resume:
        config = DetectorConfig.load(run / CONFIG)
    scenes, backgrounds = read_scenes(config, config.splits), read_backgrounds(config, config.splits)
    dev = read_scenes(config, config.dev_splits) if config.dev_splits else []
    run.mkdir(parents=True, exist_ok=True)
    config.save(run / CONFIG)
    say(
        f"{len(scenes)} photos with plates and {len(backgrounds)} without to train on, {len(dev)} to score on, "
        f"backend {keras.backend.backend()}"
    )
    first_epoch = 0
    if resume:
        model = keras.models.load_model(run / LAST, custom_objects={"CellLoss": CellLoss})
        first_epoch = int(load_state(run)["epoch"])
        trim_history(run / HISTORY, first_epoch)
    else:
        keras.utils.set_random_seed(config.seed)
        model = build_detector(config.architecture)
        if config.start:
            source = keras.models.load_model(open_detector(config.start).file(DETECTOR_KERAS), compile=False)
            model.set_weights(source.get_weights())
        loss = {"small": CellLoss(name="small"), "large": CellLoss(name="large")}
        model.compile(optimizer=make_optimizer(config), loss=loss, jit_compile=False)
    say(f"{model.count_params():,} parameters, epoch {first_epoch + 1} of {config.until or config.epochs}")
    settings = (config, scenes, backgrounds)
    feed = Feed(config.steps, start_worker, settings, make_batch, _as_input, first_epoch=first_epoch, workers=workers)
    scores = DevRecall(config, dev, run, say)
    try:
        model.fit(
            feed,
            epochs=config.until or config.epochs,
            initial_epoch=first_epoch,
            callbacks=[scores],
            shuffle=False,
            verbose=1 if sys.stderr.isatty() else 0,
        )
    finally:
        feed.close()
    return keras.models.load_model(run / DETECTOR_KERAS, compile=False)


def _as_input(batch: Any) -> tuple[Any, Any]:
    photos, (small, large) = batch
    return normalize(photos)[..., None], {"small": small, "large": large}
