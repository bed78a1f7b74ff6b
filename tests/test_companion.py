"""A reader made for some regions, and the one that goes with it and reads all other plates."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from plate_ocr.batch.settings import ReadingSettings
from plate_ocr.cli import main
from plate_ocr.evaluation.candidates import guesses
from plate_ocr.labels import Label, read_labels
from plate_ocr.model_store import COMPANION, ONNX, ModelError, ReaderFiles, open_reader
from plate_ocr.photos import load
from plate_ocr.recognition.alphabet import Alphabet
from plate_ocr.recognition.recognizer import Recognizer
from tests.conftest import SAMPLE

NEXT = str.maketrans("0123456789", "1234567890")


def copied(folder: Path, **changes: Any) -> ReaderFiles:
    """The shipped reader in another folder, with something changed in its description."""
    shipped = open_reader("reader")
    folder.mkdir(parents=True)
    shutil.copy(shipped.file(ONNX), folder)
    files = dataclasses.replace(shipped, folder=folder, sha256={ONNX: shipped.sha256[ONNX]}, **changes)
    files.save()
    return files


def own_model(folder: Path, *, leaves: tuple[str, ...], **changes: Any) -> Path:
    """A reader that says of each digit the next one, so that it shows who read, with the shipped reader beside."""
    characters = open_reader("reader").alphabet.characters.translate(NEXT)
    copied(folder, alphabet=Alphabet(characters), **changes)
    copied(folder / COMPANION, leaves=leaves)
    return folder


@pytest.fixture(scope="module")
def rows() -> list[Label]:
    return [row for row in read_labels(SAMPLE / "crops" / "labels.csv") if row.region in ("KR", "CN")][:24]


def test_each_reads_the_plates_of_its_own_regions(rows: list[Label], tmp_path: Path) -> None:
    crops = [load(row.path) for row in rows]
    model = own_model(tmp_path / "mine", leaves=("KR",))
    shipped = [reading.text for reading in Recognizer().read(crops)]
    both = Recognizer(model)
    read = [reading.text for reading in both.read(crops)]
    korean = [place for place, row in enumerate(rows) if row.region == "KR"]
    others = [place for place, row in enumerate(rows) if row.region != "KR"]
    assert len(korean) > 10
    assert len(others) >= 3
    assert [read[i] for i in others] == [shipped[i] for i in others]
    by_own = [i for i in korean if read[i] == shipped[i].translate(NEXT)]
    # Formats know that few provinces have some numbers; there the companion may be the surer one by far.
    assert len(by_own) >= 0.8 * len(korean)
    assert [reading.text for reading in Recognizer(model, alone=True).read(crops)] != read
    # What is shown of a crop is what the reader of it considered.
    for place in (by_own[0], others[0]):
        assert read[place] in [guess.text for guess in guesses(both, crops[place], most=8)]


def test_where_regions_are_not_known_the_surer_one_reads(rows: list[Label], tmp_path: Path) -> None:
    crops = [load(row.path) for row in rows[:8]]
    doubts = {stage: ((0.0, 1.0), (0.0, 0.01)) for stage in ("1", "2")}
    unsure = Recognizer(own_model(tmp_path / "unsure", leaves=(), calibration=doubts)).read(crops)
    assert [reading.text for reading in unsure] == [reading.text for reading in Recognizer().read(crops)]
    sure = {stage: ((0.0, 1.0), (1.0, 1.0)) for stage in ("1", "2")}
    own = Recognizer(own_model(tmp_path / "sure", leaves=(), calibration=sure))
    assert [reading.text for reading in own.read(crops)] == [
        r.text for r in Recognizer(own.files.folder, alone=True).read(crops)
    ]


def test_a_threshold_holds_for_both_and_a_batch_knows_both(tmp_path: Path) -> None:
    model = own_model(tmp_path / "mine", leaves=("KR",), thresholds={0.01: 0.2})
    known = open_reader("reader").thresholds
    assert open_reader(model).threshold(0.01) == max(0.2, known[0.01])
    with_it = ReadingSettings(model=str(model)).fingerprint()["--model"]
    shutil.rmtree(model / COMPANION)
    assert ReadingSettings(model=str(model)).fingerprint()["--model"] != with_it
    assert open_reader(model).threshold(0.01) == 0.2


def test_a_damaged_companion_is_named(tmp_path: Path) -> None:
    model = own_model(tmp_path / "mine", leaves=("KR",))
    with (model / COMPANION / ONNX).open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(ModelError, match="is damaged"):
        Recognizer(model)
    assert Recognizer(model, alone=True).companion is None


def test_evaluate_can_leave_it_out_and_explain_says_who_reads(tmp_path: Path) -> None:
    model = own_model(tmp_path / "mine", leaves=("CN",))
    table = str(SAMPLE / "crops" / "labels.csv")
    shares = []
    for flags in ([], ["--alone"]):
        result = CliRunner().invoke(
            main, ["evaluate", table, "--model", str(model), *flags, "--json", str(tmp_path / "x.json")]
        )
        assert result.exit_code == 0, result.output
        assert ("companion, which reads what is no plate of CN" in result.output) == (not flags)
        shares.append((tmp_path / "x.json").read_text(encoding="utf-8"))
    assert shares[0] != shares[1]
    page = tmp_path / "page.html"
    photo = SAMPLE / "scenes" / "00004.jpg"
    assert CliRunner().invoke(main, ["explain", str(photo), "-o", str(page), "--model", str(model)]).exit_code == 0
    assert "Of the two readers, the companion reads it." in page.read_text(encoding="utf-8")


@pytest.mark.train
def test_training_on_own_crops_takes_the_start_along(tiny_run: Path, tiny_crops: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorflow", reason="training needs the train extra")
    pytest.importorskip("albumentations", reason="training needs the train extra")
    from plate_ocr.training.companion import take_along

    flags = ["--preset", "small", "--from", str(tiny_run), "--teacher", str(tiny_run), "--epochs", "1", "--steps", "1"]
    flags += ["--batch", "4", "--synthetic", "0", "--workers", "0"]
    for name, more in (("with", []), ("without", ["--alone"])):
        result = CliRunner().invoke(main, ["train", str(tiny_crops), *flags, *more, "--output", str(tmp_path / name)])
        assert result.exit_code == 0, result.output
        assert ("goes along as companion" in result.output) == (not more)
    run = tmp_path / "with"
    companion = open_reader(run).companion
    assert companion is not None
    assert companion.file(ONNX).read_bytes() == open_reader(tiny_run).file(ONNX).read_bytes()
    assert Recognizer(run).companion is not None
    assert "companion" in (run / "card.md").read_text(encoding="utf-8")
    assert open_reader(tmp_path / "without").companion is None

    # A run that begins with such a run has the same companion, which leaves both regions to it.
    labels = [Label(Path("a.jpg"), "1", region="KR")]
    first, second, third = (tmp_path / str(n) for n in range(3))
    for folder in (first, second, third):
        folder.mkdir()
    take_along("reader", first, labels)
    copied_first = open_reader(first / COMPANION)
    assert copied_first.leaves == ("KR",)
    shutil.copytree(first / COMPANION, second / COMPANION)
    shutil.copy(tiny_run / "reader.json", second)
    take_along(str(second), third, [Label(Path("a.jpg"), "1", region="TN")])
    assert open_reader(third / COMPANION).leaves == ("KR", "TN")
    assert open_reader(third / COMPANION).sha256[ONNX] == open_reader("reader").sha256[ONNX]
    shutil.rmtree(third / COMPANION)
    # Of plates without a region, or of one whose formats nobody wrote down, nothing tells that they are its own.
    for region in ("", "XX", "KZ"):
        take_along("reader", third, [*labels, Label(Path("a.jpg"), "1", region=region)])
        assert open_reader(third / COMPANION).leaves == ()


def test_a_companion_needs_a_start() -> None:
    pytest.importorskip("tensorflow", reason="training needs the train extra")
    from plate_ocr.training.config import TrainConfig
    from plate_ocr.training.run_config import ConfigError

    with pytest.raises(ConfigError, match="--from"):
        TrainConfig(labels=("a.csv",), companion=True)
