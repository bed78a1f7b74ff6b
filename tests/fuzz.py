"""Whatever reads a file, by name; and coverage-guided fuzzing of each of them with atheris.

    pip install atheris
    python -m tests.fuzz photos -max_total_time=600

Begins with the files of tests/corpus; what finds new ways through the code is kept in fuzz/, and what a room did not
foresee ends the run and is written to fuzz/crash-…: mend the room, and put that file into tests/corpus.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"

PIXELS = 1 << 22
"""Larger pictures are refused while fuzzing, which is about odd files and not about patience."""

Room = Callable[[bytes, Path], None]
"""Reads a file of these bytes, in a folder of its own if it needs one; raises whatever is not the room's own error."""


def photos(content: bytes, _: Path) -> None:
    """The photo opener."""
    from plate_ocr.photos import PhotoError, load

    for grey in (False, True):
        with suppress(PhotoError):
            load(content, grey=grey, max_pixels=PIXELS)


def labels(content: bytes, folder: Path) -> None:
    """Tables of crops and of photos."""
    from plate_ocr.labels import LabelError, read_labels, read_photos

    table = folder / "labels.csv"
    table.write_bytes(content)
    for read in (read_labels, read_photos):
        for splits in (None, ["train"]):
            with suppress(LabelError):
                assert read(table, splits), "a table without rows is an error, not an empty list"


def regions(content: bytes, folder: Path) -> None:
    """Region files."""
    from plate_ocr.synthesis.region import RegionError, load_region

    (folder / "mine.yaml").write_bytes(content)
    with suppress(RegionError):
        load_region(folder / "mine.yaml")


def models(content: bytes, folder: Path) -> None:
    """Descriptions of models, each opened as one of every kind."""
    from plate_ocr import model_store

    for kind in ("reader", "detector", "language", "regions"):
        (folder / f"{kind}.json").write_bytes(content)
        with suppress(model_store.ModelError):
            getattr(model_store, f"open_{kind}")(folder)


ROOMS: dict[str, Room] = {room.__name__: room for room in (photos, labels, regions, models)}


def main() -> None:
    """Fuzz the room that the first argument names; the others are libFuzzer's."""
    if len(sys.argv) < 2 or sys.argv[1] not in ROOMS:
        sys.exit(f"usage: python -m tests.fuzz {'|'.join(ROOMS)} [options of libFuzzer, such as -max_total_time=600]")
    if importlib.util.find_spec("atheris") is None:
        sys.exit("fuzzing needs atheris; install it with: pip install atheris")
    atheris = importlib.import_module("atheris")
    # Only what is imported in here tells the fuzzer which branches an input took.
    with atheris.instrument_imports(include=["plate_ocr", "PIL", "yaml", "csv", "json"]):
        for name in ("photos", "labels", "synthesis.region", "model_store"):
            importlib.import_module(f"plate_ocr.{name}")
    name = sys.argv[1]
    kept = Path("fuzz") / name
    kept.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        crash = f"-artifact_prefix={kept.parent}/"
        atheris.Setup(
            [sys.argv[0], str(kept), str(CORPUS / name), crash, "-rss_limit_mb=4096", *sys.argv[2:]],
            lambda content: ROOMS[name](content, Path(folder)),
        )
        atheris.Fuzz()


if __name__ == "__main__":
    main()
