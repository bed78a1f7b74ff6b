"""Scores, and the command that prints them."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from plate_ocr.cli import main
from plate_ocr.evaluation.calibration import calibrate
from plate_ocr.evaluation.evaluate import SIZES, Read
from plate_ocr.evaluation.metrics import confusions, fold, macro, score, wilson
from plate_ocr.labels import Label
from tests.conftest import SAMPLE, write_labels


def test_scores_of_a_worked_example() -> None:
    result = score([("AB12", "AB12"), ("OI10", "0110"), ("XYZ", "XZ"), ("K", "")])
    assert result.plates == 4
    assert result.plate_accuracy == 0.25
    assert result.plate_accuracy_folded == 0.5
    # Two substitutions, one character missed, one missed: 4 edits over 12 characters.
    assert result.cer == pytest.approx(4 / 12)
    assert result.character_accuracy == pytest.approx(8 / 12)


def test_no_crops_have_no_score() -> None:
    assert math.isnan(score([]).plate_accuracy)
    assert math.isnan(macro([])[0])


@given(st.lists(st.tuples(st.text("ABO01", max_size=6), st.text("ABO01", max_size=6)), min_size=1))
def test_folding_never_lowers_a_score_and_cer_is_zero_only_when_all_is_right(pairs: list[tuple[str, str]]) -> None:
    result = score(pairs)
    assert result.plate_accuracy_folded >= result.plate_accuracy
    assert (result.edits == 0) == (result.exact == result.plates)
    low, high = result.interval()
    assert 0 <= low <= result.plate_accuracy <= high <= 1


def test_wilson_intervals_as_published() -> None:
    # Newcombe (1998), table I, method 3.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert wilson(0, 0) == (0, 1)


def test_confusions_tell_what_was_missed_and_invented() -> None:
    counts = confusions([("AB8", "ABB"), ("123", "13"), ("7", "77")])
    assert counts["8", "B"] == 1
    assert counts["2", ""] == 1
    assert counts["", "7"] == 1
    assert fold("OIB") == "01B"


@pytest.mark.train
def test_evaluate_prints_and_writes_the_same_for_keras_and_onnx(
    tiny_run: Path, tiny_crops: Path, tmp_path: Path
) -> None:
    reports = []
    for flags in ((), ("--keras",)):
        file = tmp_path / "scores.json"
        arguments = ["evaluate", str(tiny_crops), "--split", "dev,train", "--model", str(tiny_run), "--json", str(file)]
        result = CliRunner().invoke(main, [*arguments, *flags])
        assert result.exit_code == 0, result.output
        assert ("Keras file" if flags else "ONNX file") in result.output
        reports.append(json.loads(file.read_text()))
    onnx, keras = reports
    assert (onnx.pop("file"), keras.pop("file")) == ("ONNX", "Keras")
    for a, b in zip(onnx["splits"], keras["splits"], strict=True):
        assert a["overall"] == b["overall"]
    dev = next(split for split in onnx["splits"] if split["split"] == "dev")
    assert dev["overall"]["plates"] == 6
    low, high = dev["overall"]["plate_accuracy_95"]
    assert 0 <= low <= dev["overall"]["plate_accuracy"] <= high <= 1
    assert set(dev["macro"]) == {"source", "region"}


@pytest.mark.train
def test_a_picture_that_is_missing_counts_as_a_wrong_read_and_is_named(tiny_run: Path, tmp_path: Path) -> None:
    table = write_labels(tmp_path, [("gone.png", "123", "", "dev")])
    result = CliRunner().invoke(main, ["evaluate", str(table), "--model", str(tiny_run)])
    assert result.exit_code == 0
    assert "gone.png: no such file" in result.output.replace("\n", "")
    assert "0.0 %" in result.output


def test_bad_tables_and_models_end_with_one_line(tiny_crops: Path, tmp_path: Path) -> None:
    empty = write_labels(tmp_path, [("a.png", "", "", "dev")])
    for arguments, says in (
        ([str(tmp_path / "none.csv")], "no such file"),
        ([str(tiny_crops), "--split", "far"], "no row has the split far"),
        ([str(tiny_crops), "--model", "nothing"], "no model 'nothing'"),
        ([str(empty)], "every label is empty"),
    ):
        result = CliRunner().invoke(main, ["evaluate", *arguments])
        assert result.exit_code == 1
        assert says in result.output
        assert isinstance(result.exception, SystemExit)


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--scenes", "--report", "page.html"], ("--report", "--scenes")),
        (["--scenes", "--against", "other"], ("--against", "--scenes")),
        (["--scenes", "--keras"], ("--keras", "--scenes")),
        (["--detector", "contours"], ("--detector", "--scenes")),
        (["--against", "reader"], ("--against", "--model")),
    ],
)
def test_a_flag_that_would_be_ignored_is_refused(tmp_path: Path, flags: list[str], named: tuple[str, str]) -> None:
    flags = [str(tmp_path / flag) if flag == "page.html" else flag for flag in flags]
    result = CliRunner().invoke(main, ["evaluate", str(SAMPLE / "crops" / "labels.csv"), *flags])
    assert result.exit_code == 2
    assert all(flag in result.output for flag in named)


def test_scores_of_one_and_two_lines_and_of_sizes_stand_apart(tmp_path: Path) -> None:
    rows = [("crops/00001.jpg", "4LF26", "", "synthetic", "1"), ("crops/00002.jpg", "X", "", "synthetic", "2")]
    table = write_labels(
        tmp_path, [(str(SAMPLE / r[0]), *r[1:]) for r in rows], "image_path,plate_text,region,split,lines"
    )
    file = tmp_path / "scores.json"
    result = CliRunner().invoke(main, ["evaluate", str(table), "--json", str(file)])
    assert result.exit_code == 0, result.output
    assert "by lines and size" in result.output
    (split,) = json.loads(file.read_text())["splits"]
    assert {name: score["plates"] for name, score in split["by_lines"].items()} == {"one line": 1, "two lines": 1}
    assert sum(score["plates"] for score in split["by_character_height"].values()) == 2


def test_the_height_of_characters_is_estimated_from_the_crop_and_its_lines() -> None:
    label = Label(Path("a.jpg"), "A")
    sizes = [
        Read(label, "A", 1.0, lines=lines, height=height).size for lines, height in ((1, 18), (1, 30), (2, 30), (1, 40))
    ]
    assert [SIZES.index(size) for size in sizes] == [0, 1, 0, 2]


def test_a_calibration_of_a_worked_example() -> None:
    # Four at 0.9 of which three are right, four at 0.5 of which one is.
    trust = calibrate(
        [0.9] * 4 + [0.5] * 4, [True, True, True, False, True, False, False, False], bins=2, rates=(0.3, 0.1)
    )
    assert trust.ece == pytest.approx((0.15 + 0.25) / 2)
    assert trust.brier == pytest.approx((3 * 0.01 + 0.81 + 4 * 0.25) / 8)
    assert trust.thresholds[0.3] == (0.9, 0.5)
    assert trust.thresholds[0.1] == (1.0, 0.0)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40))
def test_a_threshold_keeps_its_promise(pairs: list[tuple[float, bool]]) -> None:
    trust = calibrate([p for p, _ in pairs], [y for _, y in pairs], rates=(0.2,))
    least, kept = trust.thresholds[0.2]
    above = [y for p, y in pairs if p >= least]
    if kept:
        assert len(above) == round(kept * len(pairs))
        assert sum(not y for y in above) <= 0.2 * len(above) + 1e-9
    assert 0 <= trust.ece <= 1
    assert 0 <= trust.brier <= 1


def test_nothing_cannot_be_calibrated() -> None:
    with pytest.raises(ValueError, match="cannot be compared"):
        calibrate([], [])
