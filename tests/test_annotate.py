"""What stands on a photo beside a plate."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from plate_ocr.batch import annotate as module
from plate_ocr.batch.annotate import annotate
from plate_ocr.plate import Corners, Plate, Status

PLACE = Corners.of_box(120, 90, 60, 14)


def written(monkeypatch: pytest.MonkeyPatch, plate: Plate) -> tuple[list[str], np.ndarray]:
    """The words that are drawn for a plate, and the photo they stand on."""
    words: list[str] = []
    draw = cv2.putText

    def listen(canvas: Any, text: str, *rest: Any) -> Any:
        words.append(text)
        return draw(canvas, text, *rest)

    monkeypatch.setattr(module.cv2, "putText", listen)
    return words, annotate(np.full((240, 320, 3), 90, np.uint8), [plate])


@pytest.mark.parametrize(("status", "says"), [(Status.TOO_SMALL, "too small"), (Status.UNREADABLE_PLATE, "unreadable")])
def test_a_plate_that_was_not_read_says_why_and_gives_no_confidence(
    monkeypatch: pytest.MonkeyPatch, status: Status, says: str
) -> None:
    words, picture = written(monkeypatch, Plate("a.jpg", status=status, number=1, corners=PLACE))
    assert words == [says]
    ink = np.argwhere((picture.min(axis=2) > 130) & (np.ptp(picture.astype(int), axis=2) < 40))
    assert len(ink) > 30, "the words can be seen"


def test_a_plate_that_was_read_shows_its_text_and_confidence(monkeypatch: pytest.MonkeyPatch) -> None:
    words, _ = written(monkeypatch, Plate("a.jpg", "12가3456", 0.62, Status.UNSURE, number=1, corners=PLACE))
    assert words == ["12가3456", "62%"]
