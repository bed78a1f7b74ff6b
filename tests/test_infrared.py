"""Plates as a camera with an infrared lamp sees them."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest

from plate_ocr.recognition.preprocess import to_grey
from plate_ocr.synthesis import generator
from plate_ocr.synthesis.drawing import draw_plate
from plate_ocr.synthesis.fonts import FontError, FontLibrary
from plate_ocr.synthesis.generator import CropGenerator
from plate_ocr.synthesis.region import Paint, Region, load_regions
from plate_ocr.synthesis.weather import Place, infrared

PHOTO = np.full((160, 320, 3), (120, 90, 60), np.uint8)
PLACE = Place(110.0, 60.0, 100.0, 24.0)
PHOTO[60:84, 110:210] = 215
PHOTO[66:78, 120:200:8] = 20


@pytest.fixture(scope="module")
def library() -> FontLibrary:
    found = FontLibrary()
    try:
        found.for_text(["DejaVuSans-Bold"])
    except FontError as error:
        pytest.skip(f"drawing needs fonts: {error}")
    return found


def painted(plate: tuple[int, int, int], ink: tuple[int, int, int]) -> Region:
    """Germany, in these colours (blue, green, red)."""
    (region,) = load_regions(["de"])
    layout = dataclasses.replace(region.layouts[0], paints=(Paint(plate, ink, 1.0),), decor={}, background="plain")
    return dataclasses.replace(region, layouts=(layout,))


@pytest.mark.parametrize("seed", range(12))
def test_a_plate_throws_the_lamps_light_back_and_the_rest_is_dark(seed: int) -> None:
    seen = infrared(PHOTO, PLACE, np.random.default_rng(seed))
    assert seen.shape == PHOTO.shape
    assert (seen == seen[..., :1]).all(), "a camera without colours"
    plate, bumper = seen[60:84, 110:210, 0], seen[100:, :, 0]
    assert np.percentile(plate, 95) > 3 * bumper.mean()
    assert np.percentile(plate, 95) > 2 * plate.min(), "what is written can still be told from the plate"
    np.testing.assert_array_equal(
        infrared(to_grey(PHOTO), PLACE, np.random.default_rng(seed)),
        seen[..., 0],
    )


def test_some_crops_are_infrared_and_all_others_as_they_would_be_without(
    monkeypatch: pytest.MonkeyPatch, library: FontLibrary
) -> None:
    regions = load_regions(["us"])
    some = [CropGenerator(regions, library).draw(seed) for seed in range(80)]
    monkeypatch.setattr(generator, "INFRARED", 0.0)
    none = [CropGenerator(regions, library).draw(seed) for seed in range(80)]
    changed = [
        a.picture.shape != b.picture.shape or (a.picture != b.picture).any() for a, b in zip(some, none, strict=True)
    ]
    assert 1 <= sum(changed) <= 12
    assert [crop.text for crop in some] == [crop.text for crop in none]
    for crop, lamp in zip(some, changed, strict=True):
        assert crop.picture.ndim == 3
        assert not lamp or (crop.picture == crop.picture[..., :1]).all()


def test_colours_are_paler_the_redder_they_are(library: FontLibrary) -> None:
    def tone(plate: tuple[int, int, int], ink: tuple[int, int, int]) -> tuple[float, float]:
        drawn = [
            draw_plate(painted(plate, ink), library, np.random.default_rng(seed), infrared=True).picture
            for seed in range(6)
        ]
        return float(np.mean([np.median(one) for one in drawn])), float(np.mean([one.min() for one in drawn]))

    yellow, black = tone((20, 190, 240), (15, 15, 15))
    blue, _ = tone((170, 70, 20), (245, 245, 245))
    assert yellow > 170
    assert black < 60
    assert blue < 90


def test_text_that_infrared_would_take_away_stays(library: FontLibrary) -> None:
    for seed in range(6):
        seen = draw_plate(painted((240, 240, 240), (30, 30, 220)), library, np.random.default_rng(seed), infrared=True)
        assert seen.picture.ndim == 2
        assert cv2.meanStdDev(seen.picture)[1].item() > 15, "red on white, in grey"
