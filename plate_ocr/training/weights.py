"""What a reader's network takes over from another one, and which part of it stays as it is."""

from __future__ import annotations

import re

import keras

from plate_ocr.model_store import KERAS, ModelError, ReaderFiles
from plate_ocr.recognition.alphabet import Alphabet
from plate_ocr.training.config import Architecture
from plate_ocr.training.crnn import build_crnn
from plate_ocr.training.run_config import ConfigError

_CELLS = {keras.layers.LSTM: "lstm", keras.layers.GRU: "gru", keras.layers.SimpleRNN: "simple-rnn"}
_CONVOLUTION = re.compile(r"conv\d+")
_BLOCK = re.compile(r"(conv|norm)\d+_\d+")
"""Layers of residual blocks, which change nothing until they are trained."""


def load_reader(files: ReaderFiles) -> keras.Model:
    """A reader's network in Keras. Raises ModelError if its file is missing, damaged or another alphabet's."""
    path = files.file(KERAS)
    try:
        model = keras.models.load_model(path, compile=False)
    except (ValueError, OSError) as error:
        raise ModelError(f"{path} is not a model that Keras can load: {error}") from None
    if model.output_shape[-1] != files.alphabet.classes:
        raise ModelError(
            f"{path} has weights for {model.output_shape[-1] - 1} characters, and the alphabet in reader.json beside "
            f"it has {files.alphabet.classes - 1}: they do not belong together; export the run again"
        )
    return model


def architecture_of(model: keras.Model) -> Architecture:
    """The architecture of a network that `build_crnn` has made."""
    convolutions = [layer for layer in model.layers if _CONVOLUTION.fullmatch(layer.name)]
    names = [layer.name for layer in model.layers]
    blocks = tuple(sum(name.startswith(f"{layer.name}_") for name in names) for layer in convolutions)
    recurrent = [layer for layer in model.layers if isinstance(layer, keras.layers.Bidirectional | keras.layers.RNN)]
    bidirectional = isinstance(recurrent[0], keras.layers.Bidirectional)
    cells = [layer.forward_layer if bidirectional else layer for layer in recurrent]
    return Architecture(
        height=model.input_shape[1],
        width=model.input_shape[2],
        channels=tuple(layer.filters for layer in convolutions),
        strides=tuple(tuple(layer.strides) for layer in convolutions),
        residual=blocks if any(blocks) else (),
        lstm_units=tuple(cell.units for cell in cells),
        cell=_CELLS[type(cells[0])],
        bidirectional=bidirectional,
        dropout=model.get_layer("dropout").rate,
    )


def take_weights(model: keras.Model, source: keras.Model, alphabet: Alphabet, known: Alphabet) -> list[str]:
    """Copy into `model` what `source` has learned, layer by layer, and give the names of layers that stay fresh.

    Of the last layer each character that both alphabets hold keeps its weights, wherever it stands, so that an alphabet
    may grow or shrink. Raises ConfigError if the two are of another architecture: only residual blocks, which change
    nothing until they are trained, may be new.
    """
    given = {layer.name: layer.get_weights() for layer in source.layers if layer.weights}
    fresh: list[str] = []
    wrong: list[str] = []
    for layer in model.layers:
        weights = layer.get_weights()
        if not weights:
            continue
        found = given.pop(layer.name, None)
        if found is None:
            (fresh if _BLOCK.fullmatch(layer.name) else wrong).append(layer.name)
        elif layer.name == "logits" and found[0].shape[0] == weights[0].shape[0]:
            places = {c: i for i, c in enumerate(("", *known.characters))}
            kept = [(i, places[c]) for i, c in enumerate(("", *alphabet.characters)) if c in places]
            here, there = map(list, zip(*kept, strict=True))
            for mine, theirs in zip(weights, found, strict=True):
                mine[..., here] = theirs[..., there]
            layer.set_weights(weights)
        elif [w.shape for w in weights] == [w.shape for w in found]:
            layer.set_weights(found)
        else:
            wrong.append(layer.name)
    if wrong or given:
        raise ConfigError(
            f"the weights to start from are of another architecture, {architecture_of(source)}; they do not fit in "
            f"{', '.join([*wrong, *given])}. Leave the architecture out of flags and configuration, and the run takes "
            "theirs; or start from nothing"
        )
    return fresh


def freeze(model: keras.Model, convolutions: int) -> None:
    """Keep the weights of this many convolutions, with all that belongs to them, as they are."""
    for layer in model.layers:
        place = re.fullmatch(r"(?:conv|norm)(\d+)(?:_\d+)?", layer.name)
        if place and int(place[1]) <= convolutions:
            layer.trainable = False


def copy_for_reading(model: keras.Model, *, unroll: bool = False) -> keras.Model:
    """The same network in single precision throughout; with `unroll`, its recurrent layers without a loop."""
    copy = build_crnn(architecture_of(model), model.output_shape[-1], unroll=unroll)
    copy.set_weights(model.get_weights())
    return copy
