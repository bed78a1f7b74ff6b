"""The reader's network: convolutions, then a bidirectional LSTM, then a logit for each character (CRNN).

After Shi, Bai and Yao, "An End-to-End Trainable Neural Network for Image-based Sequence Recognition" (2015), with two
rows of features instead of one.
"""

from __future__ import annotations

import keras

from plate_ocr.recognition.alphabet import Alphabet
from plate_ocr.training.config import Architecture


def build_crnn(architecture: Architecture, classes: int) -> keras.Model:
    """Input `crop` (N, height, width, 1) float32; output `logits` (N, T, classes), class 0 the CTC blank.

    A line model cannot read a plate of two lines. Here the feature map keeps several rows, and they are laid one after
    the other: first the upper half of the plate from left to right, then the lower. On a one-line plate both halves
    show the same characters; the LSTM, which sees the whole sequence from both sides, learns which half to write from.
    """
    x = crop = keras.Input((architecture.height, architecture.width, 1), name="crop")
    for i, (channels, strides) in enumerate(zip(architecture.channels, architecture.strides, strict=True), start=1):
        x = keras.layers.Conv2D(channels, 3, strides=strides, padding="same", use_bias=False, name=f"conv{i}")(x)
        x = keras.layers.BatchNormalization(momentum=0.98, name=f"norm{i}")(x)
        x = keras.layers.ReLU(name=f"relu{i}")(x)
        for j in range(1, architecture.residual_at(i) + 1):
            # A gain of zero makes a new block the identity: it can be added to weights that are trained already.
            y = keras.layers.Conv2D(channels, 3, padding="same", use_bias=False, name=f"conv{i}_{j}")(x)
            y = keras.layers.BatchNormalization(momentum=0.98, gamma_initializer="zeros", name=f"norm{i}_{j}")(y)
            x = keras.layers.ReLU(name=f"relu{i}_{j}")(keras.layers.Add(name=f"add{i}_{j}")([x, y]))
    _, rows, columns, channels = x.shape
    x = keras.layers.Reshape((rows * columns, channels), name="rows_in_a_row")(x)
    for i, units in enumerate(architecture.lstm_units, start=1):
        cell = _recurrent(architecture.cell, units, f"{architecture.cell.replace('-', '_')}{i}")
        x = keras.layers.Bidirectional(cell, name=f"bi{cell.name}")(x)
    x = keras.layers.Dropout(architecture.dropout, name="dropout")(x)
    logits = keras.layers.Dense(classes, name="logits")(x)
    return keras.Model(crop, logits, name="crnn")


def _recurrent(cell: str, units: int, name: str) -> keras.layers.Layer:
    # The cuDNN kernels have no ONNX counterpart, and a CPU run does not miss them.
    if cell == "lstm":
        return keras.layers.LSTM(units, return_sequences=True, use_cudnn=False, name=name)
    if cell == "gru":
        return keras.layers.GRU(units, return_sequences=True, use_cudnn=False, name=name)
    return keras.layers.SimpleRNN(units, return_sequences=True, name=name)


def take_weights(model: keras.Model, source: keras.Model, alphabet: Alphabet, known: Alphabet) -> list[str]:
    """Copy into `model` what `source` has learned, layer by layer, and give the names of layers that stay fresh.

    A layer is copied if its shapes are equal. Of the last layer each character that both alphabets hold keeps its
    weights, wherever it stands, so that an alphabet may grow or shrink.
    """
    fresh = []
    for layer in model.layers:
        weights = layer.get_weights()
        if not weights:
            continue
        try:
            found = source.get_layer(layer.name).get_weights()
        except ValueError:
            fresh.append(layer.name)
            continue
        if layer.name == "logits" and len(found) == 2 and found[0].shape[0] == weights[0].shape[0]:
            places = {c: i for i, c in enumerate(known.characters, start=1)} | {"": 0}
            kept = [(i, places[c]) for i, c in enumerate(("", *alphabet.characters)) if c in places]
            here, there = map(list, zip(*kept, strict=True))
            for mine, theirs in zip(weights, found, strict=True):
                mine[..., here] = theirs[..., there]
            layer.set_weights(weights)
        elif [w.shape for w in weights] == [w.shape for w in found]:
            layer.set_weights(found)
        else:
            fresh.append(layer.name)
    return fresh
