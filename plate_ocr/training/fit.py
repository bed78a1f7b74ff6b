"""The training run: feed, fit, score on dev, keep checkpoints, resume."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from plate_ocr.evaluation.metrics import Score, score
from plate_ocr.labels import Label
from plate_ocr.model_store import KERAS, open_reader
from plate_ocr.photos import load
from plate_ocr.recognition.alphabet import LONGEST
from plate_ocr.recognition.attention import write_greedily
from plate_ocr.recognition.ctc import greedy
from plate_ocr.recognition.network import KerasAttention
from plate_ocr.recognition.preprocess import normalize, prepare
from plate_ocr.training.attention import build_reader, classes_before
from plate_ocr.training.companion import take_along
from plate_ocr.training.config import TrainConfig
from plate_ocr.training.devices import TOGETHER, filled, loss_of, predict, share_batches
from plate_ocr.training.distillation import DistilledCtcLoss, StartReader
from plate_ocr.training.epochs import EpochRecord, StayFinite, choose_dev, fit_epochs, make_optimizer, watch
from plate_ocr.training.feed import Feed
from plate_ocr.training.loss import CtcLoss, TextLoss
from plate_ocr.training.memory import Memory, recall
from plate_ocr.training.rows import split_labels
from plate_ocr.training.run_config import ConfigError
from plate_ocr.training.run_folder import CONFIG, LAST, begin, epochs_done, load_state, open_folder, writing
from plate_ocr.training.samples import Batch, absent_fonts, make_batch, start_worker
from plate_ocr.training.weights import freeze, layers_of, load_reader, take_weights


class EpochSeed(keras.callbacks.Callback):  # type: ignore[misc]
    """Start dropout of every epoch from a seed of its own: Keras does not save where its generators stand, and a
    resumed run has to drop what an uninterrupted one would."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._seed = seed

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        for layer in layers_of(self.model):
            if hasattr(layer, "seed_generator"):
                layer.seed_generator.state.assign(np.array([self._seed, epoch], dtype=np.uint32))


class DevScore(EpochRecord):
    """After each epoch: read the dev crops, keep the best weights, stop in time."""

    def __init__(self, config: TrainConfig, dev: Sequence[Label], run: Path, say: Callable[[str], None]) -> None:
        super().__init__(config, run, KERAS, say)
        self._alphabet, self._keep, self._patience = config.make_alphabet(), config.keep, config.patience
        self._head = config.architecture.head
        self._dev = choose_dev(config, dev)
        size = (config.architecture.height, config.architecture.width)
        self._crops = prepare([load(label.path) for label in self._dev], size) if self._dev else None
        self._memory = recall(config)
        self._blank = False
        state = load_state(run)
        self.best, self.waited = float(state.get("best", -1.0)), int(state.get("waited", 0))

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        if self._memory is not None and not load_state(self._run):
            before = self._remember(self._memory)
            self._say(
                f"{len(self._memory.texts)} drawn plates of other regions, before: loss {before['others_loss']:.3f}, "
                f"{before['others_plate_accuracy']:.1%} read; what is forgotten shows in others_loss"
            )

    def score(self) -> dict[str, float]:
        """Plate and character accuracy, where there are dev crops, and what is remembered of other regions."""
        scores = {}
        if self._crops is not None:
            result = self._read(self._crops, [label.text for label in self._dev])
            scores = {
                "dev_plate_accuracy": result.plate_accuracy,
                "dev_character_accuracy": result.character_accuracy,
            }
        return scores if self._memory is None else scores | self._remember(self._memory)

    def worth_keeping(self, epoch: int, loss: float, scores: dict[str, float]) -> bool:
        """Whether the dev score is the best yet; without dev crops the loss decides."""
        goodness = scores.get("dev_plate_accuracy", -loss)
        # A fresh run's first epoch counts as an improvement even at nothing read.
        better = goodness > self.best or epoch == 0
        self.best, self.waited = (goodness, 0) if better else (self.best, self.waited + 1)
        # On some hundred dev crops the best of many epochs is partly luck; a decayed schedule's end is not.
        return better or self._keep == "last"

    def state(self) -> dict[str, Any]:
        """The best score, and how many epochs ago it was reached."""
        return {"best": self.best, "waited": self.waited}

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        super().on_epoch_end(epoch, logs)
        if self.waited >= self._patience:
            self._say(f"no better dev score for {self.waited} epochs: stopping early")
            self.model.stop_training = True

    def _remember(self, memory: Memory) -> dict[str, float]:
        loss = loss_of(self.model, *as_input(self._head, memory.batch))
        result = self._read(normalize(memory.batch[0]), memory.texts)
        return {"others_loss": loss, "others_plate_accuracy": result.plate_accuracy}

    def _read(self, crops: NDArray[np.float32], labels: Sequence[str]) -> Score:
        if self._head == "attention":
            network = KerasAttention(self.model)
            parts = (crops[i : i + TOGETHER] for i in range(0, len(crops), TOGETHER))
            written = ((part, write_greedily(network, network.encode(filled(part)), LONGEST)) for part in parts)
            read = [text.classes for part, texts in written for text in texts[: len(part)]]
        else:
            read = [decoded.classes for decoded in greedy(predict(self.model, crops))]
        texts = [self._alphabet.decode(classes) for classes in read]
        if self._head == "ctc" and not self._blank and not any(texts):
            self._blank = True
            self._say("every crop reads as blank; CTC starts so, and leaves it within some 1,000 steps")
        return score(list(zip(labels, texts, strict=True)))


def train(
    config: TrainConfig,
    run: Path,
    *,
    resume: bool = False,
    workers: int = 1,
    tensorboard: Path | None = None,
    say: Callable[[str], None] = print,
) -> keras.Model:
    """Train a reader into the folder `run` and give the best model.

    With `resume`, continue the run of that folder with its own configuration, optimizer state and place in the sample
    order. With `tensorboard`, write curves for TensorBoard into that folder. Raises ConfigError for settings or a
    folder that cannot be used, LabelError for unusable labels, ModelError for weights to start from that are missing
    or damaged, RunError if the run cannot go on.
    """
    config = open_folder(run, config, resume=resume)
    watching = watch(tensorboard)
    share_batches(config.batch, say)
    labels, dev = split_labels(config)
    first_epoch = epochs_done(run) if resume else 0
    start = StartReader(config.start, config.make_alphabet()) if config.distill else None
    model = _last_model(config, run) if first_epoch else new_model(config, start, say)
    begin(run, config)
    if config.companion:
        say(f"{config.start} goes along as companion: it reads {take_along(config.start, run, labels).reads}")
    alphabet = config.make_alphabet()
    with writing(run / "alphabet.txt"):
        (run / "alphabet.txt").write_text(alphabet.characters + "\n", encoding="utf-8")
    say(
        f"{len(labels)} crops to train on, {len(dev)} to score on, {alphabet.classes} classes, "
        f"backend {keras.backend.backend()}"
    )
    if absent := absent_fonts(config):
        say(f"fonts not found, others are drawn in their place: {', '.join(absent)}")
    fixed = sum(layer.count_params() for layer in layers_of(model) if not layer.trainable)
    say(
        f"{model.count_params():,} parameters{f' ({fixed:,} fixed)' if fixed else ''}, "
        f"{config.architecture.steps} time steps, epoch {first_epoch + 1} of {config.last_epoch}"
    )
    finish = start.targets if start else partial(as_input, config.architecture.head)
    settings = (config, labels)
    feed = Feed(config.steps, start_worker, settings, make_batch, finish, first_epoch=first_epoch, workers=workers)
    callbacks = [EpochSeed(config.seed), StayFinite(run), DevScore(config, dev, run, say), *watching]
    fit_epochs(model, feed, config, callbacks, first_epoch=first_epoch)
    return keras.models.load_model(run / KERAS, compile=False)


def _last_model(config: TrainConfig, run: Path) -> keras.Model:
    with _precision(config):
        model = keras.models.load_model(run / LAST)
    if model.output_shape[-1] != config.make_alphabet().classes:
        raise ConfigError(
            f"{run / LAST} has weights for {model.output_shape[-1] - 1} characters, and the alphabet in {run / CONFIG} "
            f"has {config.make_alphabet().classes - 1}; put back the one in {run / 'alphabet.txt'}, or train with "
            f"another alphabet into a new folder (--from {run})"
        )
    return model


def new_model(config: TrainConfig, start: StartReader | None, say: Callable[[str], None]) -> keras.Model:
    """The network of a run before its first step, compiled."""
    keras.utils.set_random_seed(config.seed)
    alphabet = config.make_alphabet()
    with _precision(config):
        model = build_reader(config.architecture, alphabet.classes, LONGEST)
    if config.start:
        files = open_reader(config.start)
        fresh = take_weights(model, load_reader(files), alphabet, files.alphabet)
        say(f"weights from {config.start}; fresh: {', '.join(fresh) or 'none'}")
        freeze(model, config.freeze)
    loss: keras.losses.Loss = TextLoss() if config.architecture.head == "attention" else CtcLoss()
    if start is not None:
        loss = DistilledCtcLoss(config.distill, start.shared)
    model.compile(optimizer=make_optimizer(config), loss=loss, jit_compile=False)
    return model


@contextmanager
def _precision(config: TrainConfig) -> Iterator[None]:
    """Networks made or loaded meanwhile compute as the run is to; Keras saves that of each layer, but not of the whole,
    by which it decides whether the loss is scaled."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16" if config.mixed_precision else before)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def as_input(head: str, batch: Batch) -> tuple[Any, Any]:
    """A batch as a network with this head takes it: its inputs, and the classes."""
    crops, classes = batch
    if head == "attention":
        return {"crop": normalize(crops), "previous": classes_before(classes)}, classes
    return normalize(crops), classes
