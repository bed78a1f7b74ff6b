"""How real crops and drawn ones differ: size, light, sharpness and noise, as the network sees them.

The figures by which the weather of `plate_ocr/synthesis` is tuned, and a sheet to look at. Real photographs are not
part of this repository; a sheet that shows them is for your own eyes.
"""

from __future__ import annotations

from pathlib import Path

import click
import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from plate_ocr.labels import read_labels
from plate_ocr.photos import load
from plate_ocr.recognition.preprocess import fit
from plate_ocr.synthesis.fonts import FontLibrary
from plate_ocr.synthesis.generator import CropGenerator
from plate_ocr.synthesis.region import load_regions

CELL = (60, 160)


def describe(crop: NDArray[np.uint8]) -> dict[str, float]:
    """Height and aspect of a crop, and light, contrast, sharpness and noise of it at the network's size."""
    grey = fit(crop, (48, 160))
    x = grey.astype(np.float32)
    contrast = float(x.std())
    unit = (x - x.mean()) / (contrast + 4)
    return {
        "height": crop.shape[0],
        "aspect": crop.shape[1] / crop.shape[0],
        "light": float(x.mean()),
        "contrast": contrast,
        "sharpness": float(cv2.Laplacian(unit, cv2.CV_32F).std()),
        "noise": float((x - cv2.medianBlur(grey, 3)).std()) / (contrast + 4),
    }


def cell(crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A crop set into a cell of the sheet."""
    canvas = np.full((*CELL, 3), 255, np.uint8)
    scale = min(CELL[0] / crop.shape[0], CELL[1] / crop.shape[1]) * 0.95
    sized = cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    canvas[: sized.shape[0], : sized.shape[1]] = sized
    return canvas


@click.command()
@click.argument("labels", type=click.Path(path_type=Path))
@click.option("--split", default="train", help="Only rows of this split.")
@click.option("--number", "-n", default=1000, help="Crops of each kind.")
@click.option("--fonts", multiple=True, type=click.Path(path_type=Path))
@click.option("--glyphs", multiple=True, type=click.Path(path_type=Path))
@click.option("--sheet", type=click.Path(path_type=Path), help="Real crops on the left, drawn ones on the right.")
def main(
    labels: Path, split: str, number: int, fonts: tuple[Path, ...], glyphs: tuple[Path, ...], sheet: Path | None
) -> None:
    """Print the 10th, 50th and 90th percentile of each property."""
    rng = np.random.default_rng(0)
    rows = read_labels(labels, [split])
    sources = sorted({row.source for row in rows})
    # As many of one source as of another.
    chosen = [
        rows[int(i)]
        for source in sources
        for i in rng.choice([k for k, row in enumerate(rows) if row.source == source], number // len(sources))
    ]
    real = [load(row.path) for row in chosen]
    generator = CropGenerator(load_regions(), FontLibrary(fonts, glyphs))
    drawn = [generator.draw([0, i]).picture for i in range(number)]
    table = Table(title=f"{len(real)} real crops ({split}), {len(drawn)} drawn ones; 10th / 50th / 90th percentile")
    for name in ("", "real", "drawn"):
        table.add_column(name, justify="right")
    of_real, of_drawn = ([describe(crop) for crop in crops] for crops in (real, drawn))
    for name in of_real[0]:
        cells = (
            " / ".join(f"{v:.2f}" for v in np.percentile([d[name] for d in k], (10, 50, 90)))
            for k in (of_real, of_drawn)
        )
        table.add_row(name, *cells)
    Console().print(table)
    if sheet is not None:
        rng.shuffle(real)
        lines = [
            np.hstack(
                [
                    *map(cell, real[5 * i : 5 * i + 5]),
                    np.zeros((CELL[0], 8, 3), np.uint8),
                    *map(cell, drawn[5 * i : 5 * i + 5]),
                ]
            )
            for i in range(12)
        ]
        cv2.imwrite(str(sheet), np.vstack(lines))


if __name__ == "__main__":
    main()
