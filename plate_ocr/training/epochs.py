"""The epochs of any training run: what is fitted, and what is written down after each of them."""

from __future__ import annotations

import importlib.util
import math
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import keras
import numpy as np

from plate_ocr.training.feed import Feed
from plate_ocr.training.run_config import ConfigError, RunConfig
from plate_ocr.training.run_folder import HISTORY, LAST, RunError, append_row, save_atomically, save_state

START, END = 1 / 25, 0.01
"""The learning rate before the warm-up and after the last epoch, as shares of the highest."""

_Sample = TypeVar("_Sample")


def make_optimizer(config: RunConfig) -> keras.optimizers.Optimizer:
    """AdamW with a warm-up, a cosine's fall, and gradients clipped by their global norm."""
    schedule = keras.optimizers.schedules.CosineDecay(
        config.learning_rate * START,
        config.epochs * config.steps,
        alpha=END,
        warmup_target=config.learning_rate,
        warmup_steps=config.warmup,
    )
    # A recurrent network's gradients explode now and then; clipping by global norm keeps their direction.
    clip = config.clip_norm or None
    return keras.optimizers.AdamW(schedule, weight_decay=config.weight_decay, global_clipnorm=clip)


def choose_dev(config: RunConfig, dev: Sequence[_Sample]) -> list[_Sample]:
    """At most `dev_limit` of the dev samples, always the same ones, in their order."""
    if len(dev) <= config.dev_limit:
        return list(dev)
    # The second number keeps this choice apart from others of the same seed.
    chosen = np.random.default_rng([config.seed, 8]).choice(len(dev), config.dev_limit, replace=False)
    return [dev[i] for i in sorted(chosen)]


class StayFinite(keras.callbacks.Callback):  # type: ignore[misc]
    """Stops a run whose loss or weights are no numbers any more, before they are saved over good ones.

    To come before the callback that saves. Raises RunError with the place in the run.
    """

    def __init__(self, run: Path) -> None:
        super().__init__()
        self._run, self._epoch = run, 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        loss = float((logs or {})["loss"])
        if not math.isfinite(loss):
            self._stop(f"the loss became {loss} in epoch {self._epoch + 1}, batch {batch + 1}")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        # The last batch's own step shows in no loss of this epoch.
        if not all(np.isfinite(weights).all() for weights in self.model.get_weights()):
            self._stop(f"some weights are no numbers any more at the end of epoch {epoch + 1}")

    def _stop(self, what: str) -> None:
        kept = f"the weights of epoch {self._epoch} are kept in {self._run}" if self._epoch else "no epoch was finished"
        raise RunError(
            f"{what}; {kept}. Train again with a lower --learning-rate, or with gradients clipped (--clip-norm)"
        )


def watch(folder: Path | None) -> list[keras.callbacks.Callback]:
    """What writes the run's curves for TensorBoard into a folder; nothing without one. Raises ConfigError where that is
    not possible."""
    if folder is None:
        return []
    if keras.backend.backend() != "tensorflow":
        raise ConfigError(
            f"--tensorboard works on the TensorFlow backend only, and this is {keras.backend.backend()}: set "
            "KERAS_BACKEND=tensorflow, or look at history.csv and history.png in the run's folder"
        )
    if importlib.util.find_spec("tensorboard") is None:
        raise ConfigError("--tensorboard needs a package that is missing; install with: pip install tensorboard")
    return [keras.callbacks.TensorBoard(folder, write_graph=False)]


class EpochRecord(keras.callbacks.Callback):  # type: ignore[misc]
    """After each epoch: a row of the history, the weights, what a resumed run has to know, and a printed line.

    A subclass says how the network is scored, and whether its weights are worth keeping.
    """

    def __init__(self, config: RunConfig, run: Path, weights: str, say: Callable[[str], None]) -> None:
        """`weights` is the name of the file for those that are kept."""
        super().__init__()
        self._config, self._run, self._weights, self._say = config, run, weights, say
        self._started = time.monotonic()

    def score(self) -> dict[str, float]:
        """What the network is worth on dev, by the names of the history's columns."""
        return {}

    def worth_keeping(self, epoch: int, loss: float, scores: dict[str, float]) -> bool:  # noqa: ARG002
        """Whether the weights of this epoch, counted from 0, replace those that are kept."""
        return True

    def state(self) -> dict[str, Any]:
        """What a resumed run has to know besides the number of epochs."""
        return {}

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        self._started = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        seconds = time.monotonic() - self._started
        loss = float((logs or {})["loss"])
        scores = self.score()
        row: dict[str, Any] = {
            "epoch": epoch + 1,
            "loss": round(loss, 5),
            "learning_rate": float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)),
            "seconds": round(seconds, 1),
            "samples_per_second": round(self._config.steps * self._config.batch / seconds, 1),
            **{name: round(value, 5) for name, value in scores.items()},
        }
        append_row(self._run / HISTORY, row)
        if self.worth_keeping(epoch, loss, scores):
            save_atomically(self.model, self._run / self._weights)
        save_atomically(self.model, self._run / LAST)
        save_state(self._run, epoch=epoch + 1, **self.state())
        self._say("  ".join(f"{name} {value}" for name, value in row.items()))


def fit_epochs(
    model: keras.Model,
    feed: Feed,
    config: RunConfig,
    callbacks: Sequence[keras.callbacks.Callback],
    *,
    first_epoch: int,
) -> None:
    """Fit from `first_epoch`, counted from 0, to the run's last one, and close the feed."""
    try:
        model.fit(
            feed,
            epochs=config.last_epoch,
            initial_epoch=first_epoch,
            callbacks=list(callbacks),
            shuffle=False,
            verbose=1 if sys.stderr.isatty() else 0,
        )
    finally:
        feed.close()
