"""What is left of a reader where photos are bad: the same crops, as they are and made harder to read in one way each.

    python benchmarks/robustness.py CROPS/labels.csv --split dev,far --limit 600

The ways are fixed here and have nothing to do with what training does to its crops (`synthesis.hardship`), except that
both think of the same troubles.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click
import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from plate_ocr.cli import fails_cleanly
from plate_ocr.cli.options import comma_names
from plate_ocr.evaluation.metrics import fold
from plate_ocr.labels import read_labels
from plate_ocr.photos import load
from plate_ocr.recognition.recognizer import Recognizer

Picture = NDArray[np.uint8]
Way = Callable[[Picture, np.random.Generator], Picture]
Row = TypeVar("Row")
CHUNK = 64


def small(high: int) -> Way:
    """At most so many pixels high, all that is in the crop."""

    def change(crop: Picture, _: np.random.Generator) -> Picture:
        scale = high / crop.shape[0]
        return crop if scale >= 1 else u8(cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))

    return change


def turned(degrees: float) -> Way:
    """Turned, in the box about it; what was not in the crop repeats its edge."""

    def change(crop: Picture, rng: np.random.Generator) -> Picture:
        high, wide = crop.shape[:2]
        matrix = cv2.getRotationMatrix2D((wide / 2, high / 2), degrees * rng.choice([-1, 1]), 1)
        c, s = np.abs(matrix[0, :2])
        size = (int(wide * c + high * s), int(wide * s + high * c))
        matrix[:, 2] += (np.array(size) - (wide, high)) / 2
        return u8(cv2.warpAffine(crop, matrix, size, borderMode=cv2.BORDER_REPLICATE))

    return change


def leaning(slope: float) -> Way:
    """Seen from the side: one end of the line higher than the other, the characters upright."""

    def change(crop: Picture, rng: np.random.Generator) -> Picture:
        high, wide = crop.shape[:2]
        k = slope * rng.choice([-1, 1])
        matrix = np.array([[1, 0, 0], [k, 1, -min(0.0, k * wide)]])
        return u8(cv2.warpAffine(crop, matrix, (wide, int(high + slope * wide)), borderMode=cv2.BORDER_REPLICATE))

    return change


def moved(share: float) -> Way:
    """Blurred along a line of that share of the crop's height, in any direction."""

    return lambda crop, rng: streaked(crop, share * crop.shape[0], rng)


def streaked(picture: Picture, pixels: float, rng: np.random.Generator) -> Picture:
    """Blurred along a line of so many pixels, in any direction."""
    side = max(2, round(pixels))
    kernel = np.zeros((side, side), np.float32)
    kernel[side // 2] = 1
    turn = cv2.getRotationMatrix2D((side / 2 - 0.5, side / 2 - 0.5), rng.uniform(0, 180), 1)
    kernel = cv2.warpAffine(kernel, turn, (side, side))
    return u8(cv2.filter2D(picture, -1, kernel / kernel.sum()))


def night(gain: float, noise: float) -> Way:
    """So little light, the sensor's noise in grey values, compressed, and brightened afterwards."""

    def change(crop: Picture, rng: np.random.Generator) -> Picture:
        seen = u8(crop * gain + rng.normal(0, noise, crop.shape))
        return u8(jpeg(40)(seen, rng) * (0.8 / gain))

    return change


def jpeg(quality: int) -> Way:
    """Compressed."""
    return lambda crop, _: u8(
        cv2.imdecode(cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_UNCHANGED)
    )


def half_in_shade(crop: Picture, rng: np.random.Generator) -> Picture:
    """A hard edge somewhere in the middle, and 30 % of the light beyond it."""
    high, wide = crop.shape
    y, x = np.mgrid[:high, :wide]
    beyond = x - rng.uniform(0.3, 0.7) * wide + rng.uniform(-1, 1) * (y - high / 2) > 0
    return u8(crop * np.where(beyond, 0.3, 1.0))


def mirrored_lamp(crop: Picture, rng: np.random.Generator) -> Picture:
    """A bright spot of a third of the plate's width."""
    high, wide = crop.shape
    y, x = np.mgrid[:high, :wide]
    across = (x - rng.uniform(0.2, 0.8) * wide) / (0.18 * wide)
    down = (y - rng.uniform(0.2, 0.8) * high) / (0.5 * high)
    return u8(crop + 150 * np.exp(-(across**2) - down**2))


def infrared_lamp(crop: Picture, rng: np.random.Generator) -> Picture:
    """As an infrared camera sees it at night."""
    high, wide = crop.shape
    return infrared(crop, (rng.uniform(0.2, 0.8) * wide, rng.uniform(0, 1) * high), high, rng)


def infrared(picture: Picture, middle: tuple[float, float], plate: float, rng: np.random.Generator) -> Picture:
    """What is white throws the light of a lamp back, the more the nearer to its middle, and bleeds; what is grey does
    less so. `plate` is about the height of what it shines on, in pixels."""
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]]
    away = np.hypot(x - middle[0], y - middle[1]) / (4 * plate)
    back = (picture / max(1.0, np.percentile(picture, 95))) ** 2 / (1 + away**2)
    side = max(1, round(0.15 * plate))
    seen = u8(320 * back)
    return u8(seen + 0.3 * cv2.blur(seen, (side, side)) + rng.normal(0, 3, picture.shape))


def loose(crop: Picture, _: np.random.Generator) -> Picture:
    """30 % of its height more on every side."""
    rim = int(0.3 * crop.shape[0])
    return crop if rim >= min(crop.shape) else u8(cv2.copyMakeBorder(crop, *[rim] * 4, cv2.BORDER_REFLECT_101))


def tight(crop: Picture, _: np.random.Generator) -> Picture:
    """6 % of its height less on every side."""
    rim = int(0.06 * crop.shape[0])
    return crop[rim : crop.shape[0] - rim, rim : crop.shape[1] - rim]


WAYS: dict[str, Way] = {
    "as they are": lambda crop, _: crop,
    "20 pixels high": small(20),
    "15 pixels high": small(15),
    "turned by 8 degrees": turned(8),
    "turned by 15 degrees": turned(15),
    "turned by 25 degrees": turned(25),
    "slope of 0.2": leaning(0.2),
    "slope of 0.4": leaning(0.4),
    "moved by an eighth of the height": moved(1 / 8),
    "moved by a sixth of the height": moved(1 / 6),
    "a tenth of the light": night(0.1, 2.5),
    "a 16th of the light": night(1 / 16, 3),
    "half in the shade": half_in_shade,
    "a lamp mirrored": mirrored_lamp,
    "under an infrared lamp": infrared_lamp,
    "30 % wider": loose,
    "6 % cut off": tight,
    "JPEG of quality 15": jpeg(15),
}


def u8(picture: NDArray[np.generic]) -> Picture:
    """Rounded down to grey values from 0 to 255."""
    return np.asarray(np.clip(picture, 0, 255), dtype=np.uint8)


def by_chance(rows: list[Row], limit: int | None) -> list[Row]:
    """As many of the rows as `limit`, always the same ones, in their order."""
    if not limit or limit >= len(rows):
        return rows
    return [rows[place] for place in sorted(np.random.default_rng(0).choice(len(rows), limit, replace=False))]


def seeded(path: Path) -> np.random.Generator:
    """What befalls a picture is a function of its name."""
    return np.random.default_rng(zlib.crc32("/".join(path.parts[-2:]).encode()))


@click.command()
@click.argument("labels", type=click.Path(path_type=Path, exists=True))
@click.option("--split", default="dev,far", show_default=True, help="Values of the column split, together.")
@click.option("--model", default="reader", show_default=True)
@click.option("--limit", type=click.IntRange(min=1), help="Take so many crops, drawn by chance, and not all.")
@click.option("--threshold", default=0.8, show_default=True, help="The confidence from which on a reading is accepted.")
@click.option("--one-look", is_flag=True, help="Without second looks.")
@fails_cleanly
def main(labels: Path, split: str, model: str, limit: int | None, threshold: float, one_look: bool) -> None:
    """Read the crops of LABELS in each way, and print how many are right (O = 0, I = 1), macro over sources."""
    rows = [row for row in read_labels(labels, comma_names(split)) if row.text]
    rows = by_chance(rows, limit)
    crops = [load(row.path, grey=True) for row in rows]
    recognizer = Recognizer(model, looks=not one_look, straighten=not one_look)
    table = Table(title=f"{len(rows):,} crops, {model}", title_justify="left")
    table.add_column("crops")
    for name in ("right, macro", f"accepted from {threshold}", "wrong of these"):
        table.add_column(name, justify="right")
    for name, way in track(WAYS.items(), "reading", console=Console(stderr=True)):
        changed = [way(crop, seeded(row.path)) for crop, row in zip(crops, rows, strict=True)]
        reads = [read for i in range(0, len(rows), CHUNK) for read in recognizer.read(changed[i : i + CHUNK])]
        right = [fold(read.text) == fold(row.text) for read, row in zip(reads, rows, strict=True)]
        sources = {
            source: [ok for ok, row in zip(right, rows, strict=True) if row.source == source]
            for source in {row.source for row in rows}
        }
        sure = [ok for ok, read in zip(right, reads, strict=True) if read.confidence >= threshold]
        macro = np.mean([np.mean(oks) for oks in sources.values()])
        wrong = f"{1 - np.mean(sure):.1%}" if sure else ""
        table.add_row(name, f"{macro:.1%}", f"{len(sure) / len(rows):.1%}", wrong)
    Console().print(table)


if __name__ == "__main__":
    main()
