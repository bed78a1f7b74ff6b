"""Training on from weights: what is taken over, what stays as it is, and the preset for a few crops."""

from __future__ import annotations

import csv
import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from plate_ocr.cli import main
from plate_ocr.photos import load
from tests.conftest import SAMPLE

pytest.importorskip("tensorflow", reason="training needs the train extra")
pytest.importorskip("albumentations", reason="training needs the train extra")

from plate_ocr.labels import read_labels
from plate_ocr.model_store import ModelError, open_reader
from plate_ocr.recognition.alphabet import Alphabet
from plate_ocr.recognition.ctc import greedy
from plate_ocr.recognition.preprocess import prepare
from plate_ocr.synthesis.fonts import ARABIC_FONTS, HAN_FONTS, HANGUL_FONTS, LATIN_FONTS, FontLibrary
from plate_ocr.synthesis.region import available
from plate_ocr.training.config import Architecture, TrainConfig
from plate_ocr.training.memory import Memory
from plate_ocr.training.run_config import ConfigError
from plate_ocr.training.samples import other_regions, rehearsed
from plate_ocr.training.settings import reader_config
from plate_ocr.training.weights import architecture_of, load_reader, take_weights
from tests.test_training import TINY

pytestmark = pytest.mark.train


def test_three_more_characters_change_nothing_of_what_the_shipped_reader_reads() -> None:
    from plate_ocr.training.crnn import build_crnn

    files = open_reader("reader")
    source = load_reader(files)
    known = files.alphabet
    grown = Alphabet("Ä" + known.characters[:50] + "Ö" + known.characters[50:] + "Ü")
    model = build_crnn(architecture_of(source), grown.classes)
    assert take_weights(model, source, grown, known) == []
    labels = read_labels(SAMPLE / "crops" / "labels.csv")[:8]
    crops = prepare([load(label.path) for label in labels], files.size)
    before, after = source.predict_on_batch(crops), model.predict_on_batch(crops)
    kept = [0, *grown.encode(known.characters)]
    np.testing.assert_allclose(after[..., kept], before, atol=1e-4)
    texts = [[known.decode(d.classes) for d in greedy(before)], [grown.decode(d.classes) for d in greedy(after)]]
    assert texts[0] == texts[1]
    assert sum(text == label.text for text, label in zip(texts[1], labels, strict=True)) >= 5


def test_an_alphabet_may_grow_and_shrink_and_change_its_order(tiny_run: Path) -> None:
    from plate_ocr.training.crnn import build_crnn

    known = open_reader(tiny_run).alphabet
    source = load_reader(open_reader(tiny_run))
    other = Alphabet("가98A0")
    model = build_crnn(TINY, other.classes)
    fresh = model.get_layer("logits").get_weights()[0][:, 1].copy()
    assert take_weights(model, source, other, known) == []
    crop = np.random.default_rng(0).normal(size=(2, 24, 64, 1)).astype(np.float32)
    before, after = source.predict(crop, verbose=0), model.predict(crop, verbose=0)
    # The blank, 9, 8 and 0 keep their logits; 가 and A are new.
    np.testing.assert_allclose(after[..., [0, 2, 3, 5]], before[..., [0, 10, 9, 1]], atol=1e-5)
    np.testing.assert_array_equal(model.get_layer("logits").get_weights()[0][:, 1], fresh)


def test_a_residual_convolution_changes_nothing_until_it_is_trained(tiny_run: Path) -> None:
    from plate_ocr.training.crnn import build_crnn

    alphabet = open_reader(tiny_run).alphabet
    source = load_reader(open_reader(tiny_run))
    deeper = build_crnn(dataclasses.replace(TINY, residual=(0, 1, 2)), alphabet.classes)
    fresh = take_weights(deeper, source, alphabet, alphabet)
    assert {name.split("_")[0] for name in fresh} == {"conv2", "conv3", "norm2", "norm3"}
    crop = np.random.default_rng(0).normal(size=(2, 24, 64, 1)).astype(np.float32)
    np.testing.assert_allclose(deeper.predict(crop, verbose=0), source.predict(crop, verbose=0), atol=1e-5)


@pytest.mark.parametrize(
    ("other", "names"),
    [
        ({"channels": (8, 16, 24)}, "conv3"),
        ({"cell": "gru"}, "bigru1, bilstm1"),
        ({"lstm_units": (16, 16)}, "bilstm2"),
        ({"bidirectional": False}, "lstm1"),
    ],
)
def test_weights_of_another_architecture_are_refused_and_theirs_is_named(
    tiny_run: Path, other: dict[str, Any], names: str
) -> None:
    from plate_ocr.training.crnn import build_crnn

    alphabet = open_reader(tiny_run).alphabet
    model = build_crnn(dataclasses.replace(TINY, **other), alphabet.classes)
    with pytest.raises(ConfigError, match="of another architecture") as caught:
        take_weights(model, load_reader(open_reader(tiny_run)), alphabet, alphabet)
    assert names in str(caught.value)
    assert "channels=(8, 16, 16)" in str(caught.value)


def test_a_run_takes_architecture_and_alphabet_from_where_it_starts(tiny_run: Path, tmp_path: Path) -> None:
    given = {"labels": ("x.csv",), "start": str(tiny_run)}
    config = reader_config(tmp_path, None, given)
    assert config.architecture == TINY
    assert config.alphabet == "0123456789"
    assert reader_config(tmp_path, None, given | {"alphabet": "+가1나"}).alphabet == "0123456789가나"
    assert reader_config(tmp_path, None, given | {"architecture": {"dropout": 0.5}}).architecture.dropout == 0.5
    shipped = reader_config(tmp_path, None, given | {"start": "reader"})
    assert shipped.architecture == Architecture(residual=(0, 0, 1, 1, 1, 1))


def test_an_alphabet_that_is_not_the_weights_own_is_told(tiny_run: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_run, tmp_path / "run")
    described = json.loads((tmp_path / "run" / "reader.json").read_text())
    (tmp_path / "run" / "reader.json").write_text(json.dumps(described | {"alphabet": "0123456789AB"}))
    with pytest.raises(ModelError, match=r"for 10 characters, and the alphabet in reader\.json beside it has 12"):
        load_reader(open_reader(tmp_path / "run"))
    config = tmp_path / "run" / "config.json"
    config.write_text(config.read_text().replace("0123456789", "0123456789A"))
    result = CliRunner().invoke(main, ["train", "-o", str(tmp_path / "run"), "--resume", "--workers", "0"])
    assert result.exit_code == 1
    assert "weights for 10 characters, and the alphabet in" in result.output
    assert "has 11" in result.output


def test_the_preset_for_few_crops_gives_way_to_flags(tmp_path: Path) -> None:
    given: dict[str, Any] = {"labels": (str(SAMPLE / "crops" / "labels.csv"),)}
    config = reader_config(tmp_path, None, given, preset="small")
    assert (config.start, config.teacher, config.freeze) == ("reader", "reader", 0)
    # What docs/your_own_plates.md says of it was measured with these.
    assert (config.learning_rate, config.synthetic, config.rehearse) == (6e-4, 0.55, 0.3)
    assert config.epochs * config.steps * config.batch == 64_000
    assert dict(config.regions)["kr"] == 19
    assert set(dict(config.regions)) == {"br", "cn", "de", "eu", "kr", "pl", "us"}
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({"epochs": 5, "steps": 7}))
    config = reader_config(tmp_path, file, given | {"steps": 9, "regions": (("us", 1.0),)}, preset="small")
    assert (config.epochs, config.steps, config.regions) == (5, 9, (("us", 1.0),))
    with pytest.raises(ConfigError, match="there are: small"):
        reader_config(tmp_path, None, given, preset="smal")


@pytest.fixture
def latin() -> FontLibrary:
    """Fonts of a machine that has Latin ones at most."""
    found = FontLibrary()
    if set(found.lacking(LATIN_FONTS)) == set(LATIN_FONTS):
        pytest.skip("drawing needs fonts, for instance fonts-dejavu-core")
    return found


@pytest.mark.usefixtures("eagerly", "latin")
def test_the_preset_trains_and_with_freeze_holds_the_first_convolutions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plate_ocr.training.memory.COUNT", 20)
    command = ["train", str(SAMPLE / "crops" / "labels.csv"), "--preset", "small", "-o", str(tmp_path / "run")]
    # Not the Korean ones that the sample's crops ask for, whose fonts a fresh machine may lack.
    short = ["--regions", "us,de", "--freeze", "3", "--epochs", "1", "--steps", "2", "--batch", "4", "--workers", "0"]
    result = CliRunner().invoke(main, [*command, *short])
    assert result.exit_code == 0, result.output
    assert "fixed)" in result.output
    assert "drawn plates of other regions, before: loss" in result.output
    with (tmp_path / "run" / "history.csv").open() as stream:
        (row,) = csv.DictReader(stream)
    # The shipped reader knows those plates, and two batches at the start of the warm-up leave that as it is.
    assert 0 < float(row["others_loss"]) < 10
    assert float(row["others_plate_accuracy"]) > 0.4
    before, after = load_reader(open_reader("reader")), load_reader(open_reader(tmp_path / "run"))
    for layer in before.layers:
        same = all(map(np.array_equal, layer.get_weights(), after.get_layer(layer.name).get_weights()))
        early = layer.name[:5] in ("conv1", "conv2", "conv3", "norm1", "norm2", "norm3")
        assert same == (early or not layer.get_weights()), layer.name


def test_a_share_of_the_drawn_plates_is_of_the_other_regions() -> None:
    config = TrainConfig(synthetic=1, regions=(("kr", 3.0), ("US", 1.0)), rehearse=0.2)
    fonts = FontLibrary()
    # Nothing is drawn here: a machine that has a font for every script.
    fonts.files = dict.fromkeys((*LATIN_FONTS, *HANGUL_FONTS, *HAN_FONTS, *ARABIC_FONTS), Path())
    drawn = rehearsed(config, fonts)
    assert (drawn["kr"], drawn["US"]) == pytest.approx((0.6, 0.2))
    assert sum(drawn.values()) == pytest.approx(1)
    assert len(drawn) == len(available())
    assert drawn["de"] == drawn["world"] > 0
    assert set(rehearsed(dataclasses.replace(config, rehearse=0.0), fonts)) == {"kr", "US"}
    assert rehearsed(dataclasses.replace(config, regions=()), fonts) == {}


def test_regions_without_a_font_are_not_asked_for_where_the_run_does_not_name_them(latin: FontLibrary) -> None:
    latin.files = {"LiberationSans-Bold": next(file for name, file in latin.files.items() if name in LATIN_FONTS)}
    config = TrainConfig(synthetic=1, regions=(("pl", 1.0),), start="reader", rehearse=0.5)
    others = other_regions(config, latin)
    assert "de" in others
    assert not {"kr", "cn", "tn", "pl"} & set(others)
    assert len(Memory(config, others, latin).texts) > 150
    assert set(rehearsed(config, latin)) == {"pl", *others}


def test_settings_to_start_from_are_checked() -> None:
    with pytest.raises(ConfigError, match="rehearse"):
        TrainConfig(synthetic=1, rehearse=1.0)
    with pytest.raises(ConfigError, match="--from"):
        TrainConfig(synthetic=1, freeze=2)
    with pytest.raises(ConfigError, match="up to 6"):
        TrainConfig(synthetic=1, freeze=7, start="reader")
    with pytest.raises(ConfigError, match="clip_norm"):
        TrainConfig(synthetic=1, clip_norm=-1)
    result = CliRunner().invoke(main, ["train", "--from", "nobody", "--synthetic", "1", "-o", "run"])
    assert result.exit_code == 1
    assert "no model 'nobody'" in result.output
