"""Damaged photos by the ten thousand: does any crash a process, hang, or lose its row?

    python benchmarks/mutate_photos.py                      # 100,000 files through the opener
    python benchmarks/mutate_photos.py --read --number 2000 # through the whole reader

Ends with exit code 1 if a row is missing or an error was not foreseen. A decoder that crashes or hangs is told of, and
its file kept: the batch goes on without it, but somebody should know.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import cv2
import numpy as np
from PIL import Image
from rich.console import Console
from rich.progress import track
from rich.table import Table

from plate_ocr.batch.journal import Journal
from plate_ocr.batch.reading import Reader, Task
from plate_ocr.batch.run import Batch
from plate_ocr.batch.settings import ReadingSettings
from plate_ocr.batch.sinks import open_sink
from plate_ocr.batch.workers import Workers, cores
from plate_ocr.photos import PhotoError, find, load, scan
from plate_ocr.plate import Plate, Status

SCENES = Path(__file__).parent.parent / "datasets" / "sample" / "scenes"
SUFFIXES = {"JPEG": ".jpg", "PNG": ".png", "BMP": ".bmp", "WEBP": ".webp", "TIFF": ".tif", "JPEG2000": ".jp2"}
ROUND = 1000
"""Files that are on the disk at a time."""

INTERESTING = (0, 1, 0x7F, 0x80, 0xFE, 0xFF)


class Opener:
    """Opens photos and reads nothing in them."""

    def read_many(self, photos: Iterable[str], *, batch: int) -> Iterator[Plate]:  # noqa: ARG002
        """A row for each photo."""
        for source in photos:
            try:
                load(source, grey=True)
                load(source)
            except PhotoError as error:
                yield Plate(source, status=Status.UNREADABLE_PHOTO, message=str(error))
            else:
                yield Plate(source, status=Status.NO_PLATE)


def open_opener(_: int) -> Reader:
    """What a worker opens."""
    return Opener()


@dataclass(frozen=True)
class Original:
    """A sound picture of one kind."""

    suffix: str
    data: bytes


def originals(photos: Iterable[str], folder: Path, *, width: int) -> list[Original]:
    """Each photo in each kind, `width` pixels wide, JPEGs also progressive and with EXIF."""
    exif = Image.Exif()
    exif[0x0112] = 6
    result = []
    for path in photos:
        photo = load(path)
        small = cv2.resize(photo, (width, max(1, round(width * photo.shape[0] / photo.shape[1]))))
        picture = Image.fromarray(small[..., ::-1].copy())
        for kind, suffix in SUFFIXES.items():
            for extra in ({}, {"progressive": True, "exif": exif}) if kind == "JPEG" else ({},):
                picture.save(folder / "original", kind, **extra)
                result.append(Original(suffix, (folder / "original").read_bytes()))
    (folder / "original").unlink()
    return result


def mutate(data: bytes, rng: np.random.Generator) -> bytes:
    """One to eight changes: bits, bytes, runs, cuts, repeats, and the end; half of them in the first 512 bytes."""
    out = bytearray(data)
    for _ in range(int(rng.integers(1, 9))):
        if len(out) < 4:
            break
        reach = min(len(out), 512) if rng.random() < 0.5 else len(out)
        place, length = int(rng.integers(reach)), int(rng.geometric(0.05))
        match int(rng.integers(7)):
            case 0:
                out[place] ^= 1 << int(rng.integers(8))
            case 1:
                out[place] = int(rng.integers(256))
            case 2:
                out[place] = int(rng.choice(INTERESTING))
            case 3:
                out[place : place + 4] = int(rng.integers(2**32)).to_bytes(4, "big")
            case 4:
                del out[place : place + length]
            case 5:
                out[place:place] = out[place : place + length]
            case _:
                if rng.random() < 0.3:
                    del out[place:]
                else:
                    out[place : place + length] = rng.bytes(length)
    return bytes(out)


@click.command()
@click.argument("photos", nargs=-1)
@click.option("--number", default=100_000, show_default=True, help="Files to damage.")
@click.option("--read", is_flag=True, help="Read the plates too, rather than only open the photos.")
@click.option("--width", default=160, show_default=True, help="Pixels, of the sound pictures.")
@click.option("--seconds", default=60.0, show_default=True, help="Time for a file.")
@click.option("--seed", default=0, show_default=True)
@click.option("--keep", default=Path("mutants"), type=click.Path(path_type=Path), help="Folder for telling files.")
def main(photos: tuple[str, ...], number: int, read: bool, width: int, seconds: float, seed: int, keep: Path) -> None:
    """Damage PHOTOS (default: the drawn sample) and read them in worker processes."""
    rng = np.random.default_rng(seed)
    told: Counter[str] = Counter()
    missing = 0
    task = Task(ReadingSettings().open if read else open_opener, threads=1)
    with tempfile.TemporaryDirectory() as name, Workers(task, most=cores(), seconds=seconds) as workers:
        sound = originals(list(find(photos or [str(SCENES)]))[:20], Path(name), width=width)
        for start in track(range(0, number, ROUND), "damaging", console=Console(stderr=True)):
            folder = Path(name) / "round"
            folder.mkdir()
            for i in range(start, min(number, start + ROUND)):
                original = sound[int(rng.integers(len(sound)))]
                (folder / f"{i}{original.suffix}").write_bytes(mutate(original.data, rng))
            table = Path(name) / "rows.jsonl"
            with Journal(table) as journal, Batch(open_sink(table), journal) as batch:
                batch.read(workers.read, scan(str(folder)))
                batch.complete()
            rows = [json.loads(line) for line in table.read_text(encoding="utf-8").splitlines()]
            missing += len({row["source"] for row in rows} ^ set(scan(str(folder))))
            for row in rows:
                if row["plate"] <= 1:
                    told[_verdict(row)] += 1
                    if _verdict(row) in ("crashed", "hung", "unforeseen error"):
                        keep.mkdir(parents=True, exist_ok=True)
                        shutil.copy(row["source"], keep)
                        Console(stderr=True).print(row["message"], soft_wrap=True)
            shutil.rmtree(folder)
    report = Table(title=f"{number:,} damaged photos, seed {seed}")
    report.add_column("what became of them")
    report.add_column("files", justify="right")
    for what, count in told.most_common():
        report.add_row(what, f"{count:,}")
    report.add_row("rows missing or too many", f"{missing:,}")
    Console().print(report)
    sys.exit(1 if missing or told["unforeseen error"] or sum(told.values()) != number else 0)


def _verdict(row: dict[str, str]) -> str:
    if row["status"] != Status.UNREADABLE_PHOTO:
        return "opened"
    for words, verdict in (
        ("reading it ended the process", "crashed"),
        ("reading it took longer", "hung"),
        ("reading it failed", "unforeseen error"),
    ):
        if words in row["message"]:
            return verdict
    return "refused with a reason"


if __name__ == "__main__":
    main()
