"""The reader's network: convolutions, then recurrent layers, then a logit for each character (CRNN).

After Shi, Bai and Yao, "An End-to-End Trainable Neural Network for Image-based Sequence Recognition" (2015), with two
rows of features instead of one.
"""

from __future__ import annotations

import keras

from plate_ocr.training.config import Architecture


def build_crnn(architecture: Architecture, classes: int, *, unroll: bool = False) -> keras.Model:
    """Input `crop` (N, height, width, 1) float32; output `logits` (N, T, classes) float32, class 0 the CTC blank. With
    `unroll`, the recurrent layers are written out step by step instead of as a loop."""
    crop = crop_input(architecture)
    x = read_features(architecture, crop, unroll=unroll)
    # In single precision even where the rest is not: the loss sums over many probabilities.
    logits = keras.layers.Dense(classes, dtype="float32", name="logits")(x)
    return keras.Model(crop, logits, name="crnn")


def crop_input(architecture: Architecture) -> keras.KerasTensor:
    """The input `crop` (N, height, width, 1) float32."""
    return keras.Input((architecture.height, architecture.width, 1), name="crop")


def read_features(architecture: Architecture, crop: keras.KerasTensor, *, unroll: bool = False) -> keras.KerasTensor:
    """What every head starts from: the features (N, T, D) that convolutions and recurrent layers make of a crop.

    A line model cannot read a plate of two lines. Here the feature map keeps several rows, and they are laid one after
    the other: first the upper half of the plate from left to right, then the lower. On a one-line plate both halves
    show the same characters; the LSTM, which sees the whole sequence from both sides, learns which half to write from.
    """
    x = crop
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
        cell = recurrent(architecture.cell, units, f"{architecture.cell.replace('-', '_')}{i}", unroll=unroll)
        x = (keras.layers.Bidirectional(cell, name=f"bi{cell.name}") if architecture.bidirectional else cell)(x)
    return keras.layers.Dropout(architecture.dropout, name="dropout")(x)


def recurrent(cell: str, units: int, name: str, *, unroll: bool = False) -> keras.layers.Layer:
    """A recurrent layer of one of `config.CELLS`, which gives an output (units,) at every step."""
    how = {"return_sequences": True, "unroll": unroll, "name": name}
    # The cuDNN kernels have no ONNX counterpart, and a CPU run does not miss them.
    if cell == "lstm":
        return keras.layers.LSTM(units, use_cudnn=False, **how)
    if cell == "gru":
        return keras.layers.GRU(units, use_cudnn=False, **how)
    return keras.layers.SimpleRNN(units, **how)
