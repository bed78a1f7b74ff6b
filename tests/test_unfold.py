"""Plates of two lines, looked at with these side by side."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from plate_ocr.recognition.recognizer import Recognizer
from plate_ocr.recognition.unfold import HEIGHT, side_by_side, unfolded
from plate_ocr.synthesis.drawing import draw_plate
from plate_ocr.synthesis.fonts import FontError, FontLibrary
from plate_ocr.synthesis.generator import CropGenerator
from plate_ocr.synthesis.region import Region, load_regions
from plate_ocr.training.config import ConfigError, TrainConfig
from plate_ocr.training.samples import Samples


def fonts_for(region: Region) -> FontLibrary:
    library = FontLibrary()
    try:
        library.for_text(region.fonts)
    except FontError as error:
        pytest.skip(f"drawing needs fonts: {error}")
    if not library.writes(region.characters):
        pytest.skip(f"no font here writes {region.name}'s plates")
    return library


def two_lines() -> tuple[NDArray[np.uint8], int]:
    """A white plate with dark bars for characters, two above and four below, and where the lines part."""
    plate = np.full((100, 200), 230, np.uint8)
    for x in (70, 110):
        plate[10:34, x : x + 20] = 20
    for x in (15, 60, 105, 150):
        plate[48:94, x : x + 30] = 60
    return plate, 41


def test_the_upper_line_comes_first_and_is_as_high_as_the_lower() -> None:
    plate, _ = two_lines()
    flat = unfolded(plate, (0.4, 0.6), (0.15, 0.375, 0.6, 0.825))
    assert flat is not None
    assert flat.shape[0] == HEIGHT
    dark, light = flat < 40, (flat > 40) & (flat < 90)
    assert dark.any()
    assert light.any()
    assert np.flatnonzero(dark.any(axis=0)).max() < np.flatnonzero(light.sum(axis=0) > 10).min()
    height = {name: int(ink.any(axis=1).sum()) for name, ink in (("upper", dark), ("lower", light))}
    assert abs(height["upper"] - height["lower"]) <= 0.35 * HEIGHT, "24 and 46 pixels before"


@given(st.integers(1, 40), st.integers(1, 90), st.lists(st.floats(0, 1), min_size=2, max_size=6))
def test_any_crop_is_unfolded_or_told_to_be_too_small(high: int, wide: int, places: list[float]) -> None:
    crop = np.random.default_rng(0).integers(0, 255, (high, wide), dtype=np.uint8)
    flat = unfolded(crop, places[:1], places[1:])
    assert (flat is None) == (min(high, wide) < 8)
    assert flat is None or (flat.shape[0] == HEIGHT and flat.shape[1] >= 8)


def test_a_part_beside_the_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="no pixel of the part"):
        side_by_side(np.zeros((20, 40), np.uint8), [(50, 0, 60, 20)])


def test_small_characters_of_the_upper_line_are_read_better_so(monkeypatch: pytest.MonkeyPatch) -> None:
    (china,) = load_regions(["cn"])
    library = fonts_for(china)
    layout = next(layout for layout in china.layouts if layout.lines == 2)
    plates = [
        draw_plate(china, library, np.random.default_rng(seed), layout=layout, lines_px=64, grey=True)
        for seed in range(40)
    ]
    crops = [cv2.copyMakeBorder(plate.picture, 5, 5, 5, 5, cv2.BORDER_REPLICATE) for plate in plates]
    reader = Recognizer(straighten=False)

    def right() -> int:
        return sum(reading.text == plate.text for reading, plate in zip(reader.read(crops), plates, strict=True))

    with_it = right()
    assert all(reading.lines == 2 for reading in reader.read(crops) if len(reading.text) == 7)
    monkeypatch.setattr(Recognizer, "_line_beside_line", lambda *_: {})
    assert with_it > right()


def test_drawn_plates_of_two_lines_are_shown_so_in_training() -> None:
    (korea,) = load_regions(["kr"])
    old = dataclasses.replace(korea, layouts=tuple(layout for layout in korea.layouts if layout.lines == 2))
    library = fonts_for(korea)
    folded, flat = (CropGenerator([old], library, grey=True, unfold=share) for share in (0.0, 1.0))
    drawn = [(folded.draw(seed), flat.draw(seed)) for seed in range(8)]
    for before, after in drawn:
        assert (before.text, before.standing) == (after.text, after.standing)
        assert (before.lines, after.lines) == (2, 1)
    wide = [
        np.median([crop.picture.shape[1] / crop.picture.shape[0] for crop in crops])
        for crops in zip(*drawn, strict=True)
    ]
    assert wide[1] > 1.4 * wide[0]


def test_the_share_is_a_setting_of_a_run() -> None:
    fonts_for(load_regions(["kr"])[0])
    config = TrainConfig(synthetic=1, regions=(("kr", 1.0),), batch=16, seed=3)
    crops = [
        np.stack([sample.crop for sample in Samples(dataclasses.replace(config, unfold=share), []).samples(0, 0)])
        for share in (0.0, 1.0)
    ]
    assert not np.array_equal(*crops)
    with pytest.raises(ConfigError, match="unfold is a number from 0 to 1"):
        dataclasses.replace(config, unfold=1.5)
