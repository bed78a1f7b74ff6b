"""The head with attention learns, trains on, exports, and reads by the same commands as the other one."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from plate_ocr.cli import main
from plate_ocr.model_store import ModelError, open_reader
from plate_ocr.photos import load
from plate_ocr.reader import PlateReader
from plate_ocr.recognition.attention import AttentionText, Search, Written, write_greedily
from plate_ocr.recognition.ctc import log_softmax
from plate_ocr.recognition.decoder import DecoderSettings
from plate_ocr.recognition.network import open_attention
from plate_ocr.recognition.preprocess import fit, normalize, prepare
from plate_ocr.recognition.recognizer import Recognizer
from tests.conftest import write_labels

pytest.importorskip("tensorflow", reason="training needs the train extra")
pytest.importorskip("albumentations", reason="training needs the train extra")

from plate_ocr.training.attention import HEAD_LAYERS, build_attention, build_reader, classes_before
from plate_ocr.training.config import Architecture, TrainConfig
from plate_ocr.training.export import TOLERANCE, export
from plate_ocr.training.loss import TextLoss
from plate_ocr.training.run_config import ConfigError
from plate_ocr.training.weights import architecture_of, copy_for_reading, layers_of, load_reader, take_weights

pytestmark = pytest.mark.train

SMALL = Architecture(
    height=24,
    width=64,
    channels=(8, 16, 16),
    strides=((2, 2), (2, 2), (3, 1)),
    lstm_units=(16,),
    dropout=0.0,
    head="attention",
    decoder_units=32,
)

SHORT, SHORTER = 4, 2
"""Characters of the longest text: of the network's steps, each takes its time to build."""

WORDS = ("17", "71", "447", "4", "1774", "11")


@pytest.fixture(scope="module")
def crops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The label table of a few crops with drawn digits, some of them twice side by side."""
    folder = tmp_path_factory.mktemp("attention")
    rows = []
    for i, text in enumerate(WORDS):
        crop = np.full((32, 96, 3), 230, np.uint8)
        cv2.putText(crop, text, (6, 25), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (20, 20, 20), 2)
        cv2.imwrite(str(folder / f"{i}.png"), crop)
        rows.append((f"{i}.png", text, "XX", "short" if len(text) <= SHORTER else "long"))
    return write_labels(folder, rows)


def small_config(table: Path, **changes: Any) -> TrainConfig:
    plain: dict[str, Any] = {
        "labels": (str(table),),
        "splits": ("short",),
        "dev_splits": ("short",),
        "alphabet": "147",
        "epochs": 2,
        "steps": 2,
        "batch": 4,
        "warmup": 1,
        "architecture": SMALL,
    }
    return TrainConfig(**plain | changes)


@pytest.fixture(scope="module")
def run(crops: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a reader with attention that knows these crops by heart."""
    import keras

    folder = tmp_path_factory.mktemp("runs") / "attention"
    folder.mkdir()
    config = small_config(crops)
    config.save(folder / "config.json")
    keras.utils.set_random_seed(1)
    alphabet = config.make_alphabet()
    model = build_attention(SMALL, alphabet.classes, SHORT)
    pictures = normalize(np.stack([fit(load(crops.parent / f"{i}.png"), (24, 64)) for i in range(len(WORDS))]))
    classes = np.zeros((len(WORDS), SHORT), np.int32)
    for row, text in zip(classes, WORDS, strict=True):
        row[: len(text)] = alphabet.encode(text)
    model.compile(optimizer=keras.optimizers.Adam(5e-3), loss=TextLoss(), jit_compile=False)
    given = {"crop": pictures, "previous": classes_before(classes)}
    fitted = model.fit(given, classes, epochs=150, batch_size=len(WORDS), verbose=0)
    assert fitted.history["loss"][-1] < 0.1 < 3 < fitted.history["loss"][0]
    model.save(folder / "reader.keras")
    assert export(folder) <= TOLERANCE
    return folder


def test_what_it_learned_is_read_from_onnx_and_keras_alike(run: Path, crops: Path) -> None:
    pictures = [load(crops.parent / f"{i}.png") for i in range(len(WORDS))]
    for keras in (False, True):
        readings = Recognizer(run, keras=keras).read(pictures)
        assert [reading.text for reading in readings] == list(WORDS)
        assert min(reading.confidence for reading in readings) > 0.8
        assert all(len(reading.places) == len(reading.text) for reading in readings)
        # It looks for the last of four characters further to the right than for the first.
        assert readings[4].places[0] < readings[4].places[-1]
    (plate,) = PlateReader(run, crops=True).read(crops.parent / "2.png")
    assert plate.text == "447"
    assert [c.text for c in plate.characters] == ["4", "4", "7"]


def test_a_wider_search_never_finds_less_than_greedy(run: Path, crops: Path) -> None:
    files = open_reader(run)
    network = open_attention(files)
    blurred = [cv2.GaussianBlur(load(crops.parent / f"{i}.png"), (0, 0), 2.5) for i in range(len(WORDS))]
    encoded = network.encode(prepare(blurred, files.size))
    greedy = write_greedily(network, encoded, files.longest)
    for found, first in zip(Search(width=8)(network, encoded, files.longest), greedy, strict=True):
        assert found[0].text_log_p >= first.text_log_p - 1e-5


def test_formats_hold_for_it_too(run: Path, crops: Path) -> None:
    pictures = [load(crops.parent / f"{i}.png") for i in (3, 4)]

    def read(**decoding: Any) -> list[str]:
        recognizer = Recognizer(run, looks=False, decoding=DecoderSettings(**decoding))
        return [reading.text for reading in recognizer.read(pictures)]

    assert read(formats="off") == read() == ["4", "1774"]
    # No Korean plate is a single digit; there are some of four.
    assert read(formats="strict", regions=("kr",)) == ["", "1774"]
    assert read(formats="strict", regions=("de",)) == ["", ""]
    # A known plate is taken only where the picture leaves doubt.
    assert read(known=("1174",)) == ["4", "1774"]
    (text,) = Recognizer(run, decoding=DecoderSettings(regions=("kr",))).look(pictures[:1])
    assert isinstance(text, AttentionText)
    assert not text.candidates[0].fits


def test_the_commands_take_it_as_any_reader(run: Path, crops: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["evaluate", str(crops), "--model", str(run)])
    assert result.exit_code == 0, result.output
    assert "6 crops" in result.output
    table = tmp_path / "plates.csv"
    command = ["recognize", str(crops.parent), "--crops", "--model", str(run), "--output", str(table)]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    assert all(f",{text}," in table.read_text() for text in WORDS)
    result = CliRunner().invoke(main, ["export", str(run), "--format", "litert", "-o", str(tmp_path)])
    assert result.exit_code == 1
    assert "train with --head ctc" in result.output


def test_a_file_that_is_missing_or_changed_is_told(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "run")
    (tmp_path / "run" / "step.onnx").write_bytes(b"x")
    with pytest.raises(ModelError, match=r"step\.onnx is damaged"):
        Recognizer(tmp_path / "run")
    (tmp_path / "run" / "step.onnx").unlink()
    with pytest.raises(ModelError, match=r"holds no step\.onnx"):
        Recognizer(tmp_path / "run")
    described = (tmp_path / "run" / "reader.json").read_text()
    (tmp_path / "run" / "reader.json").write_text(described.replace('"attention"', '"transformer"'))
    with pytest.raises(ModelError, match="transformer"):
        Recognizer(tmp_path / "run")


def test_the_head_starts_on_what_a_ctc_reader_has_learned(tiny_run: Path, run: Path) -> None:
    files = open_reader(tiny_run)
    source = load_reader(files)
    architecture = dataclasses.replace(architecture_of(source), head="attention", decoder_units=8)
    model = build_reader(architecture, files.alphabet.classes, 2)
    assert set(take_weights(model, source, files.alphabet, files.alphabet)) == HEAD_LAYERS
    theirs = {layer.name: layer.get_weights() for layer in layers_of(source)}
    for layer in layers_of(model):
        if layer.weights and layer.name not in HEAD_LAYERS:
            assert all(map(np.array_equal, layer.get_weights(), theirs[layer.name])), layer.name
    # And back: the convolutions of a reader with attention serve a CTC head.
    back = build_reader(architecture_of(source), files.alphabet.classes, 2)
    assert take_weights(back, model, files.alphabet, files.alphabet) == ["logits"]
    # Its own kind takes all, characters by what they are and not by where they stand.
    mine = open_reader(run)
    whole = load_reader(mine)
    assert architecture_of(whole) == SMALL
    other = type(mine.alphabet)("971")
    grown = build_reader(SMALL, other.classes, SHORT)
    assert take_weights(grown, whole, other, mine.alphabet) == []
    old, new = whole.get_layer("step"), grown.get_layer("step")
    places = mine.alphabet.encode("71")
    np.testing.assert_array_equal(
        new.get_layer("embedding").get_weights()[0][[0, 2, 3]],
        old.get_layer("embedding").get_weights()[0][[0, *places]],
    )
    wider = build_reader(dataclasses.replace(SMALL, decoder_units=48), 4, SHORT)
    with pytest.raises(ConfigError, match="of another architecture"):
        take_weights(wider, whole, mine.alphabet, mine.alphabet)


def test_sixteen_bits_are_copied_to_thirty_two() -> None:
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = build_reader(SMALL, 4, 2)
    finally:
        keras.config.set_dtype_policy(before)
    assert {layer.compute_dtype for layer in layers_of(model)} == {"float16", "float32"}
    copy = copy_for_reading(model)
    assert {layer.compute_dtype for layer in layers_of(copy)} == {"float32"}
    given = {
        "crop": np.random.default_rng(0).normal(size=(2, 24, 64, 1)).astype(np.float32),
        "previous": np.array([[0, 1, 2], [0, 3, 3]], np.int32),
    }
    half, whole = model(given), copy(given)
    np.testing.assert_allclose(half, whole, atol=0.02)


def test_the_loss_is_what_the_text_s_own_probability_is() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(3, 5, 4)).astype(np.float32)
    labels = np.array([[1, 2, 0, 0], [3, 3, 1, 2], [0, 0, 0, 0]], np.int32)
    log_p = log_softmax(logits)
    texts = [tuple(int(c) for c in row if c) for row in labels]
    wanted = [Written(text, log_p[i], log_p[i]).text_log_p for i, text in enumerate(texts)]
    np.testing.assert_allclose(TextLoss(reduction=None)(labels, logits), [-p for p in wanted], rtol=1e-5)


def test_flags_choose_the_head(crops: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr("plate_ocr.training.fit.train", lambda config, *_, **__: seen.append(config))
    monkeypatch.setattr("plate_ocr.cli.options.finish_run", lambda _: None)
    command = ["train", str(crops), "-o", str(tmp_path / "run"), "--cell", "gru"]
    result = CliRunner().invoke(main, [*command, "--head", "attention"])
    assert result.exit_code == 0, result.output
    assert seen[0].architecture == Architecture(cell="gru", head="attention")
    assert CliRunner().invoke(main, command).exit_code == 0
    assert seen[1].architecture == Architecture(cell="gru")
    result = CliRunner().invoke(main, [*command, "--head", "transformer"])
    assert result.exit_code == 2
    with pytest.raises(ConfigError, match="transformer"):
        Architecture(head="transformer")
    with pytest.raises(ConfigError, match="decoder_units"):
        Architecture(decoder_units=0)
