"""What each part of decoding gives, and what it costs: greedy, the beam, formats, a language model, one after another.

    python benchmarks/decoding.py CROPS/labels.csv --split dev,far --language runs/language

Every crop is looked at once, and all methods decode the same logits, so that a difference is the decoder's alone. To
choose the weight of a language model, take crops that neither it nor the reader is tested on: `--split train --sample
1500 --weight 0.1 --weight 0.2 ...`.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from plate_ocr.cli import fails_cleanly
from plate_ocr.cli.options import comma_names
from plate_ocr.evaluation.metrics import Score, macro, score
from plate_ocr.labels import Label, read_labels
from plate_ocr.model_store import open_reader
from plate_ocr.photos import load
from plate_ocr.recognition.alphabet import Alphabet
from plate_ocr.recognition.ctc import greedy
from plate_ocr.recognition.decoder import LANGUAGE_WEIGHT, Decoder, DecoderSettings
from plate_ocr.recognition.network import open_network
from plate_ocr.recognition.preprocess import prepare

GREEDY = "greedy"
ROUNDS = 2
"""The last one is timed: a format is worked out when it is first met."""


@dataclass(frozen=True)
class Crop:
    """A labelled crop and its logits (T, C)."""

    label: Label
    logits: NDArray[np.float32]


@dataclass(frozen=True)
class Decoding:
    """What one method read in each crop, in microseconds of process time, and whether it took the beam for it."""

    texts: tuple[str, ...]
    microseconds: tuple[float, ...]
    searched: tuple[bool, ...]

    @property
    def share(self) -> float:
        """The share of crops that needed the beam."""
        return float(np.mean(self.searched))

    @property
    def mean(self) -> float:
        """Microseconds a plate."""
        return float(np.mean(self.microseconds))

    @property
    def mean_searched(self) -> float:
        """Microseconds a plate that needed the beam; nan if none did."""
        of_searched = [us for us, searched in zip(self.microseconds, self.searched, strict=True) if searched]
        return float(np.mean(of_searched)) if of_searched else float("nan")

    def by_source(self, crops: Sequence[Crop], split: str) -> dict[str, Score]:
        """The scores of a split by source."""
        pairs: dict[str, list[tuple[str, str]]] = {}
        for crop, text in zip(crops, self.texts, strict=True):
            if crop.label.split == split:
                pairs.setdefault(crop.label.source, []).append((crop.label.text, text))
        return {source: score(pairs[source]) for source in sorted(pairs)}


def look(labels: Sequence[Label], model: str, *, batch: int = 32) -> list[Crop]:
    """One look at each crop."""
    files = open_reader(model)
    network = open_network(files)
    crops = []
    quiet = not sys.stderr.isatty()
    for i in track(range(0, len(labels), batch), "looking", console=Console(stderr=True), disable=quiet):
        rows = labels[i : i + batch]
        logits = network(prepare([load(row.path) for row in rows], files.size))
        crops += [Crop(row, of_crop) for row, of_crop in zip(rows, logits, strict=True)]
    return crops


def methods(language: str, weights: Sequence[float]) -> dict[str, DecoderSettings | None]:
    """Name -> settings; None: greedy alone."""
    found: dict[str, DecoderSettings | None] = {
        GREEDY: None,
        "beam": DecoderSettings(formats="off"),
        "formats soft": DecoderSettings(),
        "formats strict": DecoderSettings(formats="strict"),
    }
    for weight in weights if language else ():
        found[f"language {weight:g}"] = DecoderSettings(formats="off", language=language, language_weight=weight)
        found[f"soft + language {weight:g}"] = DecoderSettings(language=language, language_weight=weight)
    return found


def decode(crops: Sequence[Crop], settings: DecoderSettings | None, alphabet: Alphabet) -> Decoding:
    """Decode crop by crop, as a camera's pictures come."""
    decoder = Decoder(alphabet, settings)
    rows: list[tuple[str, float, bool]] = []
    for _ in range(ROUNDS if settings else 1):
        rows = []
        for crop in crops:
            before, start = decoder.searched, time.process_time()
            found = decoder(crop.logits[None]) if settings else greedy(crop.logits[None])
            spent = 1e6 * (time.process_time() - start)
            rows.append((alphabet.decode(found[0].classes), spent, decoder.searched > before))
    texts, microseconds, searched = zip(*rows, strict=True)
    return Decoding(texts, microseconds, searched)


def accuracies(split: str, crops: Sequence[Crop], found: dict[str, Decoding]) -> Table:
    """Plate accuracies of a split by source."""
    table = Table(title=f"plate accuracy, O is not 0, split {split or 'none'}", title_justify="left")
    table.add_column("source", no_wrap=True)
    for name in ("crops", *found):
        table.add_column(name, justify="right", min_width=5)
    scores = {name: decoding.by_source(crops, split) for name, decoding in found.items()}
    for source, first in scores[GREEDY].items():
        shares = (f"{100 * of_source[source].plate_accuracy:.1f}" for of_source in scores.values())
        table.add_row(source, str(first.plates), *shares)
    table.add_section()
    means = (f"{100 * macro(list(of_source.values()))[0]:.2f}" for of_source in scores.values())
    table.add_row("macro over sources", "", *means)
    return table


def costs(found: dict[str, Decoding]) -> Table:
    """What the methods cost."""
    table = Table(title="process time, one plate at a time", title_justify="left")
    table.add_column("method")
    for name in ("µs a plate", "needed the beam", "µs a plate that did"):
        table.add_column(name, justify="right")
    for name, decoding in found.items():
        with_beam = (f"{decoding.share:.1%}", f"{decoding.mean_searched:.0f}") if any(decoding.searched) else ("-", "-")
        table.add_row(name, f"{decoding.mean:.0f}", *with_beam)
    return table


def as_dict(splits: Sequence[str], crops: Sequence[Crop], decoding: Decoding) -> dict[str, Any]:
    """All figures of one method."""
    by_split = {split: decoding.by_source(crops, split) for split in splits}
    return {
        "microseconds": decoding.mean,
        "searched": decoding.share,
        "microseconds_searched": decoding.mean_searched if any(decoding.searched) else None,
        "splits": {
            split: {
                "macro_plate_accuracy": macro(list(scores.values()))[0],
                "by_source": {
                    source: {"plates": s.plates, "plate_accuracy": s.plate_accuracy, "cer": s.cer}
                    for source, s in scores.items()
                },
            }
            for split, scores in by_split.items()
        },
    }


@click.command()
@click.argument("labels", type=click.Path(path_type=Path))
@click.option("--split", default="", help="Only rows with this value in the column split (comma for several).")
@click.option("--sample", default=0, help="Only so many rows, drawn at random; 0: all.")
@click.option("--seed", default=1, show_default=True, help="For --sample.")
@click.option("--model", default="reader", show_default=True, help="A shipped reader's name, or a run's folder.")
@click.option("--language", default="", help="Folder of `plate-ocr language train`; its methods are left out without.")
@click.option("--weight", multiple=True, type=click.FloatRange(0, 5), default=[LANGUAGE_WEIGHT], show_default=True)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write all figures to this file.")
@fails_cleanly
def main(
    labels: Path,
    split: str,
    sample: int,
    seed: int,
    model: str,
    language: str,
    weight: tuple[float, ...],
    json_file: Path | None,
) -> None:
    """Decode the crops of LABELS (CSV: image_path,plate_text[,split]) by each method."""
    rows = [row for row in read_labels(labels, comma_names(split) or None) if row.text]
    if 0 < sample < len(rows):
        rows = [rows[i] for i in sorted(np.random.default_rng(seed).choice(len(rows), sample, replace=False))]
    alphabet = open_reader(model).alphabet
    chosen = methods(language, weight)
    crops = look(rows, model)
    quiet = not sys.stderr.isatty()
    each = track(chosen.items(), "decoding", console=Console(stderr=True), disable=quiet)
    found = {name: decode(crops, settings, alphabet) for name, settings in each}
    console = Console()
    if not console.is_terminal:
        console = Console(width=60 + 9 * len(found))
    splits = list(dict.fromkeys(crop.label.split for crop in crops))
    for name in splits:
        console.print(accuracies(name, crops, found))
    console.print(costs(found))
    if json_file:
        data = {
            "table": labels.name,
            "crops": len(crops),
            "model": model,
            "methods": {name: as_dict(splits, crops, decoding) for name, decoding in found.items()},
        }
        json_file.write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
