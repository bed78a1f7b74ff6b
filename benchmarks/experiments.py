"""One change at a time, all on the same budget: which of them makes the reader better.

python benchmarks/experiments.py ../shared/plates --output runs/experiments --steps 1500

Each experiment starts from the shipped weights where its network allows (and from nothing where it says so), trains for
the same number of batches, and is scored on dev and far with one look and without formats, so that nothing but the
network counts. Results go into a CSV as they come; what is in it already is not run again.
"""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from plate_ocr.evaluation.evaluate import group_by_split, read_crops
from plate_ocr.evaluation.metrics import macro
from plate_ocr.labels import read_labels
from plate_ocr.recognition.decoder import DecoderSettings
from plate_ocr.recognition.recognizer import Recognizer
from plate_ocr.training.config import Architecture, TrainConfig
from plate_ocr.training.export import export
from plate_ocr.training.fit import train

SHIPPED = Architecture(residual=(0, 0, 1, 0, 1, 0))
FRESH = {"start": "", "learning_rate": 2e-3}


def architecture(**changes: Any) -> dict[str, Any]:
    """The settings of another network, which has to start from nothing."""
    return FRESH | {"architecture": dataclasses.replace(SHIPPED, **changes)}


EXPERIMENTS: dict[str, dict[str, Any]] = {
    "as shipped": {},
    "no permuted characters": {"permute": 0.0},
    "every real crop permuted": {"permute": 1.0},
    "no backgrounds": {"backgrounds": ()},
    "doubted labels kept": {"distrust": 0.0},
    "real crops only": {"synthetic": 0.0},
    "drawn plates only": {"synthetic": 1.0, "permute": 0.0, "distrust": 0.0, "labels": (), "teacher": ""},
    "80 % drawn": {"synthetic": 0.8},
    "from nothing": FRESH,
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
def main(plates: Path, output: Path, steps: int, only: str, seed: int) -> None:
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
        epochs=1,
        steps=steps,
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
    for number, (name, changes) in enumerate(EXPERIMENTS.items(), start=1):
        if name in known or only not in name:
            continue
        run = output / f"{number:02d}"
        click.echo(f"{name} -> {run}")
        train(dataclasses.replace(base, **changes), run)
        export(run)
        known[name] = {"experiment": name, "steps": str(steps), **score(run, labels)}
        with results.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, ["experiment", "steps", "dev", "far"])
            writer.writeheader()
            writer.writerows(known.values())
    table = Table("experiment", "batches of 64", "dev", "far")
    for row in known.values():
        table.add_row(row["experiment"], row["steps"], row["dev"], row["far"])
    Console().print(table)


if __name__ == "__main__":
    main()
