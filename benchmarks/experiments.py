"""One change at a time, all on the same budget: which of them makes the reader better.

python benchmarks/experiments.py ../shared/plates --output runs/experiments --steps 1500

Each experiment starts from the shipped weights where its network allows (and from nothing where it says so), trains for
the same number of batches, and is scored on dev and far with one look and without formats, so that nothing but the
network counts. Results go into a CSV as they come; what is in it already is not run again.
"""

from __future__ import annotations

import csv
import dataclasses
import re
import time
from pathlib import Path
from typing import Any
from unittest import mock

import click
import keras
import matplotlib.pyplot as plt
from rich.console import Console
from rich.table import Table

from plate_ocr.evaluation.evaluate import group_by_split, read_crops
from plate_ocr.evaluation.metrics import macro
from plate_ocr.labels import read_labels
from plate_ocr.model_store import KERAS, ReaderFiles, file_sha256, open_reader
from plate_ocr.recognition.decoder import DecoderSettings
from plate_ocr.recognition.recognizer import Recognizer
from plate_ocr.training.config import Architecture, TrainConfig
from plate_ocr.training.crnn import build_crnn
from plate_ocr.training.export import export
from plate_ocr.training.fit import train
from plate_ocr.training.loss import CtcLoss
from plate_ocr.training.run_folder import HISTORY
from plate_ocr.training.weights import load_reader

COLUMNS = ("experiment", "steps", "parameters", "minutes", "dev", "far")
SHIPPED = Architecture(residual=(0, 0, 1, 1, 1, 1))
FRESH = {"start": "", "learning_rate": 2e-3}
EACH = 20
"""Batches of an epoch: each is a point of the loss's curve."""

ON_ITS_CONVOLUTIONS = "on the shipped convolutions: "
"""Experiments with another recurrent part, and a new last layer; the convolutions are the shipped ones and stay."""


def architecture(**changes: Any) -> dict[str, Any]:
    """The settings of another network, which has to start from nothing."""
    return FRESH | {"architecture": dataclasses.replace(SHIPPED, **changes)}


def recurrent(**changes: Any) -> dict[str, Any]:
    """The settings of another recurrent part on the shipped convolutions, without the teacher, whose reading of all
    crops would take longer than so short a training."""
    plain = {"teacher": "", "permute": 0.0, "distrust": 0.0}
    return plain | {"architecture": dataclasses.replace(SHIPPED, **changes), "freeze": 6, "learning_rate": 2e-3}


def real() -> dict[str, Any]:
    """The settings of the shipped recurrent part anew, which learns from real crops alone."""
    return recurrent() | {"synthetic": 0.0}


def drawn() -> dict[str, Any]:
    """The settings of the shipped recurrent part anew, which learns from drawn plates alone."""
    return recurrent() | {"synthetic": 1.0, "labels": ()}


@keras.saving.register_keras_serializable(package="experiments")
class FocalCtcLoss(CtcLoss):
    """What is read for certain already counts for less (Feng et al., "Focal CTC loss", 2019; exponent 2)."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each row (N,)."""
        loss = super().call(y_true, y_pred)
        return loss * (1 - keras.ops.exp(-loss)) ** 2


@keras.saving.register_keras_serializable(package="experiments")
class CharacterCtcLoss(CtcLoss):
    """A long text counts no more than a short one: the loss of a character, of eight."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each row (N,)."""
        length = keras.ops.sum(keras.ops.cast(y_true != 0, y_pred.dtype), axis=1)
        return 8 * super().call(y_true, y_pred) / keras.ops.maximum(length, 1)


LOSSES = {
    ON_ITS_CONVOLUTIONS + "BiLSTM 96, focal loss": FocalCtcLoss,
    ON_ITS_CONVOLUTIONS + "BiLSTM 96, loss of a character": CharacterCtcLoss,
}
"""Experiments that weigh the loss otherwise."""

EXPERIMENTS: dict[str, dict[str, Any]] = {
    ON_ITS_CONVOLUTIONS + "BiLSTM 96": recurrent(),
    ON_ITS_CONVOLUTIONS + "LSTM 96, one way": recurrent(bidirectional=False),
    ON_ITS_CONVOLUTIONS + "BiGRU 96": recurrent(cell="gru"),
    ON_ITS_CONVOLUTIONS + "BiRNN 96": recurrent(cell="simple-rnn"),
    ON_ITS_CONVOLUTIONS + "BiRNN 96, gradients not clipped": recurrent(cell="simple-rnn") | {"clip_norm": 0.0},
    ON_ITS_CONVOLUTIONS + "BiLSTM 48": recurrent(lstm_units=(48,)),
    ON_ITS_CONVOLUTIONS + "BiLSTM 96, gradients not clipped": recurrent() | {"clip_norm": 0.0},
    ON_ITS_CONVOLUTIONS + "BiLSTM 96, attention": recurrent(head="attention"),
    ON_ITS_CONVOLUTIONS + "two BiLSTM 96": recurrent(lstm_units=(96, 96)),
    ON_ITS_CONVOLUTIONS + "BiLSTM 192": recurrent(lstm_units=(192,)),
    **{name: recurrent() for name in LOSSES},
    ON_ITS_CONVOLUTIONS + "one row of features": recurrent(strides=((2, 2), (2, 2), (1, 1), (2, 1), (1, 1), (6, 1))),
    ON_ITS_CONVOLUTIONS + "three rows of features": recurrent(strides=((2, 2), (2, 2), (1, 1), (2, 1), (1, 1), (2, 1))),
    ON_ITS_CONVOLUTIONS + "input 48 x 128": recurrent(width=128),
    ON_ITS_CONVOLUTIONS + "input 48 x 192": recurrent(width=192),
    ON_ITS_CONVOLUTIONS + "input 48 x 224": recurrent(width=224),
    ON_ITS_CONVOLUTIONS + "drawn plates alone": drawn(),
    ON_ITS_CONVOLUTIONS + "drawn plates alone, half as bad a camera": drawn() | {"strength": 0.5},
    ON_ITS_CONVOLUTIONS + "drawn plates alone, no camera": drawn() | {"strength": 0.0},
    ON_ITS_CONVOLUTIONS + "real crops alone": real(),
    ON_ITS_CONVOLUTIONS + "real crops alone, a third permuted": real() | {"permute": 0.35, "teacher": "reader"},
    ON_ITS_CONVOLUTIONS + "real crops alone, all permuted": real() | {"permute": 1.0, "teacher": "reader"},
    "as shipped": {},
    "no permuted characters": {"permute": 0.0},
    "every real crop permuted": {"permute": 1.0},
    "no backgrounds": {"backgrounds": ()},
    "doubted labels kept": {"distrust": 0.0},
    "real crops only": {"synthetic": 0.0},
    "drawn plates only": {"synthetic": 1.0, "permute": 0.0, "distrust": 0.0, "labels": (), "teacher": ""},
    "80 % drawn": {"synthetic": 0.8},
    "from nothing, as shipped": FRESH,
    "from nothing, no permuted characters": FRESH | {"permute": 0.0},
    "from nothing, without residual convolutions": architecture(residual=()),
    "from nothing, real crops only": FRESH | {"synthetic": 0.0},
    "from nothing, drawn plates only": FRESH
    | {"synthetic": 1.0, "permute": 0.0, "distrust": 0.0, "labels": (), "teacher": ""},
    "from nothing, input 64 x 160": architecture(height=64, strides=((2, 2), (2, 2), (1, 1), (2, 1), (1, 1), (4, 1))),
    "from nothing, input 48 x 192": architecture(width=192),
    "from nothing, one row of features": architecture(strides=((2, 2), (2, 2), (1, 1), (2, 1), (1, 1), (6, 1))),
    "from nothing, three rows of features": architecture(strides=((2, 2), (2, 2), (1, 1), (2, 1), (1, 1), (2, 1))),
    "from nothing, half the channels": architecture(channels=(8, 16, 28, 40, 40, 48)),
    "from nothing, GRU": architecture(cell="gru"),
    "from nothing, simple RNN": architecture(cell="simple-rnn"),
    "from nothing, BiLSTM 48": architecture(lstm_units=(48,)),
    "from nothing, two BiLSTM layers": architecture(lstm_units=(96, 96)),
}


def start_on_convolutions(architecture: Architecture, folder: Path) -> Path:
    """A reader in `folder` that has the shipped reader's convolutions and has learned nothing else."""
    files = open_reader()
    # A head with attention is new in any case; a run takes what comes before it from a reader with CTC.
    model = build_crnn(dataclasses.replace(architecture, head="ctc"), files.alphabet.classes)
    source = load_reader(files)
    for layer in model.layers:
        if layer.name.startswith(("conv", "norm")):
            layer.set_weights(source.get_layer(layer.name).get_weights())
    folder.mkdir(parents=True, exist_ok=True)
    model.save(folder / KERAS)
    sums = {KERAS: file_sha256(folder / KERAS)}
    ReaderFiles(folder, sums, alphabet=files.alphabet, size=files.size).save()
    return folder


def draw(runs: dict[str, Path], picture: Path) -> None:
    """The loss over the batches of each run: what gates do, and clipping."""
    figure, axes = plt.subplots(figsize=(8, 5))
    for name, run in runs.items():
        with (run / HISTORY).open(encoding="utf-8", newline="") as stream:
            losses = [float(row["loss"]) for row in csv.DictReader(stream)]
        axes.plot([EACH * (i + 1) for i in range(len(losses))], losses, label=name.removeprefix(ON_ITS_CONVOLUTIONS))
    axes.set(yscale="log", xlabel="batches of 64", ylabel=f"loss, mean of {EACH} batches")
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    figure.tight_layout()
    figure.savefig(picture, dpi=110)


def score(run: Path, labels: Path) -> dict[str, str]:
    """Macro plate accuracy in percent by split."""
    reader = Recognizer(run, decoding=DecoderSettings(formats="off", width=1), looks=False)
    rows = [row for row in read_labels(labels, ["dev", "far"]) if row.text]
    scored = group_by_split(list(read_crops(reader, rows)))
    return {e.split: f"{100 * macro(list(e.by_source.values()))[0]:.2f}" for e in scored}


@click.command()
@click.argument("plates", type=click.Path(path_type=Path, exists=True))
@click.option("--output", "-o", required=True, type=click.Path(path_type=Path), help="Folder for runs and results.csv.")
@click.option("--steps", default=1500, show_default=True, help="Batches of each experiment.")
@click.option("--only", default="", help="Run only experiments whose name holds this.")
@click.option("--seed", default=11, show_default=True)
@click.option("--curves", type=click.Path(path_type=Path), help="Draw the losses of these experiments into a picture.")
def main(plates: Path, output: Path, steps: int, only: str, seed: int, curves: Path | None) -> None:
    """Run what has no result yet, and print the table."""
    labels = plates / "crops" / "labels.csv"
    base = TrainConfig(
        labels=(str(labels),),
        splits=("train",),
        synthetic=0.6,
        regions=(
            ("kr", 8.0),
            ("cn", 2.0),
            ("us", 2.0),
            ("world", 2.0),
            ("eu", 2.0),
            ("br", 1.0),
            ("tn", 1.0),
            ("uz", 1.0),
        ),
        fonts=(str(plates / "fonts"),),
        glyphs=(str(plates / "glyphs"),),
        backgrounds=(str(plates / "scenes" / "plate_free.csv"),),
        start="reader",
        teacher="reader",
        permute=0.35,
        distrust=0.8,
        epochs=max(1, steps // EACH),
        steps=EACH,
        learning_rate=1e-3,
        keep="last",
        seed=seed,
        architecture=SHIPPED,
    )
    output.mkdir(parents=True, exist_ok=True)
    results = output / "results.csv"
    known: dict[str, dict[str, str]] = {}
    if results.is_file():
        with results.open(encoding="utf-8") as stream:
            known = {row["experiment"]: row for row in csv.DictReader(stream)}
    chosen = {name: changes for name, changes in EXPERIMENTS.items() if only in name}
    runs = {name: output / re.sub(r"\W+", "-", name) for name in chosen}
    for name, changes in chosen.items():
        if name in known:
            continue
        run = runs[name]
        click.echo(f"{name} -> {run}")
        config = dataclasses.replace(base, **changes)
        if name.startswith(ON_ITS_CONVOLUTIONS):
            start = start_on_convolutions(config.architecture, run.with_name(run.name + "-start"))
            config = dataclasses.replace(config, start=str(start))
        keras.utils.set_random_seed(seed)
        before = time.monotonic()
        # A run has no setting for its loss: none of these has earned one.
        with mock.patch("plate_ocr.training.fit.CtcLoss", LOSSES.get(name, CtcLoss)):
            trained = train(config, run, workers=2)
        minutes = (time.monotonic() - before) / 60
        export(run)
        about = {"parameters": f"{trained.count_params():,}", "minutes": f"{minutes:.1f}"}
        known[name] = {"experiment": name, "steps": str(config.epochs * config.steps), **about, **score(run, labels)}
        with results.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, COLUMNS)
            writer.writeheader()
            writer.writerows(known.values())
    table = Table(*COLUMNS)
    for row in known.values():
        table.add_row(*(row[name] for name in COLUMNS))
    Console().print(table)
    if curves:
        draw(runs, curves)


if __name__ == "__main__":
    main()
