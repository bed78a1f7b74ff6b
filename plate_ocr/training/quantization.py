"""Readers and detectors whose convolutions compute in 8 bits (`training.int8`), and what that costs."""

from __future__ import annotations

import dataclasses
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from plate_ocr.detection.closer import CloserLook, window
from plate_ocr.detection.detector import Detection
from plate_ocr.detection.grid import first_scale, normalize, resize
from plate_ocr.detection.network import NetworkDetector
from plate_ocr.detection.quads import overlap
from plate_ocr.evaluation.evaluate import read_crops
from plate_ocr.evaluation.scenes import NEAR
from plate_ocr.labels import Label, LabelError
from plate_ocr.model_store import (
    CLOSER,
    DETECTOR_ONNX,
    ONNX,
    DetectorFiles,
    ModelError,
    ReaderFiles,
    file_sha256,
    open_detector,
    open_reader,
    open_session,
)
from plate_ocr.photos import PhotoError, load
from plate_ocr.plate import Corners
from plate_ocr.recognition.preprocess import prepare
from plate_ocr.recognition.recognizer import Recognizer
from plate_ocr.training.detector.export import load_detector, write_detector
from plate_ocr.training.export import TOLERANCE, write_crnn
from plate_ocr.training.int8 import Batch, quantize
from plate_ocr.training.weights import load_reader

CROPS, PHOTOS = 320, 80
"""Pictures from which the scales are taken."""

COMPARED = 1000
"""Pictures at most that are read or searched before and after."""

_Picture = TypeVar("_Picture")
_Files = ReaderFiles | DetectorFiles


@dataclasses.dataclass(frozen=True)
class Cost:
    """What 8 bits changed: over a number of `pictures`, besides `unopened` ones, how many texts were right or plates
    were found, before and after; how many of those before are the `same` after; how many milliseconds the network takes
    for one picture on one thread; and the bytes of its file."""

    pictures: int
    unopened: int
    found: tuple[int, int]
    same: int
    milliseconds: tuple[float, float]
    size: tuple[int, int]


def quantize_reader(run: Path, labels: Sequence[Label]) -> Cost:
    """Replace the reader.onnx in a folder by one in 8 bits, its scales taken from some of these crops, and compare. The
    `same` are those of which the text is.

    Needs the TensorFlow backend. Raises ModelError for a folder without weights, a head with attention, or an ONNX file
    that differs from Keras before, LabelError if no crop can be opened.
    """
    files = open_reader(run)
    if files.head != "ctc":
        raise ModelError(f"{run} has a head with attention; --int8 is for readers with the head ctc, and for detectors")
    some = _some([label for label in labels if label.text])
    opened = _opened([label.path for label in some])
    known = [label for label in some if label.path in opened]
    crops = prepare([opened[label.path] for label in known], files.size)
    with _plain(files, ONNX, partial(write_crnn, load_reader(files))) as plain:
        batches = [crops[i : i + 16] for i in range(0, min(len(crops), CROPS), 16)]
        _replace(files, ONNX, plain, batches)
        before, after = (
            [read.text for read in read_crops(Recognizer(folder, alone=True), known)] for folder in (plain, run)
        )
        texts = [label.text for label in known]
        return Cost(
            len(known),
            len(some) - len(known),
            (_alike(before, texts), _alike(after, texts)),
            _alike(before, after),
            *_measure(plain / ONNX, run / ONNX, [crop[None] for crop in crops[:100]]),
        )


def quantize_detector(run: Path, photos: Sequence[Path]) -> Cost:
    """Replace the detector.onnx in a folder by one in 8 bits, its scales taken from some of these photos, and compare.
    The `same` are finds of which half is shared with one after.

    Raises ModelError for a folder without weights or an ONNX file that differs from Keras before, LabelError if no
    photo can be opened.
    """
    files = open_detector(run)
    some = _some(photos)
    pictures = list(_opened(some).values())
    detect, looks = _closer_look(pictures) if files.about.get("closer") else _first_look(pictures)
    with _plain(files, DETECTOR_ONNX, partial(write_detector, load_detector(files))) as plain:
        before = detect(plain)
        batches = [normalize(look[None])[:, None] for look in looks]
        _replace(files, DETECTOR_ONNX, plain, batches)
        after = detect(run)
        return Cost(
            len(pictures),
            len(some) - len(pictures),
            (sum(map(len, before)), sum(map(len, after))),
            sum(_again(find, finds) for early, finds in zip(before, after, strict=True) for find in early),
            *_measure(plain / DETECTOR_ONNX, run / DETECTOR_ONNX, batches),
        )


_Finds = list[list[Detection]]
_Pixels = NDArray[np.uint8]


def _first_look(pictures: Sequence[_Pixels]) -> tuple[Callable[[Path], _Finds], list[_Pixels]]:
    """What a detector's folder finds in each picture, and what its network sees of some."""

    def detect(folder: Path) -> _Finds:
        network = NetworkDetector(folder)
        return [network.detect(picture) for picture in pictures]

    return detect, [resize(picture, first_scale(picture)) for picture in pictures[:PHOTOS]]


def _closer_look(pictures: Sequence[_Pixels]) -> tuple[Callable[[Path], _Finds], list[_Pixels]]:
    """What a folder with a network for the closer look makes of what the shipped detector finds at first look, and what
    that network sees of some finds."""
    first = NetworkDetector(refine=False)
    found = [[(find.corners.array, find.score) for find in first.detect(picture)] for picture in pictures]

    def detect(folder: Path) -> _Finds:
        closer = CloserLook(folder)
        return [
            [Detection(Corners.of(quad), score) for quad, score in (closer(picture, finds) if finds else ())]
            for picture, finds in zip(pictures, found, strict=True)
        ]

    seen = [window(picture, finds[0][0])[0] for picture, finds in zip(pictures, found, strict=True) if finds]
    return detect, seen[:PHOTOS]


def _some(pictures: Sequence[_Picture]) -> list[_Picture]:
    """At most COMPARED of the pictures, always the same ones."""
    chosen = np.random.default_rng(0).permutation(len(pictures))[:COMPARED]
    return [pictures[i] for i in chosen]


def _opened(paths: Sequence[Path]) -> dict[Path, NDArray[np.uint8]]:
    """The pictures that can be opened, in grey."""
    pictures = {}
    for path in paths:
        try:
            pictures[path] = load(path, grey=True)
        except PhotoError:
            continue  # they are counted
    if not pictures:
        raise LabelError(f"none of {len(paths)} pictures can be opened; --int8 needs some to take its scales from")
    return pictures


@contextmanager
def _plain(files: _Files, name: str, write: Callable[[Path], float]) -> Iterator[Path]:
    """A folder with a model's network in single precision, whatever it was."""
    with TemporaryDirectory() as folder:
        plain = Path(folder)
        difference = write(plain)
        if not difference <= TOLERANCE:
            raise ModelError(f"{name} differs from Keras by {difference:.2e}; at most {TOLERANCE} passes")
        _save(dataclasses.replace(files, folder=plain), name)
        if (files.folder / CLOSER).is_dir():
            shutil.copytree(files.folder / CLOSER, plain / CLOSER)
        yield plain


def _replace(files: _Files, name: str, plain: Path, batches: Sequence[Batch]) -> None:
    """Put the network of the folder `plain` into the model's own in 8 bits, when it is whole."""
    quantize(plain / name, plain / "int8.onnx", batches)
    shutil.move(plain / "int8.onnx", files.folder / name)
    _save(files, name)


def _save(files: _Files, name: str) -> None:
    """Write the JSON that belongs to a file that has changed."""
    dataclasses.replace(files, sha256={**files.sha256, name: file_sha256(files.folder / name)}).save()


def _alike(some: Sequence[str], others: Sequence[str]) -> int:
    return sum(a == b for a, b in zip(some, others, strict=True))


def _again(find: Detection, finds: Sequence[Detection]) -> bool:
    """Whether one of the finds shares half with this one."""
    return any(overlap(find.corners.array, other.corners.array)[0] >= NEAR for other in finds)


def _measure(before: Path, after: Path, batches: Sequence[Batch]) -> tuple[tuple[float, float], tuple[int, int]]:
    """Milliseconds of a run on one thread, of which half take less, and bytes, of two files."""
    milliseconds = []
    for path in (before, after):
        session = open_session(path, threads=1)
        given = session.get_inputs()[0].name
        times = []
        for batch in batches:
            start = time.perf_counter()
            session.run(None, {given: batch})
            times.append(time.perf_counter() - start)
        milliseconds.append(1000 * float(np.median(times)))
    return (milliseconds[0], milliseconds[1]), (before.stat().st_size, after.stat().st_size)
