"""The language model: what it learns of plates, what it draws, and how it fills gaps."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from plate_ocr.cli import main
from tests.conftest import SAMPLE

pytest.importorskip("tensorflow", reason="training needs the train extra")

from plate_ocr.recognition.language import LanguageModel
from plate_ocr.training.language import IGNORED, shifted

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of plates that are two digits from 1 to 4, A or B, and the first digit again."""
    run = tmp_path_factory.mktemp("language")
    texts = [f"{a}{b}{c}{a}" for a in "1234" for b in "1234" for c in "AB"]
    (run / "plates.txt").write_text("\n".join(texts), encoding="utf-8")
    command = [
        "language",
        "train",
        str(run / "plates.txt"),
        "-o",
        str(run / "model"),
        "--epochs",
        "60",
        "--learning-rate",
        "0.01",
        "--units",
        "32",
    ]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    assert "perplexity" in result.output
    return run / "model"


def test_targets_are_the_inputs_shifted_by_one() -> None:
    given, wanted = shifted(["AB", "B"], "AB", 3)
    np.testing.assert_array_equal(given, [[0, 1, 2, 0], [0, 2, 0, 0]])
    np.testing.assert_array_equal(wanted, [[1, 2, 0, IGNORED], [2, 0, IGNORED, IGNORED]])


def test_probabilities_sum_to_one_and_know_the_pattern(folder: Path) -> None:
    model = LanguageModel(folder)
    np.testing.assert_allclose(np.exp(model.next([[], [1], [1, 2, 5]])).sum(axis=1), 1, atol=1e-5)
    assert model.log_p("12A1") > model.log_p("12A3") > -math.inf
    assert model.log_p("AAAA") < model.log_p("12A1") - 3
    assert model.log_p("12Z1") == -math.inf
    assert model.log_p("12A11") == -math.inf


def test_samples_look_like_plates_and_cooler_ones_more_so(folder: Path) -> None:
    model = LanguageModel(folder)
    assert model.sample(5, seed=3) == model.sample(5, seed=3)
    fits = [
        np.mean([bool(re.fullmatch(r"([1-4])[1-4][AB]\1", text)) for text in model.sample(200, temperature=t, seed=1)])
        for t in (0.5, 3.0)
    ]
    assert fits[0] > 0.8
    assert fits[0] > fits[1]
    with pytest.raises(ValueError, match="above 0"):
        model.sample(1, temperature=0)


def test_gaps_are_filled_with_what_the_rest_implies(folder: Path) -> None:
    found = LanguageModel(folder).complete("3?B?", most=50)
    assert {text for text, _ in found[:4]} == {"31B3", "32B3", "33B3", "34B3"}
    assert sum(share for _, share in found) == pytest.approx(1, abs=0.02)
    result = CliRunner().invoke(main, ["language", "complete", str(folder), "3?B?", "-n", "2"])
    assert re.fullmatch(r"(3[1-4]B3  [\d.]+%\n){2}", result.output)
    result = CliRunner().invoke(main, ["language", "sample", str(folder), "-n", "3", "--temperature", "0.5"])
    assert len(result.output.split()) == 3


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["complete", "MODEL", "3?Z?"], "'Z' is not among its characters"),
        (["complete", "MODEL", "?????"], "more than 4 characters"),
        (["sample", "nowhere"], "no model 'nowhere'"),
    ],
)
def test_what_cannot_be_done_is_told(folder: Path, arguments: list[str], says: str) -> None:
    result = CliRunner().invoke(main, ["language", *(str(folder) if a == "MODEL" else a for a in arguments)])
    assert result.exit_code != 0
    assert says in result.output.replace("\n", " ")
    assert "Traceback" not in result.output


def test_too_few_texts_are_refused(tmp_path: Path) -> None:
    (tmp_path / "plates.txt").write_text("12A1\n12A1\n")
    result = CliRunner().invoke(main, ["language", "train", str(tmp_path / "plates.txt"), "-o", str(tmp_path / "m")])
    assert result.exit_code == 1
    assert "too few to learn from" in result.output


def test_commands_read_with_it(folder: Path, tmp_path: Path) -> None:
    crops = str(SAMPLE / "crops")
    table = ["-o", str(tmp_path / "plates.csv")]
    read = CliRunner().invoke(
        main, ["recognize", crops, "--crops", "--language", str(folder), "--workers", "0", *table]
    )
    assert read.exit_code == 0, read.output
    # Another weight may read otherwise: such rows do not go into one table.
    heavier = ["recognize", crops, "--crops", "--language", str(folder), "--language-weight", "0.5", "--resume"]
    mixed = CliRunner().invoke(main, [*heavier, "--workers", "0", *table])
    assert mixed.exit_code == 1
    assert "--language" in mixed.output
    labels = str(SAMPLE / "crops" / "labels.csv")
    scored = CliRunner().invoke(main, ["evaluate", labels, "--language", str(folder), "--language-weight", "0.2"])
    assert scored.exit_code == 0, scored.output
    alone = CliRunner().invoke(main, ["evaluate", labels, "--language-weight", "0.2"])
    assert alone.exit_code == 2
    assert "--language" in alone.output
    missing = CliRunner().invoke(main, ["recognize", crops, "--crops", "--language", "nowhere", *table])
    assert missing.exit_code == 1
    assert "nowhere" in missing.output
