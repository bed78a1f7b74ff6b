"""How many plates can be accepted at a given error, by the labels as they are, and by what the pictures show.

    python benchmarks/accepted.py CROPS/labels.csv --split dev,far

Among the surest readings, most of those that contradict their label are right, and the label is wrong: LABELS names the
rows of dev and far where that was seen by eye, and what is written there. They were found by looking at every crop that
the reader read otherwise than its label. Crops that it read as their label were not looked at.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from plate_ocr.cli import fails_cleanly
from plate_ocr.cli.options import comma_names
from plate_ocr.evaluation.calibration import calibrate
from plate_ocr.evaluation.evaluate import Read, read_crops
from plate_ocr.evaluation.metrics import fold
from plate_ocr.labels import read_labels
from plate_ocr.recognition.recognizer import Recognizer

LABELS = Path(__file__).parent / "labels_by_eye.csv"
RATES = (0.01, 0.005, 0.0025)


@click.command()
@click.argument("labels", type=click.Path(path_type=Path, exists=True))
@click.option("--split", default="dev,far", show_default=True, help="Values of the column split, together.")
@click.option("--model", default="reader", show_default=True)
@fails_cleanly
def main(labels: Path, split: str, model: str) -> None:
    """Read the crops of LABELS, and print the share that can be accepted at each error, with its threshold."""
    with LABELS.open(encoding="utf-8", newline="") as stream:
        seen = {row["image_path"]: row["shows"] for row in csv.DictReader(stream)}
    rows = [row for row in read_labels(labels, comma_names(split)) if row.text]
    reads = list(read_crops(Recognizer(model), rows))

    def by_eye(read: Read) -> str:
        return seen.get("/".join(read.label.path.parts[-2:]), read.label.text)

    ways: list[tuple[str, Callable[[Read], bool]]] = [
        ("labels as they are", lambda read: read.right),
        ("… O = 0, I = 1", lambda read: fold(read.text) == fold(read.label.text)),
        ("by eye where the label is wrong", lambda read: read.text == by_eye(read)),
        ("… O = 0, I = 1", lambda read: fold(read.text) == fold(by_eye(read))),
    ]
    table = Table(title=f"{len(reads):,} crops, {model}", title_justify="left")
    for name in ("right by", "of all", *(f"accepted at {rate:.2%} wrong, from" for rate in RATES)):
        table.add_column(name, justify="left" if name == "right by" else "right")
    for name, right in ways:
        outcomes = [right(read) for read in reads]
        result = calibrate([read.confidence for read in reads], outcomes, rates=RATES)
        cells = [f"{kept:.1%}, {confidence:.3f}" for confidence, kept in (result.thresholds[rate] for rate in RATES)]
        table.add_row(name, f"{sum(outcomes) / len(outcomes):.1%}", *cells)
    Console().print(table)


if __name__ == "__main__":
    main()
