"""`plate-ocr evaluate --scenes`: whole photos."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from plate_ocr.evaluation.scene_scores import SceneEvaluation, SceneScore
    from plate_ocr.recognition.decoder import DecoderSettings

COLUMNS = (
    "photos",
    "plates",
    "found, IoU 0.5",
    "IoU 0.7",
    "precision",
    "corners off",
    "other finds",
    "read right",
    "O=0, I=1",
    "missed by detector",
    "by reader",
)


def show_scenes(
    labels: Sequence[Path],
    splits: Sequence[str],
    model: str,
    detector: str,
    decoding: DecoderSettings,
    looks: bool,
    threads: int,
    json_file: Path | None,
) -> None:
    """Search and read the photos of the tables, and print what was found by source."""
    from rich.console import Console
    from rich.progress import track
    from rich.text import Text

    from plate_ocr.evaluation.scene_scores import group_scenes
    from plate_ocr.evaluation.scenes import read_scenes
    from plate_ocr.evaluation.selection import select
    from plate_ocr.labels import read_photos
    from plate_ocr.reader import PlateReader

    photos = select(labels, splits, read_photos)
    reader = PlateReader(model, detector=detector, threads=threads, decoding=decoding, looks=looks)
    console, err = Console(), Console(stderr=True)
    started = time.monotonic()
    outcomes = list(
        track(
            read_scenes(reader.read_many, photos),
            "reading photos",
            total=len(photos),
            console=err,
            disable=not sys.stderr.isatty(),
        )
    )
    seconds = max(1e-9, time.monotonic() - started)
    evaluations = group_scenes(outcomes)
    rate = len({outcome.photo.path for outcome in outcomes}) / seconds
    how = f"detector {detector}, model {model}: {len(outcomes)} photos in {seconds:.1f} s ({rate:.1f} a second)"
    console.print(Text(how), soft_wrap=True)
    for evaluation in evaluations:
        console.print(_table(evaluation))
    failed = [outcome for outcome in outcomes if outcome.message]
    for outcome in failed[:10]:
        err.print(f"[yellow]{outcome.message}[/yellow]", soft_wrap=True)
    if failed:
        err.print(f"{len(failed)} photos could not be opened; their plates count as missed")
    if json_file:
        data = {
            "model": str(model),
            "detector": str(detector),
            "photos_a_second": rate,
            "splits": [evaluation.as_dict() for evaluation in evaluations],
        }
        json_file.write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _table(evaluation: SceneEvaluation) -> Table:
    from rich.table import Table

    title = f"split {evaluation.split}, whole photos" if evaluation.split else "whole photos"
    table = Table(title=title, title_justify="left")
    table.add_column("source")
    for column in COLUMNS:
        table.add_column(column, justify="right")
    for source, score in evaluation.by_source.items():
        table.add_row(source, *_cells(score))
    table.add_section()
    means = evaluation.means
    cells = {
        "found, IoU 0.5": means.recall_50,
        "IoU 0.7": means.recall_70,
        "read right": means.plate_accuracy,
        "O=0, I=1": means.plate_accuracy_folded,
    }
    table.add_row("mean of the sources", *(_percent(cells.get(column, math.nan)) for column in COLUMNS))
    table.add_row("all", *_cells(evaluation.overall))
    return table


def _cells(score: SceneScore) -> list[str]:
    return [
        str(score.photos),
        str(len(score.outcomes)),
        _percent(score.recall()),
        _percent(score.recall(0.7)),
        _percent(score.precision()),
        _percent(score.corner_error),
        f"{score.others_a_photo:.2f} a photo",
        _percent(score.accuracy),
        _percent(score.accuracy_folded),
        str(score.faults("detector")),
        str(score.faults("reader")),
    ]


def _percent(share: float) -> str:
    return "" if math.isnan(share) else f"{100 * share:.1f} %"
