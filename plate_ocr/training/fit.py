"""The training run: feed, fit, score on dev, keep checkpoints, resume."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from plate_ocr.evaluation.metrics import Score, score
from plate_ocr.labels import Label
from plate_ocr.model_store import KERAS, open_reader
from plate_ocr.photos import load
from plate_ocr.recognition.ctc import greedy
from plate_ocr.recognition.preprocess import normalize, prepare
from plate_ocr.training.config import TrainConfig
from plate_ocr.training.crnn import build_crnn, take_weights
from plate_ocr.training.feed import Feed
from plate_ocr.training.loss import CtcLoss
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
from plate_ocr.training.samples import Batch, make_batch, split_labels, start_worker


class EpochSeed(keras.callbacks.Callback):  # type: ignore[misc]
    """Start dropout of every epoch from a seed of its own: Keras does not save where its generators stand, and a
    resumed run has to drop what an uninterrupted one would."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._seed = seed

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        for layer in self.model.layers:
            if hasattr(layer, "seed_generator"):
                layer.seed_generator.state.assign(np.array([self._seed, epoch], dtype=np.uint32))


class DevScore(keras.callbacks.Callback):  # type: ignore[misc]
    """After each epoch: read the dev crops, write the history, keep the best and the last weights, stop in time."""

    def __init__(self, config: TrainConfig, dev: Sequence[Label], run: Path, say: Callable[[str], None]) -> None:
        super().__init__()
        self._config, self._run, self._say = config, run, say
        if len(dev) > config.dev_limit:
            chosen = np.random.default_rng([config.seed, 8]).choice(len(dev), config.dev_limit, replace=False)
            dev = [dev[i] for i in sorted(chosen)]
        self._dev = list(dev)
        size = (config.architecture.height, config.architecture.width)
        self._crops = prepare([load(label.path) for label in self._dev], size) if self._dev else None
        state = load_state(run)
        self.best, self.waited = float(state.get("best", -1.0)), int(state.get("waited", 0))
        self._started = time.monotonic()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        self._started = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        seconds = time.monotonic() - self._started
        loss = float((logs or {})["loss"])
        row: dict[str, Any] = {
            "epoch": epoch + 1,
            "loss": round(loss, 5),
            "learning_rate": float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)),
            "seconds": round(seconds, 1),
            "samples_per_second": round(self._config.steps * self._config.batch / seconds, 1),
        }
        # Without dev crops the loss decides which weights are best.
        goodness = -loss
        if self._crops is not None:
            result = self._read_dev()
            goodness = result.plate_accuracy
            row["dev_plate_accuracy"] = round(result.plate_accuracy, 5)
            row["dev_character_accuracy"] = round(result.character_accuracy, 5)
        append_row(self._run / HISTORY, row)
        # A fresh run's first epoch counts as an improvement even at nothing read.
        if goodness > self.best or epoch == 0:
            self.best, self.waited = goodness, 0
            better = True
        else:
            self.waited += 1
            better = False
        # On some hundred dev crops the best of many epochs is partly luck; a decayed schedule's end is not.
        if better or self._config.keep == "last":
            self.model.save(self._run / KERAS)
        save_atomically(self.model, self._run / LAST)
        save_state(self._run, epoch=epoch + 1, best=self.best, waited=self.waited)
        self._say("  ".join(f"{name} {value}" for name, value in row.items()))
        if self.waited >= self._config.patience:
            self._say(f"no better dev score for {self.waited} epochs: stopping early")
            self.model.stop_training = True

    def _read_dev(self) -> Score:
        alphabet = self._config.make_alphabet()
        logits = self.model.predict(self._crops, batch_size=128, verbose=0)
        texts = [alphabet.decode(decoded.classes) for decoded in greedy(logits)]
        if not any(texts):
            self._say("every dev crop reads as blank; CTC starts so, and leaves it within some 1,000 steps")
        return score([(label.text, text) for label, text in zip(self._dev, texts, strict=True)])


def train(
    config: TrainConfig, run: Path, *, resume: bool = False, workers: int = 1, say: Callable[[str], None] = print
) -> keras.Model:
    """Train a reader into the folder `run` and give the best model.

    With `resume`, continue the run of that folder with its own configuration, optimizer state and place in the sample
    order. Raises ConfigError for a folder that cannot be used, LabelError for unusable labels.
    """
    check_folder(run, resume=resume)
    if resume:
        config = TrainConfig.load(run / CONFIG)
    labels, dev = split_labels(config)
    run.mkdir(parents=True, exist_ok=True)
    config.save(run / CONFIG)
    alphabet = config.make_alphabet()
    (run / "alphabet.txt").write_text(alphabet.characters + "\n", encoding="utf-8")
    say(
        f"{len(labels)} crops to train on, {len(dev)} to score on, {alphabet.classes} classes, "
        f"backend {keras.backend.backend()}"
    )

    first_epoch = 0
    if resume:
        model = keras.models.load_model(run / LAST)
        first_epoch = int(load_state(run)["epoch"])
        trim_history(run / HISTORY, first_epoch)
    else:
        keras.utils.set_random_seed(config.seed)
        model = build_crnn(config.architecture, alphabet.classes)
        if config.start:
            files = open_reader(config.start)
            source = keras.models.load_model(files.file(KERAS), compile=False)
            fresh = take_weights(model, source, alphabet, files.alphabet)
            say(f"weights from {config.start}; fresh: {', '.join(fresh) or 'none'}")
        model.compile(optimizer=make_optimizer(config), loss=CtcLoss(), jit_compile=False)
    say(
        f"{model.count_params():,} parameters, {config.architecture.steps} time steps, "
        f"epoch {first_epoch + 1} of {config.until or config.epochs}"
    )
    feed = Feed(
        config.steps, start_worker, (config, labels), make_batch, _as_input, first_epoch=first_epoch, workers=workers
    )
    scores = DevScore(config, dev, run, say)
    try:
        model.fit(
            feed,
            epochs=config.until or config.epochs,
            initial_epoch=first_epoch,
            callbacks=[EpochSeed(config.seed), scores],
            shuffle=False,
            verbose=1 if sys.stderr.isatty() else 0,
        )
    finally:
        feed.close()
    return keras.models.load_model(run / KERAS, compile=False)


def _as_input(batch: Batch) -> tuple[Any, Any]:
    crops, classes = batch
    return normalize(crops), classes
