"""The whole pipeline behind detectors that say what they are told to."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from plate_ocr import PlateReader
from plate_ocr.detection import Detection
from plate_ocr.photos import load
from plate_ocr.plate import Corners, Status
from tests.conftest import SAMPLE

PHOTO = SAMPLE / "scenes" / "00004.jpg"
"""One car; where the detectors below point, there is no plate."""


class Says:
    """A detector with one opinion."""

    def __init__(self, found: Sequence[Detection]) -> None:
        self.found = list(found)
        self.threads: set[int] = set()

    def detect(self, photo: NDArray[np.uint8]) -> list[Detection]:
        assert photo.ndim in (2, 3)
        self.threads.add(threading.get_ident())
        return self.found


def road(score: float) -> Detection:
    """Asphalt, where nothing is written."""
    return Detection(Corners.of_box(20, 700, 160, 40), score)


def test_a_plate_too_small_to_read_keeps_its_corners_and_gets_no_text() -> None:
    tiny = Detection(Corners.of_box(100, 100, 22, 5), 0.9)
    (plate,) = PlateReader(detector=Says([tiny])).read(PHOTO)
    assert plate.status is Status.TOO_SMALL
    assert (plate.text, plate.number, plate.corners) == ("", 1, tiny.corners)
    assert not plate.ok


def test_what_holds_no_text_is_a_plate_only_to_a_detector_that_is_certain() -> None:
    (doubtful,) = PlateReader(detector=Says([road(0.5)])).read(PHOTO)
    assert doubtful.status is Status.NO_PLATE
    (certain,) = PlateReader(detector=Says([road(0.95)])).read(PHOTO)
    assert certain.status is not Status.NO_PLATE
    assert certain.corners == road(0.95).corners


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_crop_on_which_nothing_is_written_is_unreadable(level: int) -> None:
    (plate,) = PlateReader(crops=True).read(np.full((48, 160, 3), level, np.uint8))
    assert plate.status is Status.UNREADABLE_PLATE
    assert (plate.text, plate.confidence, plate.characters) == ("", 0.0, ())
    assert not plate.ok


def test_plates_are_numbered_in_the_detectors_order() -> None:
    found = [Detection(Corners.of_box(100, 100, 22, 5), 0.9), road(0.2), Detection(Corners.of_box(9, 9, 12, 4), 0.8)]
    plates = PlateReader(detector=Says(found)).read(PHOTO)
    assert [plate.number for plate in plates] == [1, 2]
    assert [plate.corners for plate in plates] == [found[0].corners, found[2].corners]


def test_photos_are_searched_in_other_threads_in_order_and_a_failure_is_not_swallowed() -> None:
    says = Says([])
    photos = [np.full((40, 60 + i, 3), 90, np.uint8) for i in range(9)]
    sources = [plate.source for plate in PlateReader(detector=says, threads=2).read_many(photos, batch=2)]
    assert sources == [f"<array {i}>" for i in range(9)]
    assert threading.get_ident() not in says.threads

    class Broken:
        def detect(self, photo: NDArray[np.uint8]) -> list[Detection]:
            raise RuntimeError(f"out of order at {photo.shape}")

    with pytest.raises(RuntimeError, match="out of order"):
        list(PlateReader(detector=Broken()).read_many(photos))


@pytest.mark.skipif(sys.platform == "win32", reason="nothing forks there")
def test_a_reader_that_has_read_reads_on_in_a_forked_process() -> None:
    reader = PlateReader(detector=Says([]), threads=1)
    photo = np.full((40, 60, 3), 90, np.uint8)
    assert len(list(reader.read_many([photo]))) == 1
    time.sleep(0.2)  # until the thread that searched is idle again
    with warnings.catch_warnings():
        # Python warns of any fork beside threads; that it works all the same is what is tested.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        signal.alarm(30)
        os._exit(len(list(reader.read_many([photo]))) != 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, "or it waits for threads that it does not have"


@pytest.mark.parametrize("turns", [1, 3])
def test_a_plate_on_its_side_is_read_whichever_way_it_was_turned(turns: int) -> None:
    crop = load(SAMPLE / "crops" / "00002.jpg")
    upright = PlateReader(detector=Says([_whole(crop)])).read(crop)[0]
    assert len(upright.text) > 4
    turned = np.ascontiguousarray(np.rot90(crop, turns))
    (plate,) = PlateReader(detector=Says([_whole(turned)])).read(turned)
    assert plate.text == upright.text
    # Its own top left comes first, as for any plate: counter-clockwise turns take that to the photo's bottom left.
    assert plate.corners is not None
    height, width = turned.shape[:2]
    assert plate.corners.points[0] == ((0, height) if turns == 1 else (width, 0))


def _whole(picture: NDArray[np.uint8]) -> Detection:
    height, width = picture.shape[:2]
    return Detection(Corners.of_box(0, 0, width, height), 0.9)
