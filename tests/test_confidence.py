"""Calibration: the curve, what it does to a reading, and the command that learns it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from plate_ocr.cli import main
from plate_ocr.labels import read_labels
from plate_ocr.model_store import ModelError, shipped
from plate_ocr.photos import load
from plate_ocr.recognition.confidence import Confidence, fit_curve
from plate_ocr.recognition.recognizer import Recognizer
from tests.conftest import SAMPLE, write_labels


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=5, max_size=60))
def test_a_curve_is_monotone_and_never_certain(pairs: list[tuple[float, bool]]) -> None:
    raw, right = fit_curve([p for p, _ in pairs], [y for _, y in pairs], bins=5)
    assert list(raw) == sorted(raw)
    assert list(right) == sorted(right)
    assert all(0 < share < 1 for share in right)
    confidence = Confidence({"1": (raw, right)})
    assert all(0 <= confidence(p, "1") <= 1 for p, _ in pairs)
    assert confidence(0.3, "2") == 0.3


def test_a_curve_learns_that_a_careful_reader_is_better_than_it_says() -> None:
    rng = np.random.default_rng(0)
    raw = rng.uniform(0, 1, 4000)
    right = rng.uniform(0, 1, 4000) < np.sqrt(raw)
    confidence = Confidence({"1": fit_curve(raw.tolist(), right.tolist())})
    for p in (0.1, 0.3, 0.6, 0.9):
        assert confidence(p, "1") == pytest.approx(np.sqrt(p), abs=0.06)


def test_below_its_first_point_a_curve_goes_to_nothing() -> None:
    curve = Confidence({"1": ((0.3, 0.9), (0.4, 0.95))})
    assert curve(0.0, "1") == 0
    assert curve(0.15, "1") == pytest.approx(0.2)
    assert curve(1.0, "1") == 0.95


def test_too_few_readings_and_damaged_curves_are_refused() -> None:
    with pytest.raises(ValueError, match="too few"):
        fit_curve([0.5] * 3, [True] * 3)
    for curve in (((0.2, 0.1), (0.1, 0.2)), ((0.1,), (0.1, 0.2)), ((0.1, 0.2), (0.1, 1.2))):
        with pytest.raises(ValueError, match="calibration curve"):
            Confidence({"1": curve})


def test_the_command_stores_curves_that_readings_then_follow(tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(shipped() / "reader", model)
    rows = read_labels(SAMPLE / "crops" / "labels.csv")
    table = write_labels(tmp_path, [(str(row.path.resolve()), row.text, "", "x") for row in rows] * 2)
    settings = {"labels": [str(table)], "splits": ["x"], "architecture": {"residual": [0, 0, 1, 1, 1, 1]}}
    (model / "config.json").write_text(json.dumps(settings))
    result = CliRunner().invoke(main, ["calibrate", str(table), "--model", str(model), "--bins", "2"])
    assert result.exit_code == 0, result.output
    assert "holds the curves" in result.output
    tolerated = json.loads((model / "reader.json").read_text())["thresholds"]
    assert list(tolerated.values()) == sorted(tolerated.values()), "the stricter, the higher"
    card = (model / "card.md").read_text(encoding="utf-8")
    assert f"| {float(next(iter(tolerated))):.1%} | {next(iter(tolerated.values())):.3f} |" in card
    curves = json.loads((model / "reader.json").read_text())["calibration"]
    assert curves
    crops = [load(row.path) for row in rows]
    for raw, own in zip(
        Recognizer(model, confidence=Confidence()).read(crops), Recognizer(model).read(crops), strict=True
    ):
        assert raw.text == own.text
        expected = Confidence({s: (tuple(a), tuple(b)) for s, (a, b) in curves.items()})(raw.confidence, raw.stage)
        assert own.confidence == pytest.approx(expected, abs=1e-4)
        assert all(own.confidence <= c.confidence <= 1 for c in own.characters)


def test_recognize_takes_the_share_of_errors_that_is_tolerated(tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(shipped() / "reader", model)
    data = json.loads((model / "reader.json").read_text())
    data["thresholds"] = {"0.05": 0.5, "0.01": 0.9}
    (model / "reader.json").write_text(json.dumps(data))
    crops = str(SAMPLE / "crops")

    def rows(tolerated: str) -> list[dict[str, object]]:
        out = tmp_path / "plates.jsonl"
        command = ["recognize", "--crops", crops, "--model", str(model), "--max-error", tolerated, "-o", str(out)]
        result = CliRunner().invoke(main, command)
        assert result.exit_code == 0, result.output
        return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]

    for tolerated, least in (("2%", 0.9), ("0.05", 0.5)):
        for row in rows(tolerated):
            assert (row["status"] == "ok") == (row["confidence"] >= least), row  # type: ignore[operator]
    for tolerated, says in (("0.1%", "the strictest is 1.0%"), ("lots", "no share such as"), ("120%", "no share")):
        result = CliRunner().invoke(
            main, ["recognize", "--crops", crops, "--model", str(model), "--max-error", tolerated]
        )
        assert result.exit_code != 0
        assert says in result.output


def test_too_few_crops_leave_the_model_as_it_was(tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(shipped() / "reader", model)
    before = (model / "reader.json").read_bytes()
    result = CliRunner().invoke(main, ["calibrate", str(SAMPLE / "crops" / "labels.csv"), "--model", str(model)])
    assert result.exit_code == 1
    assert "too few" in result.output
    assert (model / "reader.json").read_bytes() == before


def test_a_damaged_calibration_is_named(tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(shipped() / "reader", model)
    data = json.loads((model / "reader.json").read_text())
    data["calibration"] = {"1": [[0.5, 0.1], [0.1, 0.5]]}
    (model / "reader.json").write_text(json.dumps(data))
    with pytest.raises(ModelError, match="calibration curve '1' is damaged"):
        Recognizer(model)
