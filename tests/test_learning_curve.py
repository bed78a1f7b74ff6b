"""What more crops would bring: the law, the parts of the crops, and a whole curve of tiny trainings."""

from __future__ import annotations

import csv
import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from plate_ocr.cli import main
from plate_ocr.labels import Label, read_labels

pytest.importorskip("tensorflow", reason="training needs the train extra")
pytest.importorskip("albumentations", reason="training needs the train extra")

from plate_ocr.training import learning_curve
from plate_ocr.training.config import TrainConfig
from plate_ocr.training.learning_curve import nested
from plate_ocr.training.power_law import LearningCurve, Point
from tests.conftest import SAMPLE

pytestmark = pytest.mark.train


def curve_of(*points: tuple[int, float], dev: int) -> LearningCurve:
    """Of (crops, share of errors), each on so many dev crops."""
    return LearningCurve(tuple(Point(crops, dev, round(dev * (1 - error))) for crops, error in points))


def test_a_clean_power_law_is_found_and_carried_on() -> None:
    curve = curve_of(*((n, 2 * n**-0.5) for n in (50, 100, 200)), dev=100_000)
    assert curve.doubt == ""
    assert curve.law.a == pytest.approx(2, rel=0.02)
    assert curve.law.b == pytest.approx(0.5, abs=0.01)
    assert curve.law.c == 0
    for crops in (400, 800):
        estimate = curve.estimate(crops)
        assert estimate.accuracy == pytest.approx(1 - 2 * crops**-0.5, abs=0.003)
        assert estimate.low < estimate.accuracy < estimate.high


def test_a_floor_that_more_crops_do_not_lower_is_seen_from_four_points_on() -> None:
    points = [(n, 4 / n + 0.1) for n in (20, 40, 80, 160, 320)]
    curve = curve_of(*points, dev=20_000)
    assert curve.law.c == pytest.approx(0.1, abs=0.01)
    assert curve.estimate(10_000).accuracy == pytest.approx(0.9, abs=0.01)
    assert curve_of(*points[:3], dev=20_000).law.c == 0
    # On few dev crops nothing asks for one.
    assert curve_of(*((n, 2 * n**-0.5) for n in (20, 40, 80, 160)), dev=100).law.c == 0


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    crops, dev, held = (50, 100, 200), 300, 0
    for _ in range(60):
        points = tuple(Point(n, dev, int(rng.binomial(dev, 1 - 2 * n**-0.5))) for n in crops)
        estimate = LearningCurve(points).estimate(400)
        held += estimate.low <= 0.9 <= estimate.high
    assert held >= 51


@pytest.mark.parametrize(
    ("points", "dev", "says"),
    [
        ([(12, 0.5), (25, 0.4), (50, 0.3)], 20, "too noisy to tell: of 20 dev crops, 10 were read wrong"),
        ([(12, 0.3), (25, 0.4), (50, 0.5)], 2000, "more crops do not help"),
        ([(12, 0.0), (25, 0.0), (50, 0.0)], 200, "too noisy to tell"),
        ([(12, 0.5), (25, 0.1), (50, 0.1)], 2000, "too uneven to tell: 90% after 25 crops"),
    ],
)
def test_a_curve_that_tells_nothing_says_so(points: list[tuple[int, float]], dev: int, says: str) -> None:
    assert curve_of(*points, dev=dev).doubt.startswith(says)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=3, max_size=6), st.integers(1, 100_000), st.integers(1, 500))
def test_any_scores_give_estimates_that_are_shares(right: list[int], first: int, apart: int) -> None:
    curve = LearningCurve(tuple(Point(first + i * apart, 30, r) for i, r in enumerate(right)))
    estimate = curve.estimate(2 * curve.points[-1].crops)
    assert 0 <= estimate.low <= estimate.high <= 1
    assert 0 <= estimate.accuracy <= 1
    assert curve.law.a > 0


@pytest.mark.parametrize(
    "points",
    [
        [Point(1, 9, 1), Point(2, 9, 2)],
        [Point(1, 9, 1), Point(3, 9, 2), Point(2, 9, 2)],
        [Point(1, 9, 1), Point(2, 8, 2), Point(3, 9, 2)],
    ],
)
def test_points_that_are_no_curve_are_refused(points: list[Point]) -> None:
    with pytest.raises(ValueError, match="a curve needs 3 points"):
        LearningCurve(tuple(points))


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 40), st.sampled_from(["KR", "US", ""])), min_size=1, max_size=80),
    st.integers(0, 9),
)
def test_parts_are_nested_whole_plates_and_do_not_depend_on_the_order(rows: list[tuple[int, str]], seed: int) -> None:
    labels = [Label(Path(f"{i}.png"), str(text), region) for i, (text, region) in enumerate(rows)]
    parts = nested(labels, (0.25, 0.5, 1.0), seed)
    quarter, half, whole = ({row.path for row in parts[share]} for share in (0.25, 0.5, 1.0))
    assert quarter <= half <= whole
    assert whole == {row.path for row in labels}
    for part in parts.values():
        texts = {row.text for row in part}
        assert part == [row for row in labels if row.text in texts]
    # The last of two rows of one text names its region, so only rows of one region may change places.
    if len({region for _, region in rows}) == 1:
        again = nested(labels[::-1], (0.25,), seed)[0.25]
        assert {row.path for row in again} == quarter


def test_each_region_has_its_part_of_every_part() -> None:
    labels = [Label(Path(f"{i}.png"), str(i), "US" if i % 5 == 0 else "KR") for i in range(100)]
    for seed in range(5):
        counts = Counter(row.region for row in nested(labels, (0.25,), seed)[0.25])
        assert counts == {"KR": 20, "US": 5}


def run_curve(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["learning-curve", *map(str, arguments), "--workers", "0"])


@pytest.mark.usefixtures("eagerly")
def test_a_curve_of_a_run_that_has_ended_trains_the_smaller_parts_and_goes_on_where_it_stopped(
    tiny_crops: Path, tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[str] = []
    really = learning_curve.train

    def stop_at_half(config: TrainConfig, run: Path, **settings: Any) -> object:
        trained.append(run.name)
        if trained == ["share-0.25", "share-0.5"]:
            raise KeyboardInterrupt
        return really(config, run, **settings)

    monkeypatch.setattr(learning_curve, "train", stop_at_half)
    out = tmp_path / "curve"
    result = run_curve("--run", tiny_run, "-o", out, "--shares", "0.25,50%,1")
    assert result.exit_code == 1
    assert "share 0.25: 6 of 24 crops" in result.output
    assert f"plate-ocr learning-curve --output {out} --resume" in result.output
    assert not (out / "curve.png").exists()
    result = run_curve("-o", out, "--resume")
    assert result.exit_code == 0, result.output
    assert trained == ["share-0.25", "share-0.5", "share-0.5"]
    # Six dev crops, of which a network that has seen six batches reads none.
    assert "too noisy to tell: of 6 dev crops, 6 were read wrong after 6 crops and 6 after 24" in result.output
    assert (out / "curve.png").stat().st_size > 1000
    with (out / "curve.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["share"], row["crops"], row["dev"]) for row in rows] == [
        ("0.25", "6", "6"),
        ("0.5", "12", "6"),
        ("1.0", "24", "6"),
    ]
    held = {label.path.resolve() for label in read_labels(tiny_crops, ["dev"])}
    for share in ("0.25", "0.5"):
        labels = read_labels(out / f"share-{share}.csv")
        assert {label.path.resolve() for label in labels if label.split == "held-out"} == held
        assert not held & {label.path.resolve() for label in labels if label.split == "train"}
        assert json.loads((out / f"share-{share}" / "config.json").read_text())["steps"] == 3
    result = run_curve("--run", tiny_run, "-o", out)
    assert result.exit_code == 1
    assert "already holds a run" in result.output


def test_what_the_reader_knew_before_is_counted_on_the_same_dev_crops() -> None:
    labels = read_labels(SAMPLE / "crops" / "labels.csv")[:6]
    start = learning_curve.read_start(TrainConfig(synthetic=1, start="reader"), labels)
    assert start is not None
    assert (start.crops, start.dev) == (0, 6)
    assert 4 <= start.right <= 6
    assert learning_curve.read_start(TrainConfig(synthetic=1), labels) is None


def test_what_makes_no_curve_is_refused_before_any_training(tiny_crops: Path, tiny_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "curve"
    for arguments, says in (
        ([tiny_crops, "--alphabet", "labels"], "needs crops to score on: name them with --dev-split"),
        (["--run", tiny_run, "--shares", "0.5,1"], "3 different shares or more"),
        (
            ["--run", tiny_run, "--shares", "0.1,0.101,1"],
            "24 plates to train on are too few for the shares 0.1, 0.101, 1",
        ),
        (["--run", tiny_run, "--shares", "0.1,0.2,0.5"], "there has to be the share 1"),
        (["--run", tmp_path], "holds no config.json"),
    ):
        result = run_curve(*arguments, "-o", out)
        assert result.exit_code == 1, result.output
        assert says in result.output
        assert not out.exists()
    for arguments, says in (
        ([], "name the crops"),
        (["--run", tiny_run, tiny_crops], "leave everything but --shares out"),
        (["--run", tiny_run, "--shares", "0.5,2"], "is no share"),
    ):
        result = run_curve(*arguments, "-o", out)
        assert result.exit_code == 2
        assert says in result.output


def test_a_run_that_has_not_ended_stands_for_nothing(tiny_run: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(tiny_run, run)
    state = json.loads((run / "state.json").read_text())
    (run / "state.json").write_text(json.dumps(state | {"epoch": 1}))
    result = run_curve("--run", run, "-o", tmp_path / "curve")
    assert result.exit_code == 1
    assert f"has not ended; go on with: plate-ocr train --output {run} --resume" in result.output


def test_a_run_of_other_dev_crops_is_told(tiny_run: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(tiny_run, run)
    header, *_ = (run / "history.csv").read_text().splitlines()
    score = ",".join("0.25" if name == "dev_plate_accuracy" else "1" for name in header.split(","))
    # A quarter of six crops is no crop.
    (run / "history.csv").write_text(f"{header}\n{score}\n{score}\n")
    result = run_curve("--run", run, "-o", tmp_path / "curve")
    assert result.exit_code == 1
    assert "scored on other crops than the 6 that its tables hold now" in result.output
