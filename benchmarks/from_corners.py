"""How well plates are read that are cut out by their true corners: what the reader could do behind a perfect detector.

python benchmarks/from_corners.py SCENES/labels.csv --split dev
"""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from plate_ocr.detection import rectify
from plate_ocr.evaluation.metrics import score
from plate_ocr.photos import load
from plate_ocr.plate import Corners
from plate_ocr.recognition.alphabet import normalize
from plate_ocr.recognition.recognizer import Recognizer


@click.command()
@click.argument("labels", type=click.Path(path_type=Path))
@click.option("--split", default="dev", show_default=True)
@click.option("--model", default="reader", show_default=True)
@click.option(
    "--margin", default=0.06, show_default=True, help="Widens the plate on every side, in shares of its size."
)
def main(labels: Path, split: str, model: str, margin: float) -> None:
    """Print plate and character accuracy by source."""
    reader = Recognizer(model)
    crops: dict[str, list[np.ndarray]] = defaultdict(list)
    texts: dict[str, list[str]] = defaultdict(list)
    with labels.open(encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            if row["split"] != split or not row["x1"] or not row["plate_text"]:
                continue
            corners = Corners.of([(float(row[f"x{i}"]), float(row[f"y{i}"])) for i in range(1, 5)])
            source = row["image_path"].split("/")[0]
            crops[source].append(rectify(load(labels.parent / row["image_path"]), corners, margin=margin))
            texts[source].append(normalize(row["plate_text"]))
    if not crops:
        raise click.ClickException(f"{labels}: no row with corners, a text and the split {split}")
    table = Table(title=f"plates cut out by their labelled corners, split {split}", title_justify="left")
    for column in ("source", "plates", "plate accuracy", "O=0, I=1", "character accuracy"):
        table.add_column(column, justify="left" if column == "source" else "right")
    for source in sorted(crops):
        readings = [r for i in range(0, len(crops[source]), 32) for r in reader.read(crops[source][i : i + 32])]
        found = score(zip(texts[source], (r.text for r in readings), strict=True))
        shares = (found.plate_accuracy, found.plate_accuracy_folded, found.character_accuracy)
        table.add_row(source, str(found.plates), *(f"{100 * share:.1f} %" for share in shares))
    Console().print(table)


if __name__ == "__main__":
    main()
