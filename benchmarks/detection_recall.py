"""How many of the labelled plates a detector finds.

python benchmarks/detection_recall.py SCENES/labels.csv --split dev
"""

from __future__ import annotations

import csv
import time
from collections import defaultdict
from pathlib import Path

import click
import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from plate_ocr.detection import ContourDetector, Detector
from plate_ocr.photos import load


def iou(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two convex quads (4, 2) float32."""
    shared, _ = cv2.intersectConvexConvex(cv2.convexHull(a), cv2.convexHull(b))
    total = cv2.contourArea(cv2.convexHull(a)) + cv2.contourArea(cv2.convexHull(b)) - shared
    return float(shared / total) if total > 0 else 0.0


@click.command()
@click.argument("labels", type=click.Path(path_type=Path))
@click.option("--split", default="dev", show_default=True)
@click.option("--threshold", default=0.0, help="Least score; 0: the detector's own.")
@click.option("--limit", default=0, help="At most so many photos a source; 0: all.")
def main(labels: Path, split: str, threshold: float, limit: int) -> None:
    """Print recall at IoU 0.5 by source, and false plates on the plate-free photos beside LABELS."""
    cv2.setNumThreads(1)  # so that the time is that of one core, whatever the machine
    detector: Detector = ContourDetector(threshold=threshold) if threshold else ContourDetector()
    photos: dict[str, list[np.ndarray]] = defaultdict(list)
    with labels.open(encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            if row["split"] == split and row["x1"]:  # some rows have a text and no corners
                quad = [float(row[f"{axis}{i}"]) for i in range(1, 5) for axis in "xy"]
                photos[row["image_path"]].append(np.array(quad, np.float32).reshape(4, 2))
    if not photos:
        raise click.ClickException(f"{labels}: no row with corners and the split {split}")
    groups: dict[str, list[tuple[int, int, int, float]]] = defaultdict(list)
    for name, truths in photos.items():
        group = groups[name.split("/")[0]]
        if limit and len(group) >= limit:
            continue
        picture = load(labels.parent / name)
        start = time.perf_counter()
        found = [d.corners.array for d in detector.detect(picture)]
        seconds = time.perf_counter() - start
        hit = sum(any(iou(truth, quad) >= 0.5 for quad in found) for truth in truths)
        near = sum(any(iou(truth, quad) >= 0.3 for quad in found) for truth in truths)
        group.append((len(truths), hit, near, seconds))
    table = Table(title=f"contour detector, split {split}, one core", title_justify="left")
    for column in ("source", "plates", "recall at IoU 0.5", "at 0.3", "ms a photo"):
        table.add_column(column, justify="left" if column == "source" else "right")
    for source in sorted(groups):
        plates, hits, near, seconds = (sum(v) for v in zip(*groups[source], strict=True))
        per_photo = f"{1000 * seconds / len(groups[source]):.0f}"
        table.add_row(source, str(plates), f"{100 * hits / plates:.1f} %", f"{100 * near / plates:.1f} %", per_photo)
    everything = [entry for group in groups.values() for entry in group]
    plates, hits, near, seconds = (sum(v) for v in zip(*everything, strict=True))
    shares = [
        [sum(entry[i] for entry in group) / sum(entry[0] for entry in group) for i in (1, 2)]
        for group in groups.values()
    ]
    table.add_section()
    # Sources differ in size; their mean is not that of the largest one.
    mean_hits, mean_near = np.mean(shares, axis=0)
    table.add_row("mean of the sources", "", f"{100 * mean_hits:.1f} %", f"{100 * mean_near:.1f} %", "")
    table.add_row(
        "all",
        str(plates),
        f"{100 * hits / plates:.1f} %",
        f"{100 * near / plates:.1f} %",
        f"{1000 * seconds / len(everything):.0f}",
    )
    Console().print(table)
    free = labels.parent / "plate_free.csv"
    if free.is_file():
        with free.open(encoding="utf-8") as stream:
            names = [row["image_path"] for row in csv.DictReader(stream) if row["split"] == split]
        names = names[: limit or len(names)]
        if not names:
            return
        false = sum(len(detector.detect(load(labels.parent / name))) for name in names)
        Console().print(f"{false} false plates on {len(names)} plate-free photos: {false / len(names):.2f} a photo")


if __name__ == "__main__":
    main()
