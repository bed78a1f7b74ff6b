"""The network with the other head: a decoder that writes a text class by class and looks at the crop for each of them.

After Bahdanau, Cho and Bengio, "Neural Machine Translation by Jointly Learning to Align and Translate" (2015). That the
decoder also sees where it looked before is after Chorowski et al., "Attention-Based Models for Speech Recognition"
(2015): two equal characters side by side look alike, and only their place tells them apart.
"""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray

from plate_ocr.training.config import Architecture
from plate_ocr.training.crnn import build_crnn, crop_input, read_features

EMBEDDING = 32
"""Numbers that stand for the class before."""

SURROUNDINGS = 15
"""Time steps around each in which the decoder sees where it looked before."""

HEAD_LAYERS = frozenset({"keys", "start", "query", "before", "score", "embedding", "decoder", "logits"})
"""The layers with weights that do not come before every head."""


def build_reader(architecture: Architecture, classes: int, longest: int) -> keras.Model:
    """The untrained network with the architecture's head, for texts of at most `longest` characters."""
    if architecture.head == "attention":
        return build_attention(architecture, classes, longest)
    return build_crnn(architecture, classes)


def build_attention(architecture: Architecture, classes: int, longest: int) -> keras.Model:
    """Inputs `crop` (N, height, width, 1) float32 and `previous` (N, longest + 1) int32, the class before each; output
    logits (N, longest + 1, classes) float32. Class 0 stands before the first character and ends the text.

    Training gives the right class before each (teacher forcing: Williams and Zipser, 1989), reading the one that was
    read. So the network is made of two that are also run by themselves: `encoder` and, once a character, `step`.
    """
    encoder = build_encoder(architecture)
    step = build_step(architecture, classes, steps=encoder.outputs[0].shape[1], channels=encoder.outputs[0].shape[2])
    crop = crop_input(architecture)
    previous = keras.Input((longest + 1,), dtype="int32", name="previous")
    features, keys, state = encoder(crop)
    looked = keras.ops.zeros_like(keys[:, :, 0])
    written = []
    for place in range(longest + 1):
        logits, state, looked = step([features, keys, state, looked, previous[:, place]])
        written.append(logits)
    return keras.Model([crop, previous], keras.ops.stack(written, axis=1), name="attention")


def build_encoder(architecture: Architecture) -> keras.Model:
    """Input `crop`; outputs, each float32, are the features (N, T, D), the key (N, T, U) of each, which attention
    compares with what the decoder asks for, and the decoder's first state (N, U)."""
    crop = crop_input(architecture)
    features = read_features(architecture, crop)
    units = architecture.decoder_units
    keys = keras.layers.Dense(units, name="keys")(features)
    mean = keras.layers.GlobalAveragePooling1D(name="mean")(features)
    state = keras.layers.Dense(units, activation="tanh", name="start")(mean)
    return keras.Model(crop, [features, keys, state], name="encoder")


def build_step(architecture: Architecture, classes: int, *, steps: int, channels: int) -> keras.Model:
    """One class after the other: inputs `features` (N, T, D), `keys` (N, T, U), `state` (N, U), `looked` (N, T), the
    weights of the step before, and `previous` (N,) int32; outputs logits (N, classes), the next state and the weights
    (N, T) with which the features were looked at, which add up to 1."""
    units = architecture.decoder_units
    features = keras.Input((steps, channels), name="features")
    keys = keras.Input((steps, units), name="keys")
    state = keras.Input((units,), name="state")
    looked = keras.Input((steps,), name="looked")
    previous = keras.Input((), dtype="int32", name="previous")
    query = keras.layers.Dense(units, use_bias=False, name="query")(state)
    query = keras.layers.Reshape((1, units), name="query_for_all")(query)
    before = keras.layers.Reshape((steps, 1), name="looked_upright")(looked)
    before = keras.layers.Conv1D(units, SURROUNDINGS, padding="same", use_bias=False, name="before")(before)
    scores = keras.layers.Add(name="sum")([keys, query, before])
    scores = keras.layers.Activation("tanh", name="tanh")(scores)
    scores = keras.layers.Dense(1, use_bias=False, dtype="float32", name="score")(scores)
    weights = keras.layers.Softmax(dtype="float32", name="weights")(keras.layers.Reshape((steps,), name="flat")(scores))
    seen = keras.layers.Dot(axes=(1, 1), name="seen")([weights, features])
    known = keras.layers.Embedding(classes, EMBEDDING, name="embedding")(previous)
    given = keras.layers.Concatenate(name="given")([known, seen])
    output, _ = keras.layers.GRUCell(units, name="decoder")(given, [state])
    both = keras.layers.Concatenate(name="both")([output, seen])
    logits = keras.layers.Dense(classes, dtype="float32", name="logits")(both)
    return keras.Model([features, keys, state, looked, previous], [logits, output, weights], name="step")


def classes_before(classes: NDArray[np.int32]) -> NDArray[np.int32]:
    """The class before each of texts (N, L) padded with 0, and before their end: (N, L + 1)."""
    return np.pad(classes, ((0, 0), (1, 0)))
