"""A small network that tells regions apart by the looks of their plates: what it is, its run, its files."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from plate_ocr.labels import Label, LabelError
from plate_ocr.model_store import REGIONS_KERAS, REGIONS_ONNX, ModelError, RegionsFiles, file_sha256
from plate_ocr.photos import load
from plate_ocr.recognition.network import OnnxNetwork
from plate_ocr.recognition.preprocess import fit
from plate_ocr.recognition.region_classifier import looks_of
from plate_ocr.synthesis.region import NOWHERE, load_regions
from plate_ocr.training.config import TrainConfig
from plate_ocr.training.epochs import EpochRecord, StayFinite, choose_dev, fit_epochs, make_optimizer, watch
from plate_ocr.training.export import TOLERANCE, write_onnx
from plate_ocr.training.feed import Feed
from plate_ocr.training.rows import split_labels
from plate_ocr.training.run_config import ConfigError
from plate_ocr.training.run_folder import CONFIG, LAST, begin, epochs_done, open_folder
from plate_ocr.training.samples import Samples

CHANNELS = (16, 32, 48, 64, 96)

Batch = tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.int32]]
"""Grey crops (N, H, W), their widths by their heights (N,), and the class of each one's region (N,)."""


def build_classifier(size: tuple[int, int], classes: int) -> keras.Model:
    """Input `looks` (N, height, width, 2) float32, see `looks_of`; output `region` (N, classes) float32 logits."""
    x = given = keras.Input((*size, 2), name="looks")
    for i, channels in enumerate(CHANNELS, start=1):
        x = keras.layers.Conv2D(channels, 3, strides=2, padding="same", use_bias=False, name=f"conv{i}")(x)
        x = keras.layers.BatchNormalization(momentum=0.98, name=f"norm{i}")(x)
        x = keras.layers.ReLU(name=f"relu{i}")(x)
    # The mean tells of colours and borders, the maximum of a single mark such as a strip or a seal.
    x = keras.layers.Concatenate(name="pooled")(
        [keras.layers.GlobalAveragePooling2D(name="mean")(x), keras.layers.GlobalMaxPooling2D(name="max")(x)]
    )
    x = keras.layers.Dropout(0.2, name="dropout")(x)
    return keras.Model(given, keras.layers.Dense(classes, name="region")(x), name="regions")


def codes_of(config: TrainConfig) -> tuple[str, ...]:
    """The classes of a run: the codes of the regions that it draws, less the one of no country. Raises ConfigError if
    there are not two to tell apart."""
    regions = load_regions([name for name, _ in config.regions])
    codes = tuple(sorted({region.code for region in regions} - {NOWHERE}))
    if len(codes) < 2:
        raise ConfigError(
            f"regions to tell apart are needed, at least two; --regions gives {', '.join(codes) or 'none'}"
        )
    return codes


class _Score(EpochRecord):
    """After each epoch: name the regions of the dev crops."""

    def __init__(self, config: TrainConfig, dev: Sequence[Label], run: Path, say: Callable[[str], None]) -> None:
        super().__init__(config, run, REGIONS_KERAS, say)
        codes = codes_of(config)
        chosen = choose_dev(config, [label for label in dev if label.region in codes])
        self._truth = np.array([codes.index(label.region) for label in chosen])
        crops = [load(label.path) for label in chosen]
        size = (config.architecture.height, config.architecture.width)
        self._looks = looks_of(
            np.stack([fit(crop, size) for crop in crops]) if crops else np.zeros((0, *size), np.uint8),
            np.array([crop.shape[1] / crop.shape[0] for crop in crops], np.float32),
        )

    def score(self) -> dict[str, float]:
        """Share of dev crops whose region is the likeliest; nothing without dev crops."""
        if not len(self._truth):
            return {}
        logits = self.model.predict(self._looks, batch_size=128, verbose=0)
        return {"dev_regions_right": float((logits.argmax(axis=1) == self._truth).mean())}


class _RegionSamples:
    """Batches of the reader's samples, by their region."""

    def __init__(self, config: TrainConfig, labels: Sequence[Label]) -> None:
        self._samples = Samples(config, labels)
        self._classes = {code: i for i, code in enumerate(codes_of(config))}

    def batch(self, epoch: int, index: int) -> Batch:
        samples = [s for s in self._samples.samples(epoch, index) if s.region in self._classes]
        return (
            np.stack([s.crop for s in samples]),
            np.array([s.aspect for s in samples], np.float32),
            np.array([self._classes[s.region] for s in samples], np.int32),
        )


_samples: _RegionSamples | None = None


def _start_worker(config: TrainConfig, labels: Sequence[Label]) -> None:
    global _samples
    _samples = _RegionSamples(config, labels)


def _make_batch(epoch: int, index: int) -> Batch:
    assert _samples is not None
    return _samples.batch(epoch, index)


def _as_input(batch: Batch) -> tuple[Any, Any]:
    crops, aspects, classes = batch
    return looks_of(crops, aspects), classes


def train_regions(
    config: TrainConfig,
    run: Path,
    *,
    resume: bool = False,
    workers: int = 1,
    tensorboard: Path | None = None,
    say: Callable[[str], None] = print,
) -> keras.Model:
    """Train a region classifier into the folder `run` and give it.

    With `resume`, continue the run of that folder with its own configuration. With `tensorboard`, write curves for
    TensorBoard into that folder. Raises ConfigError for settings or a folder that cannot be used, LabelError for
    unusable labels, RunError if the run cannot go on.
    """
    config = open_folder(run, config, resume=resume)
    watching = watch(tensorboard)
    codes = codes_of(config)
    labels, dev = split_labels(config)
    labels = [label for label in labels if label.region in codes]
    if config.labels and not labels:
        raise LabelError(f"no row to train on has one of the regions {', '.join(codes)} in its column region")
    first_epoch = epochs_done(run) if resume else 0
    model = keras.models.load_model(run / LAST) if first_epoch else _new_model(config, len(codes))
    begin(run, config)
    say(
        f"{len(labels)} crops to train on, {len(codes)} regions, {model.count_params():,} parameters, "
        f"epoch {first_epoch + 1} of {config.last_epoch}"
    )
    feed = Feed(
        config.steps, _start_worker, (config, labels), _make_batch, _as_input, first_epoch=first_epoch, workers=workers
    )
    callbacks = [StayFinite(run), _Score(config, dev, run, say), *watching]
    fit_epochs(model, feed, config, callbacks, first_epoch=first_epoch)
    return model


def _new_model(config: TrainConfig, classes: int) -> keras.Model:
    keras.utils.set_random_seed(config.seed)
    model = build_classifier((config.architecture.height, config.architecture.width), classes)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=make_optimizer(config), loss=loss, jit_compile=False)
    return model


def export_regions(run: Path) -> float:
    """Write regions.onnx and regions.json into a run's folder, and give the largest difference of its logits to
    Keras's. Raises ModelError if the run holds no weights, or the difference exceeds TOLERANCE."""
    if not (run / REGIONS_KERAS).is_file():
        raise ModelError(f"{run} holds no {REGIONS_KERAS}; train it first")
    config = TrainConfig.load(run / CONFIG)
    size = (config.architecture.height, config.architecture.width)
    model = keras.models.load_model(run / REGIONS_KERAS, compile=False)
    probe = np.random.default_rng(0).normal(size=(8, *size, 2)).astype(np.float32)
    expected = np.asarray(model.predict_on_batch(probe))
    write_onnx(model, run / REGIONS_ONNX, keras.InputSpec(shape=(None, *size, 2), dtype="float32", name="looks"))
    # Loaded without its optimizer, whose moments are twice the weights and of no use to a reader.
    model.save(run / REGIONS_KERAS)
    difference = float(np.abs(OnnxNetwork(run / REGIONS_ONNX)(probe) - expected).max())
    if not difference <= TOLERANCE:
        raise ModelError(f"{run / REGIONS_ONNX} differs from Keras by {difference:.2e}; at most {TOLERANCE} passes")
    RegionsFiles(
        run,
        {name: file_sha256(run / name) for name in (REGIONS_KERAS, REGIONS_ONNX)},
        {
            "parameters": int(model.count_params()),
            "exported": time.strftime("%Y-%m-%d"),
            "keras": keras.version(),
        },
        codes=codes_of(config),
        size=size,
    ).save()
    return difference
