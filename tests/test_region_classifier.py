"""What tells regions apart by looks: with formats, in training, and where a format leaves no doubt."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from plate_ocr import PlateReader
from plate_ocr.batch.sinks import json_row, plate_of_json
from plate_ocr.cli import main
from plate_ocr.evaluation.metrics import naming
from plate_ocr.model_store import open_regions
from plate_ocr.photos import load
from plate_ocr.recognition.decoder import DecoderSettings
from plate_ocr.recognition.recognizer import Recognizer
from plate_ocr.recognition.region_classifier import RegionClassifier, combined, looks_of
from plate_ocr.synthesis.fonts import FontLibrary
from plate_ocr.synthesis.generator import CropGenerator
from plate_ocr.synthesis.region import load_regions
from tests.conftest import SAMPLE

SHARES = st.dictionaries(st.sampled_from(["KR", "BR", "US", "TN"]), st.floats(0.001, 1), max_size=4)


@given(SHARES, SHARES)
def test_formats_and_looks_give_probabilities_of_regions_that_both_allow(
    by_text: dict[str, float], by_looks: dict[str, float]
) -> None:
    found = combined(by_text, by_looks)
    # A format rules regions out; a text without one leaves the looks alone.
    assert set(found) == set(by_text or by_looks)
    assert sum(found.values()) == pytest.approx(1 if found else 0)
    assert list(found.values()) == sorted(found.values(), reverse=True)


def test_looks_decide_between_regions_that_write_alike() -> None:
    alike = {"BR": 0.5, "AR": 0.5}
    assert next(iter(combined(alike, {"AR": 0.9, "BR": 0.05, "KR": 0.05}))) == "AR"
    # What a region's format rules out, no looks bring back.
    assert "KR" not in combined(alike, {"KR": 1.0})


def test_the_shape_that_stretching_takes_away_is_told() -> None:
    crops = np.zeros((2, 48, 160), np.uint8)
    looks = looks_of(crops, np.array([1.0, np.e], np.float32))
    assert looks.shape == (2, 48, 160, 2)
    assert looks[0, ..., 1] == pytest.approx(0)
    assert looks[1, ..., 1] == pytest.approx(1)


def test_the_shipped_one_tells_drawn_plates_apart() -> None:
    classifier = RegionClassifier()
    regions = [region for region in load_regions() if region.code in ("KR", "CN", "US")]
    generator = CropGenerator(regions, FontLibrary(), strength=0.3)
    drawn = [generator.draw([5, i]) for i in range(60)]
    found = classifier([crop.picture for crop in drawn])
    assert found.shape == (60, len(classifier.codes))
    assert found.sum(axis=1) == pytest.approx(1, abs=1e-4)
    named = [classifier.codes[i] for i in found.argmax(axis=1)]
    # Of 32 regions, most of them alike at this size; and this machine may lack the fonts that it learned.
    assert np.mean([code == crop.region for code, crop in zip(named, drawn, strict=True)]) > 0.4
    assert classifier([]).shape == (0, len(classifier.codes))


def test_every_region_that_a_plate_can_be_of_is_told_with_its_probability() -> None:
    photos = sorted((SAMPLE / "scenes").glob("*.jpg"))[:8]
    plates = [plate for plate in PlateReader().read_many(photos) if plate.text]
    assert len(plates) > 5
    for plate in plates:
        likely = [guess.probability for guess in plate.regions]
        assert likely == sorted(likely, reverse=True)
        assert 0.8 < sum(likely) < 1.0001
        named = [guess.region for guess in plate.regions if guess.probability >= 0.9]
        assert plate.region == (named[0] if named else "")
        assert plate_of_json(json.loads(json.dumps(json_row(plate)))) == plate
    assert any(len(plate.regions) > 1 for plate in plates)


def test_a_text_outside_the_regions_asked_for_is_none_of_theirs() -> None:
    crops = [load(path) for path in sorted((SAMPLE / "crops").glob("*.jpg"))[:8]]
    asked = Recognizer(decoding=DecoderSettings(regions=("kr",))).read(crops)
    assert {reading.region for reading in asked} <= {"KR", ""}


def test_namings_are_counted() -> None:
    counts = naming([("KR", "KR"), ("KR", "CN"), ("US", ""), ("US", "US")])
    assert (counts.right, counts.wrong, counts.unnamed, counts.plates) == (2, 1, 1, 4)
    assert counts.shares() == (0.5, 0.25, 0.25)
    assert all(map(math.isnan, naming([]).shares()))


@pytest.mark.train
@pytest.mark.usefixtures("eagerly")
def test_a_run_resumes_exports_and_is_used(tiny_crops: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorflow", reason="training needs the train extra")
    pytest.importorskip("albumentations", reason="training needs the train extra")
    from plate_ocr.training.config import TrainConfig
    from plate_ocr.training.region_classifier import export_regions, train_regions

    table = tmp_path / "labels.csv"
    table.write_text(
        tiny_crops.read_text(encoding="utf-8")
        .replace(",XX,", ",KR,")
        .replace("\n", f"\n{tiny_crops.parent}/")
        .rsplit("\n", 1)[0],
        encoding="utf-8",
    )
    run = tmp_path / "run"
    settings = {"splits": ("train",), "regions": (("kr", 1.0), ("de", 1.0)), "synthetic": 0.8, "steps": 2, "batch": 8}
    config = TrainConfig(labels=(str(table),), dev_splits=("dev",), epochs=2, **settings)
    train_regions(config, run, workers=0, say=lambda _: None)
    assert export_regions(run) < 1e-4
    assert open_regions(run).codes == ("DE", "KR")
    assert RegionClassifier(run)([np.zeros((20, 90, 3), np.uint8)]).shape == (1, 2)
    history = (run / "history.csv").read_text(encoding="utf-8").splitlines()
    assert len(history) == 3
    assert "dev_regions_right" in history[0]
    (run / "config.json").write_text((run / "config.json").read_text().replace('"epochs": 2', '"epochs": 3'))
    train_regions(config, run, resume=True, workers=0, say=lambda _: None)
    assert len((run / "history.csv").read_text(encoding="utf-8").splitlines()) == 4
    again = CliRunner().invoke(main, ["train-regions", "-o", str(run), "--resume", "--workers", "0"])
    assert again.exit_code == 0, again.output
    alone = CliRunner().invoke(
        main, ["train-regions", "-o", str(tmp_path / "one"), "--regions", "kr", "--synthetic", "1"]
    )
    assert alone.exit_code == 1
    assert "at least two" in alone.output
