"""What is left of a detector where photos are bad: the same, as they are and made harder to search in one way each.

    python benchmarks/robustness_scenes.py SCENES/labels.csv --split dev,far --limit 250

The ways are fixed here and have nothing to do with what training does to its photos (`synthesis.hardship`), except that
both think of the same troubles.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import click
import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table
from robustness import by_chance, infrared, night, seeded, streaked, u8

from plate_ocr.cli import fails_cleanly
from plate_ocr.cli.options import comma_names
from plate_ocr.detection import make_detector
from plate_ocr.detection.quads import Quads, as_labelled, overlap
from plate_ocr.labels import read_photos
from plate_ocr.photos import load

Picture = NDArray[np.uint8]
Way = Callable[[Picture, Quads, np.random.Generator], tuple[Picture, Quads]]
"""From a photo, its plates (N, 4, 2) and a generator to both of them, changed; trouble comes to the first plate."""


def scaled(scale: float) -> Way:
    """So much smaller."""
    return lambda photo, quads, _: (
        u8(cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)),
        quads * np.float32(scale),
    )


def turned(degrees: float) -> Way:
    """Turned about its middle; what was not in the photo repeats its edge."""

    def change(photo: Picture, quads: Quads, rng: np.random.Generator) -> tuple[Picture, Quads]:
        high, wide = photo.shape
        matrix = cv2.getRotationMatrix2D((wide / 2, high / 2), degrees * rng.choice([-1, 1]), 1)
        picture = cv2.warpAffine(photo, matrix, (wide, high), borderMode=cv2.BORDER_REPLICATE)
        return u8(picture), (quads @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)

    return change


def moved(share: float) -> Way:
    """Blurred along a line of that share of the photo's longer side, in any direction."""
    return lambda photo, quads, rng: (streaked(photo, share * max(photo.shape), rng), quads)


def lit(gain: float, noise: float) -> Way:
    """As `night` has it."""
    return lambda photo, quads, rng: (night(gain, noise)(photo, rng), quads)


def exposed(gain: float, offset: float) -> Way:
    """Too dark or too bright."""
    return lambda photo, quads, _: (u8(photo * gain + offset), quads)


def in_shade(photo: Picture, quads: Quads, rng: np.random.Generator) -> tuple[Picture, Quads]:
    """A hard edge across the plate, and 30 % of the light beyond it."""
    y, x = np.mgrid[: photo.shape[0], : photo.shape[1]]
    angle, (left, top) = rng.uniform(0, 2 * np.pi), quads[0].mean(axis=0)
    beyond = (x - left) * np.cos(angle) + (y - top) * np.sin(angle) > 0
    return u8(photo * np.where(beyond, 0.3, 1.0)), quads


def mirrored_lamp(photo: Picture, quads: Quads, rng: np.random.Generator) -> tuple[Picture, Quads]:
    """A bright spot of half the plate's width."""
    long = np.linalg.norm(quads[0][1] - quads[0][0])
    left, top = quads[0].mean(axis=0) + rng.uniform(-0.3, 0.3, 2) * (long, 0.2 * long)
    y, x = np.mgrid[: photo.shape[0], : photo.shape[1]]
    return u8(photo + 170 * np.exp(-(((x - left) / (0.25 * long)) ** 2) - ((y - top) / (0.25 * long)) ** 2)), quads


def infrared_lamp(photo: Picture, quads: Quads, rng: np.random.Generator) -> tuple[Picture, Quads]:
    """As an infrared camera sees it at night, whose lamp shines near the plate."""
    long, high = (float(np.linalg.norm(quads[0][i] - quads[0][0])) for i in (1, 3))
    left, top = quads[0].mean(axis=0) + rng.uniform(-1, 1, 2) * long
    return infrared(photo, (left, top), high, rng), quads


WAYS: dict[str, Way] = {
    "as they are": lambda photo, quads, _: (photo, quads),
    "a tenth of the light": lit(0.1, 2.5),
    "a 16th of the light": lit(1 / 16, 3),
    "a seventh of it, not brightened": exposed(0.15, 0),
    "overexposed": exposed(1.8, 60),
    "moved by 8 pixels of 1,280": moved(8 / 1280),
    "moved by 14 pixels of 1,280": moved(14 / 1280),
    "half the size": scaled(1 / 2),
    "a third of the size": scaled(1 / 3),
    "a shade's edge across the plate": in_shade,
    "a lamp mirrored in it": mirrored_lamp,
    "under an infrared lamp": infrared_lamp,
    "turned by 20 degrees": turned(20),
}


def _found(finds: Sequence[Quads], quad: Quads, least: float) -> bool:
    """Whether a find, or the upright box about it, shares so much with a labelled plate."""
    return any(max(overlap(find, quad)[0], overlap(as_labelled(find, quad), quad)[0]) >= least for find in finds)


@click.command()
@click.argument("labels", type=click.Path(path_type=Path, exists=True))
@click.option("--split", default="dev,far", show_default=True, help="Values of the column split, together.")
@click.option("--detector", default="detector", show_default=True)
@click.option("--limit", type=click.IntRange(min=1), help="Take so many photos, drawn by chance, and not all.")
@click.option("--iou", default=0.5, show_default=True, help="What a find and a label have to share.")
@fails_cleanly
def main(labels: Path, split: str, detector: str, limit: int | None, iou: float) -> None:
    """Search the photos of LABELS in each way, and print how many plates are found, mean of the sources, and how many
    finds there are beyond them, a photo: what is found is neither read nor sorted out."""
    photos = [
        photo for photo in read_photos(labels, comma_names(split)) if any(plate.corners for plate in photo.plates)
    ]
    photos = by_chance(photos, limit)
    search = make_detector(detector, threads=1)
    table = Table(title=f"{len(photos):,} photos, {detector}", title_justify="left")
    table.add_column("photos")
    for name in ("found", "finds beyond, a photo"):
        table.add_column(name, justify="right")
    for name, way in track(WAYS.items(), "searching", console=Console(stderr=True)):
        found, beyond = defaultdict(list), 0
        for photo in photos:
            quads = np.stack([plate.corners.array for plate in photo.plates if plate.corners])
            picture, quads = way(load(photo.path, grey=True), quads, seeded(photo.path))
            finds = [find.corners.array for find in search.detect(picture)]
            hits = [_found(finds, quad, iou) for quad in quads]
            found[photo.source] += hits
            beyond += max(0, len(finds) - sum(hits))
        share = np.mean([np.mean(hits) for hits in found.values()])
        table.add_row(name, f"{share:.1%}", f"{beyond / len(photos):.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
