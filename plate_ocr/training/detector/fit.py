"""The detector's training run: feed, fit, score on dev, keep checkpoints, resume."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from plate_ocr.detection.grid import MAPS, THRESHOLD, first_scale, normalize, read_off, resize
from plate_ocr.detection.quads import as_labelled, merge, overlap
from plate_ocr.model_store import DETECTOR_KERAS, open_detector
from plate_ocr.photos import load
from plate_ocr.training.detector.closer import CornerLoss, build_closer
from plate_ocr.training.detector.config import DetectorConfig
from plate_ocr.training.detector.network import CellLoss, build_detector
from plate_ocr.training.detector.samples import make_batch, start_worker
from plate_ocr.training.detector.scenes import Scene, read_backgrounds, read_scenes
from plate_ocr.training.devices import share_batches
from plate_ocr.training.epochs import EpochRecord, StayFinite, choose_dev, fit_epochs, make_optimizer, watch
from plate_ocr.training.feed import Feed
from plate_ocr.training.run_config import ConfigError
from plate_ocr.training.run_folder import LAST, begin, epochs_done, open_folder

FOUND, ELSEWHERE = 0.5, 0.3
"""A label is found from this IoU on; a find below the other with every label is on none of them."""


class DevRecall(EpochRecord):
    """After each epoch: search the dev photos."""

    def __init__(self, config: DetectorConfig, dev: Sequence[Scene], run: Path, say: Callable[[str], None]) -> None:
        super().__init__(config, run, DETECTOR_KERAS, say)
        photos = [(load(scene.path, grey=True), scene.quads) for scene in choose_dev(config, dev)]
        self._dev = [(resize(photo, first_scale(photo)), first_scale(photo), quads) for photo, quads in photos]

    def score(self) -> dict[str, float]:
        """Share of labelled plates that are found, and finds on no label a photo; nothing without dev photos."""
        if not self._dev:
            return {}
        plates = hits = extra = 0
        for photo, scale, truths in self._dev:
            maps = self.model(normalize(photo[None])[..., None], training=False)
            found = merge(*read_off(level_maps(maps), threshold=THRESHOLD))
            quads = [quad / np.float32(scale) for quad, _ in found]
            ious = [[overlap(as_labelled(quad, truth), truth)[0] for truth in truths] for quad in quads]
            hits += sum(any(row[i] >= FOUND for row in ious) for i in range(len(truths)))
            extra += sum(all(iou < ELSEWHERE for iou in row) for row in ious)
            plates += len(truths)
        return {"dev_recall": hits / max(1, plates), "false_a_photo": extra / len(self._dev)}


def level_maps(outputs: dict[str, Any]) -> list[NDArray[np.float32]]:
    """One photo's maps (h, w, 9), as `detection.grid.read_off` takes them, from the network's outputs in Keras."""
    return [keras.ops.convert_to_numpy(outputs[name])[0] for name in MAPS]


def train_detector(
    config: DetectorConfig,
    run: Path,
    *,
    resume: bool = False,
    workers: int = 1,
    tensorboard: Path | None = None,
    say: Callable[[str], None] = print,
) -> keras.Model:
    """Train a detector into the folder `run` and give the model.

    With `resume`, continue the run of that folder with its own configuration, optimizer state and place in the sample
    order. With `tensorboard`, write curves for TensorBoard into that folder. Raises ConfigError for settings or a
    folder that cannot be used, LabelError for unusable tables, ModelError for weights to start from that are missing
    or damaged, RunError if the run cannot go on.
    """
    config = open_folder(run, config, resume=resume)
    watching = watch(tensorboard)
    share_batches(config.batch, say)
    scenes, backgrounds = read_scenes(config, config.splits), read_backgrounds(config, config.splits)
    # The closer look depends on a first one; it is scored with that, by `evaluate --scenes`.
    dev = read_scenes(config, config.dev_splits) if config.dev_splits and not config.closer else []
    first_epoch = epochs_done(run) if resume else 0
    model = _last_model(run) if first_epoch else _new_model(config)
    begin(run, config)
    say(
        f"{len(scenes)} photos with plates and {len(backgrounds)} without to train on, {len(dev)} to score on, "
        f"backend {keras.backend.backend()}"
    )
    say(f"{model.count_params():,} parameters, epoch {first_epoch + 1} of {config.last_epoch}")
    settings = (config, scenes, backgrounds)
    finish = _as_windows if config.closer else _as_input
    feed = Feed(config.steps, start_worker, settings, make_batch, finish, first_epoch=first_epoch, workers=workers)
    callbacks = [StayFinite(run), DevRecall(config, dev, run, say), *watching]
    fit_epochs(model, feed, config, callbacks, first_epoch=first_epoch)
    return keras.models.load_model(run / DETECTOR_KERAS, compile=False)


def _last_model(run: Path) -> keras.Model:
    return keras.models.load_model(run / LAST, custom_objects={"CellLoss": CellLoss, "CornerLoss": CornerLoss})


def _new_model(config: DetectorConfig) -> keras.Model:
    keras.utils.set_random_seed(config.seed)
    model = build_closer(config.architecture) if config.closer else build_detector(config.architecture)
    if config.start:
        source = keras.models.load_model(open_detector(config.start).file(DETECTOR_KERAS), compile=False)
        if config.closer:
            _take_alike(model, source)
        elif [w.shape for w in source.get_weights()] != [w.shape for w in model.get_weights()]:
            raise ConfigError(
                f"the weights of {config.start} are of another architecture than {config.architecture}; take theirs, "
                "or start from nothing"
            )
        else:
            model.set_weights(source.get_weights())
    losses = {"small": CornerLoss()} if config.closer else {name: CellLoss(name=name) for name in MAPS}
    model.compile(optimizer=make_optimizer(config), loss=losses, jit_compile=False)
    return model


def _take_alike(model: keras.Model, source: keras.Model) -> None:
    """Give each layer the weights of the one of the same name and shapes, where there is one."""
    known = {layer.name: layer.get_weights() for layer in source.layers}
    for layer in model.layers:
        weights = known.get(layer.name, [])
        if [w.shape for w in weights] == [w.shape for w in layer.get_weights()]:
            layer.set_weights(weights)


def _as_input(batch: Any) -> tuple[Any, Any]:
    photos, maps = batch
    return normalize(photos)[..., None], dict(zip(MAPS, maps, strict=True))


def _as_windows(batch: Any) -> tuple[Any, Any]:
    photos, (truths,) = batch
    return normalize(photos)[..., None], {"small": truths}
