"""Plates of two lines whose number is not written as it stands."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest

from plate_ocr.labels import Label
from plate_ocr.plate import Character, RegionGuess
from plate_ocr.recognition.decoder import DecoderSettings
from plate_ocr.recognition.order import Order
from plate_ocr.recognition.recognizer import Reading, Recognizer
from plate_ocr.synthesis.drawing import draw_plate
from plate_ocr.synthesis.fonts import FontLibrary
from plate_ocr.synthesis.region import load_regions
from plate_ocr.training.teacher import consult

ORDER = Order(load_regions())


@pytest.mark.parametrize(
    ("lines", "region", "number"),
    [
        (("9785", "86T"), "TN", "86T9785"),
        (("978", "586T"), "TN", "586T978"),
        (("L767", "HA01"), "UZ", "01L767HA"),
        (("123", "ABC30"), "UZ", "30123ABC"),
    ],
)
def test_a_number_is_put_in_order_and_back(lines: tuple[str, str], region: str, number: str) -> None:
    standing = "".join(lines)
    assert "".join(standing[i] for i in ORDER.written(lines, region)) == number
    assert ORDER.standing(number, region) == standing


@pytest.mark.parametrize(
    ("lines", "region"),
    [(("L767", "HA01"), "RU"), (("L767", "HA02"), "UZ"), (("서울31", "머2321"), "KR"), (("", ""), "TN")],
)
def test_what_fits_no_such_layout_stays(lines: tuple[str, str], region: str) -> None:
    assert ORDER.written(lines, region) == tuple(range(sum(map(len, lines))))
    assert ORDER.standing("".join(lines), region) == ""


def test_drawn_plates_say_how_they_stand() -> None:
    """The network learns a plate as it stands; whoever asks for its number gets that."""
    library = FontLibrary()
    for region in load_regions(["tn", "uz", "kr"]):
        for layout in region.layouts:
            plate = draw_plate(region, library, np.random.default_rng(3), layout=layout)
            assert sorted(plate.standing) == sorted(plate.text)
            assert (ORDER.standing(plate.text, region.code) or plate.text) == plate.standing or layout.lines == 1
            assert (plate.standing != plate.text) == (region.code != "KR" and layout.lines == 2)


def test_a_reading_keeps_each_character_with_its_confidence_and_place() -> None:
    characters = tuple(Character(c, (i + 1) / 10) for i, c in enumerate("978586T"))
    reading = Reading(characters, 0.9, (0.2, 0.4, 0.6, 0.8, 0.2, 0.4, 0.7), (RegionGuess("TN", 1.0),))
    assert reading.breaks == [4]
    written = reading.ordered(ORDER.written(("9785", "86T"), "TN"))
    assert written.text == "86T9785"
    assert [c.confidence for c in written.characters] == [0.5, 0.6, 0.7, 0.1, 0.2, 0.3, 0.4]
    assert written.places == (0.2, 0.4, 0.7, 0.2, 0.4, 0.6, 0.8)
    assert written.lines == 2


@pytest.mark.parametrize("code", ["tn", "uz"])
def test_plates_of_two_lines_are_read_as_their_number_is_written(code: str) -> None:
    region, library = load_regions([code])[0], FontLibrary()
    layout = next(layout for layout in region.layouts if layout.out_of_order)
    plates = [draw_plate(region, library, np.random.default_rng(seed), layout=layout) for seed in range(12)]
    loose = [cv2.copyMakeBorder(p.picture, 8, 8, 8, 8, cv2.BORDER_CONSTANT, value=(90, 90, 90)) for p in plates]
    written, standing = (
        [reading.text for reading in Recognizer(decoding=DecoderSettings(formats=mode)).read(loose)]
        for mode in ("soft", "off")
    )
    assert sum(read == plate.text for read, plate in zip(written, plates, strict=True)) >= 8
    assert sum(read == plate.standing for read, plate in zip(standing, plates, strict=True)) >= 8


def test_a_known_plate_of_two_lines_is_recognised_as_it_stands() -> None:
    region, library = load_regions(["tn"])[0], FontLibrary()
    layout = next(layout for layout in region.layouts if layout.out_of_order)
    plates = [draw_plate(region, library, np.random.default_rng(seed), layout=layout) for seed in range(12)]
    loose = [cv2.copyMakeBorder(p.picture, 8, 8, 8, 8, cv2.BORDER_CONSTANT, value=(90, 90, 90)) for p in plates]
    # Too small to be sure of, so that a list has something to say.
    doubtful = [cv2.resize(crop, None, fx=0.18, fy=0.18, interpolation=cv2.INTER_AREA) for crop in loose]
    doubtful = [cv2.GaussianBlur(crop, (3, 3), 0.8) for crop in doubtful]
    known = tuple(plate.text for plate in plates)
    alone, listed = (
        Recognizer(looks=False, decoding=DecoderSettings(known=plates_known)).read(doubtful)
        for plates_known in ((), known)
    )
    right = [sum(r.text == text for r, text in zip(reads, known, strict=True)) for reads in (alone, listed)]
    assert right[1] >= right[0] + 3
    assert any(reading.read_as and reading.text in known for reading in listed)


def test_labels_of_square_plates_are_learned_as_they_stand(tmp_path: Path) -> None:
    """A table has the number as it is written, whatever the plate's shape."""
    region, library = load_regions(["tn"])[0], FontLibrary()
    labels = []
    for layout in region.layouts[0], region.layouts[2]:
        plate = draw_plate(region, library, np.random.default_rng(3), layout=layout)
        labels.append(Label(tmp_path / f"{plate.lines}.png", plate.text, "TN"))
        loose = cv2.copyMakeBorder(plate.picture, 40, 40, 40, 40, cv2.BORDER_CONSTANT, value=(150, 160, 170))
        cv2.imwrite(str(labels[-1].path), loose)
    assert consult("reader", labels, distrust=0.0, straighten=True).standing == {1: plate.standing}
    said = [dataclasses.replace(label, lines=2) for label in labels]
    assert set(consult("reader", said, distrust=0.0).standing) == {0, 1}
