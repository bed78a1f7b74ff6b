"""What a reader's network takes over from another one, and which part of it stays as it is."""

from __future__ import annotations

import re
from collections.abc import Iterator

import keras

from plate_ocr.model_store import KERAS, ModelError, ReaderFiles
from plate_ocr.recognition.alphabet import Alphabet
from plate_ocr.training.attention import HEAD_LAYERS, build_reader
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


def layers_of(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """The layers of a network, and of the networks that it is made of."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from layers_of(layer)
        else:
            yield layer


def architecture_of(model: keras.Model) -> Architecture:
    """The architecture of a network that `build_reader` has made."""
    attends = _attends(model)
    units = model.get_layer("step").get_layer("decoder").units if attends else Architecture.decoder_units
    model = model.get_layer("encoder") if attends else model
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
        head="attention" if attends else "ctc",
        decoder_units=units,
    )


def take_weights(model: keras.Model, source: keras.Model, alphabet: Alphabet, known: Alphabet) -> list[str]:
    """Copy into `model` what `source` has learned, layer by layer, and give the names of layers that stay fresh.

    Of the layers that have weights for each character, those of one that both alphabets hold are kept, wherever it
    stands, so that an alphabet may grow or shrink. A head of another kind starts fresh. Raises ConfigError if the two
    are of another architecture otherwise: only residual blocks, which change nothing until they are trained, may be
    new.
    """
    given = {layer.name: layer.get_weights() for layer in layers_of(source) if layer.weights}
    fresh: list[str] = []
    wrong: list[str] = []
    may_be_fresh = frozenset() if _attends(model) == _attends(source) else HEAD_LAYERS
    given = {name: weights for name, weights in given.items() if name not in may_be_fresh}
    for layer in layers_of(model):
        weights = layer.get_weights()
        if not weights:
            continue
        found = given.pop(layer.name, None)
        if found is None:
            known_to_be_new = _BLOCK.fullmatch(layer.name) or layer.name in may_be_fresh
            (fresh if known_to_be_new else wrong).append(layer.name)
        elif layer.name == "logits" and found[0].shape[0] == weights[0].shape[0]:
            here, there = shared_classes(alphabet, known)
            for mine, theirs in zip(weights, found, strict=True):
                mine[..., here] = theirs[..., there]
            layer.set_weights(weights)
        elif layer.name == "embedding":
            here, there = shared_classes(alphabet, known)
            weights[0][here] = found[0][there]
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


def _attends(model: keras.Model) -> bool:
    """Whether a network's head is the one with attention."""
    return any(layer.name == "step" for layer in model.layers)


def shared_classes(alphabet: Alphabet, known: Alphabet) -> tuple[list[int], list[int]]:
    """The classes that two alphabets share, class 0 with them, as the first numbers them and as the second does."""
    places = {c: i for i, c in enumerate(("", *known.characters))}
    kept = [(i, places[c]) for i, c in enumerate(("", *alphabet.characters)) if c in places]
    here, there = zip(*kept, strict=True)
    return list(here), list(there)


def freeze(model: keras.Model, convolutions: int) -> None:
    """Keep the weights of this many convolutions, with all that belongs to them, as they are."""
    for layer in layers_of(model):
        place = re.fullmatch(r"(?:conv|norm)(\d+)(?:_\d+)?", layer.name)
        if place and int(place[1]) <= convolutions:
            layer.trainable = False


def copy_for_reading(model: keras.Model, *, unroll: bool = False) -> keras.Model:
    """The same network in single precision throughout; with `unroll`, which is for the head "ctc" alone, its recurrent
    layers without a loop."""
    architecture, classes = architecture_of(model), model.output_shape[-1]
    if unroll:
        copy = build_crnn(architecture, classes, unroll=True)
    else:
        copy = build_reader(architecture, classes, longest=model.output_shape[1] - 1)
    copy.set_weights(model.get_weights())
    return copy
