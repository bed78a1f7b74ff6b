"""Training a character language model on plate texts (Char-RNN, after Karpathy, "The Unreasonable Effectiveness of
Recurrent Neural Networks", 2015): at each place the next character is to be foretold."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from plate_ocr.model_store import LANGUAGE_KERAS, LANGUAGE_ONNX, LanguageFiles, ModelError, file_sha256, open_session
from plate_ocr.training.config import CELLS
from plate_ocr.training.crnn import recurrent
from plate_ocr.training.epochs import StayFinite
from plate_ocr.training.export import TOLERANCE, write_onnx
from plate_ocr.training.run_config import ConfigError
from plate_ocr.training.run_folder import HISTORY, append_row, save_atomically, writing

IGNORED = -1
"""The target after a text's end."""


@dataclass(frozen=True)
class LanguageConfig:
    """`cell` is one of `config.CELLS`. A tenth of the texts (`dev_fraction`) is held out to measure with."""

    cell: str = "lstm"
    units: int = 96
    embedding: int = 24
    epochs: int = 20
    batch: int = 128
    learning_rate: float = 3e-3
    clip_norm: float = 1.0
    dev_fraction: float = 0.1
    seed: int = 1

    def __post_init__(self) -> None:
        if self.cell not in CELLS:
            raise ConfigError(f"cell is one of {', '.join(CELLS)}, not {self.cell!r}")
        if min(self.units, self.embedding, self.epochs, self.batch) < 1 or self.learning_rate <= 0:
            raise ConfigError("units, embedding, epochs, batch and learning_rate must be positive")
        if self.clip_norm < 0:
            raise ConfigError(f"clip_norm must be positive, or 0 for gradients as they are, not {self.clip_norm}")


def shifted(texts: Sequence[str], characters: str, longest: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Inputs and targets (N, longest + 1): class 0 and then the text; the text and then class 0, IGNORED after it."""
    given = np.zeros((len(texts), longest + 1), np.int32)
    wanted = np.full((len(texts), longest + 1), IGNORED, np.int32)
    for i, text in enumerate(texts):
        classes = [characters.index(c) + 1 for c in text]
        given[i, 1 : len(classes) + 1] = classes
        wanted[i, : len(classes)] = classes
        wanted[i, len(classes)] = 0
    return given, wanted


def build_language(config: LanguageConfig, classes: int, longest: int) -> keras.Model:
    """Input `classes` (N, longest + 1) int32; output logits (N, longest + 1, classes) of what comes next."""
    given = keras.Input((longest + 1,), dtype="int32", name="classes")
    x = keras.layers.Embedding(classes, config.embedding, name="embedding")(given)
    x = recurrent(config.cell, config.units, config.cell.replace("-", "_"))(x)
    return keras.Model(given, keras.layers.Dense(classes, name="logits")(x), name="language")


def train_language(
    texts: Sequence[str], run: Path, config: LanguageConfig | None = None, *, say: Callable[[str], None] = print
) -> float:
    """Train on `texts` into the folder `run` and give the perplexity a character of those held out.

    Raises ConfigError for fewer than ten different texts, or a folder that holds a model already; RunError if the
    training cannot go on.
    """
    config = config or LanguageConfig()
    different = sorted({text for text in texts if text})
    if len(different) < 10:
        raise ConfigError(f"{len(different)} different texts are too few to learn from; give some hundred")
    if (run / LANGUAGE_KERAS).exists():
        raise ConfigError(f"{run} already holds a model; choose another folder")
    characters = "".join(sorted(set("".join(different))))
    longest = max(map(len, different))
    rng = np.random.default_rng(config.seed)
    order = rng.permutation(len(different))
    held = max(1, round(config.dev_fraction * len(different)))
    dev, train = ([different[i] for i in part] for part in (order[:held], order[held:]))
    with writing(run):
        run.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(config.seed)
    model = build_language(config, len(characters) + 1, longest)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=IGNORED)
    optimizer = keras.optimizers.Adam(config.learning_rate, global_clipnorm=config.clip_norm or None)
    model.compile(optimizer=optimizer, loss=loss, jit_compile=False)
    say(f"{len(train)} texts to train on, {len(dev)} held out, {len(characters)} characters, at most {longest} long")

    class Keep(keras.callbacks.Callback):  # type: ignore[misc]
        """After each epoch: the history, and the weights if they are the best yet."""

        best = float("inf")

        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            found = {key: round(float(value), 5) for key, value in (logs or {}).items()}
            append_row(run / HISTORY, {"epoch": epoch + 1, **found})
            if found["val_loss"] < self.best:
                self.best = found["val_loss"]
                save_atomically(model, run / LANGUAGE_KERAS)
            say(f"epoch {epoch + 1}  loss {found['loss']:.4f}  held out {found['val_loss']:.4f}")

    keep = Keep()
    model.fit(
        *shifted(train, characters, longest),
        validation_data=shifted(dev, characters, longest),
        epochs=config.epochs,
        batch_size=config.batch,
        callbacks=[StayFinite(run), keep],
        verbose=1 if sys.stderr.isatty() else 0,
    )
    _export(run, characters, longest)
    return float(np.exp(keep.best))


def _export(run: Path, characters: str, longest: int) -> None:
    model = keras.models.load_model(run / LANGUAGE_KERAS, compile=False)
    probe = np.random.default_rng(0).integers(0, len(characters) + 1, (3, longest + 1)).astype(np.int32)
    expected = np.asarray(model.predict_on_batch(probe))
    write_onnx(model, run / LANGUAGE_ONNX, keras.InputSpec(shape=(None, longest + 1), dtype="int32", name="classes"))
    session = open_session(run / LANGUAGE_ONNX, threads=1)
    difference = float(np.abs(session.run(None, {session.get_inputs()[0].name: probe})[0] - expected).max())
    if not difference <= TOLERANCE:
        raise ModelError(f"{run / LANGUAGE_ONNX} differs from Keras by {difference:.2e}; at most {TOLERANCE} passes")
    LanguageFiles(
        run,
        {name: file_sha256(run / name) for name in (LANGUAGE_KERAS, LANGUAGE_ONNX)},
        {"parameters": int(model.count_params()), "trained": time.strftime("%Y-%m-%d"), "keras": keras.version()},
        characters=characters,
        longest=longest,
    ).save()
