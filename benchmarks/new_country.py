"""A country that the reader never saw: what do a few hundred of its crops bring, and what do they cost elsewhere?

    python benchmarks/new_country.py ../shared/plates --output runs/new-country

First a reader is trained on everything but these countries: neither their real crops nor drawn plates of them. With
`--drawn` it is a country whose plates we can draw and have no crop of: its drawn plates stay, and `--start` may name a
reader that drawn plates alone have taught (`train --config models/reader/train-1.json --synthetic 1`).

Then, for each country and each number of its crops, that reader is trained further with `--preset small`, as a user
would, and scored on the country's dev crops and on all others, with the reader it began with as its companion and
alone. What is in the output folder already is not done again.
"""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from plate_ocr.dataset.table import write_label_rows
from plate_ocr.evaluation.evaluate import group_by_split, read_crops
from plate_ocr.evaluation.metrics import macro
from plate_ocr.labels import Label, read_labels
from plate_ocr.model_store import ONNX
from plate_ocr.recognition.recognizer import Recognizer
from plate_ocr.training.config import TrainConfig
from plate_ocr.training.export import export
from plate_ocr.training.fit import train
from plate_ocr.training.run_config import read_settings
from plate_ocr.training.run_folder import CONFIG, HISTORY
from plate_ocr.training.settings import reader_config

READER = Path(__file__).parent.parent / "models" / "reader"
SHORT = {"epochs": 4, "steps": 20, "warmup": 10}
"""What --quick makes of the trainings: a look at whether all of it runs."""


@dataclasses.dataclass(frozen=True)
class Row:
    """What one reader reads: shares in percent; `own` of the country's dev plates, `others` the mean over all other
    sources, dev and far, and both without its companion."""

    country: str
    crops: int
    minutes: float
    own: float
    others: float
    own_alone: float
    others_alone: float


def base_settings(plates: Path, undrawn: tuple[str, ...], start: Path | None, epochs: int) -> dict[str, object]:
    """Those of the shipped reader's first run, with the regions of its eighth but for the undrawn. From a start
    it learns a little more slowly."""
    settings = read_settings(READER / "train-1.json")
    regions = read_settings(READER / "train-8.json")["regions"]
    left = [(name, weight) for name, weight in regions if name.upper() not in undrawn]
    if start:
        settings |= {"start": str(start), "learning_rate": 0.0012, "warmup": 100}
    if epochs:
        settings |= {"epochs": epochs, "patience": epochs}
    return settings | {"regions": left, "fonts": [str(plates / "fonts")], "glyphs": [str(plates / "glyphs")]}


def trained(config: TrainConfig, run: Path) -> float:
    """Train (on, if some of it is done) and export, unless that is there; give the minutes that its epochs took."""
    if not (run / ONNX).is_file():
        train(config, run, resume=(run / CONFIG).is_file())
        export(run)
    with (run / HISTORY).open(encoding="utf-8", newline="") as stream:
        return sum(float(row["seconds"]) for row in csv.DictReader(stream)) / 60


def score(run: Path, labels: list[Label], countries: tuple[str, ...], *, alone: bool = False) -> dict[str, float]:
    """Strict plate accuracy in percent: of each country's dev crops, and under "" the mean over all other sources."""
    reader = Recognizer(run, alone=alone)
    shares = {}
    for country in countries:
        rows = [row for row in labels if row.region == country and row.split == "dev"]
        read = list(read_crops(reader, rows))
        shares[country] = 100 * sum(entry.right for entry in read) / len(read)
    rest = [row for row in labels if row.region not in countries and row.split in ("dev", "far")]
    sources = [group for e in group_by_split(list(read_crops(reader, rest))) for group in e.by_source.values()]
    return shares | {"": 100 * macro(sources)[0]}


@click.command()
@click.argument("plates", type=click.Path(path_type=Path, exists=True))
@click.option("--output", "-o", required=True, type=click.Path(path_type=Path), help="Folder of the runs.")
@click.option("--countries", default="UZ,TN", show_default=True, help="Regions that the first reader never sees.")
@click.option("--crops", default="100,300,1000", show_default=True, help="How many of a country's crops to learn from.")
@click.option("--epochs", default=0, help="Of the first reader, of 19,200 samples each; default: as models/reader has.")
@click.option("--start", type=click.Path(path_type=Path, exists=True), help="A reader that the first one begins with.")
@click.option("--drawn", is_flag=True, help="Leave out the countries' crops only, and draw their plates as ever.")
@click.option("--distill", default=0.0, help="As train --distill has it, of the trainings on a country's crops.")
@click.option("--seed", default=1, show_default=True, help="Which crops are taken.")
@click.option("--quick", is_flag=True, help="A few steps each: whether all of it runs.")
def main(
    plates: Path,
    output: Path,
    countries: str,
    crops: str,
    epochs: int,
    start: Path | None,
    drawn: bool,
    distill: float,
    seed: int,
    quick: bool,
) -> None:
    """Train, score, and print the table."""
    new = tuple(countries.upper().split(","))
    labels = [row for row in read_labels(plates / "crops" / "labels.csv") if row.text]
    short = SHORT if quick else {}
    settings = base_settings(plates, () if drawn else new, start, epochs) | short
    output.mkdir(parents=True, exist_ok=True)
    known = output / "known.csv"
    write_label_rows(known, (row for row in labels if row.region not in new))
    base = output / "base"
    minutes = trained(TrainConfig.of(settings | {"labels": [str(known)]}, "the first reader"), base)
    before = score(base, labels, new)
    rows = [Row(country, 0, minutes, *2 * (before[country], before[""])) for country in new]
    for country in new:
        own = [row for row in labels if row.region == country and row.split == "train"]
        dev = [row for row in labels if row.region == country and row.split == "dev"]
        order = np.random.default_rng(seed).permutation(len(own))
        for count in map(int, crops.split(",")):
            run = output / f"{country}-{count}{f'-distill-{distill:g}' if distill else ''}"
            part = output / f"{country}-{count}.csv"
            write_label_rows(part, [*(own[i] for i in order[:count]), *dev])
            # The base is its own teacher: the shipped reader knows these plates.
            given = {"labels": [str(part)], "splits": ["train"], "dev_splits": ["dev"], "dev_fraction": 0.0}
            given |= {"start": str(base), "teacher": str(base), "fonts": settings["fonts"], "distill": distill}
            minutes = trained(reader_config(run, None, given | short, preset="small"), run)
            after, alone = score(run, labels, new), score(run, labels, new, alone=True)
            scores = (after[country], after[""], alone[country], alone[""])
            rows.append(Row(country, min(count, len(own)), minutes, *scores))
            with (output / "results.csv").open("w", encoding="utf-8", newline="") as stream:
                writer = csv.DictWriter(stream, [field.name for field in dataclasses.fields(Row)])
                writer.writeheader()
                writer.writerows(map(dataclasses.asdict, rows))
    table = Table(
        "country", "its crops", "minutes", "its dev plates read, %", "others, macro, %", "alone", "others alone"
    )
    for row in rows:
        shares = (f"{share:.2f}" for share in (row.own, row.others, row.own_alone, row.others_alone))
        table.add_row(row.country, f"{row.crops:,}", f"{row.minutes:.1f}", *shares)
    Console().print(table)


if __name__ == "__main__":
    main()
