"""`plate-ocr evaluate --scenes`: whole photos."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def show_scenes(
    labels: Sequence[Path],
    split: str,
    model: str,
    detector: str,
    decoding: dict[str, Any],
    looks: bool,
    threads: int,
    json_file: Path | None,
) -> None:
    """Search and read the photos of the tables, and print what was found by source."""
    import time

    from rich.console import Console
    from rich.progress import track
    from rich.table import Table

    from plate_ocr.cli.options import comma_names
    from plate_ocr.evaluation.scenes import SceneScore, read_scenes, score_scenes
    from plate_ocr.labels import read_photos
    from plate_ocr.reader import PlateReader
    from plate_ocr.recognition.decoder import DecoderSettings

    wanted = set(comma_names(split))
    photos = [photo for table in labels for photo in read_photos(table) if not wanted or photo.split in wanted]
    reader = PlateReader(model, detector=detector, threads=threads, decoding=DecoderSettings(**decoding), looks=looks)
    console, err = Console(), Console(stderr=True)
    started = time.monotonic()
    results = list(
        track(
            read_scenes(reader.read_many, photos),
            "reading photos",
            total=len(photos),
            console=err,
            disable=not sys.stderr.isatty(),
        )
    )
    seconds = time.monotonic() - started
    console.print(
        f"detector {detector}, model {model}: {len(results)} photos in {seconds:.1f} s "
        f"({len(results) / max(1e-9, seconds):.1f} a second)"
    )
    report: list[dict[str, Any]] = []
    for name in sorted({photo.split for photo, _, _ in results}):
        table = Table(title=f"split {name}, whole photos" if name else "whole photos", title_justify="left")
        table.add_column("source")
        for column in (
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
        ):
            table.add_column(column, justify="right")
        groups: dict[str, SceneScore] = {}
        for source in sorted({photo.source for photo, _, _ in results if photo.split == name}):
            groups[source] = score_scenes(r for r in results if r[0].split == name and r[0].source == source)
            table.add_row(source, *_cells(groups[source]))
        table.add_section()
        placed = [g for g in groups.values() if g.placed]
        texts = [g for g in groups.values() if g.texts]
        mean = {
            "recall_50": _mean([g.recall() for g in placed]),
            "recall_70": _mean([g.recall(0.7) for g in placed]),
            "plate_accuracy": _mean([g.right / len(g.texts) for g in texts]),
            "plate_accuracy_folded": _mean([g.right_folded / len(g.texts) for g in texts]),
        }
        table.add_row(
            "mean of the sources",
            "",
            "",
            _percent(mean["recall_50"]),
            _percent(mean["recall_70"]),
            "",
            "",
            "",
            _percent(mean["plate_accuracy"]),
            _percent(mean["plate_accuracy_folded"]),
            "",
            "",
        )
        whole = score_scenes(r for r in results if r[0].split == name)
        table.add_row("all", *_cells(whole))
        console.print(table)
        report.append(
            {
                "split": name,
                "overall": whole.as_dict(),
                "mean_of_sources": {k: _known(v) for k, v in mean.items()},
                "by_source": {source: g.as_dict() for source, g in groups.items()},
            }
        )
    if json_file:
        data = {
            "model": str(model),
            "detector": str(detector),
            "photos_a_second": len(results) / seconds,
            "splits": report,
        }
        json_file.write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _cells(score: Any) -> list[str]:
    texts = len(score.texts)
    return [
        str(score.photos),
        str(len(score.outcomes)),
        _percent(score.recall()),
        _percent(score.recall(0.7)),
        _percent(score.precision()),
        _percent(score.corner_error),
        f"{score.others / max(1, score.photos):.2f} a photo",
        _percent(score.right / texts if texts else math.nan),
        _percent(score.right_folded / texts if texts else math.nan),
        str(score.faults("detector")),
        str(score.faults("reader")),
    ]


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def _percent(share: float) -> str:
    return "" if math.isnan(share) else f"{100 * share:.1f} %"
