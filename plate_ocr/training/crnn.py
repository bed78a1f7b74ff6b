"""The reader's network: convolutions, then a bidirectional LSTM, then a logit for each character (CRNN).

After Shi, Bai and Yao, "An End-to-End Trainable Neural Network for Image-based Sequence Recognition" (2015), with two
rows of features instead of one.
"""

from __future__ import annotations

import keras

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
    _, rows, columns, channels = x.shape
    x = keras.layers.Reshape((rows * columns, channels), name="rows_in_a_row")(x)
    for i, units in enumerate(architecture.lstm_units, start=1):
        # The cuDNN kernel has no ONNX counterpart, and a CPU run does not miss it.
        lstm = keras.layers.LSTM(units, return_sequences=True, use_cudnn=False, name=f"lstm{i}")
        x = keras.layers.Bidirectional(lstm, name=f"bilstm{i}")(x)
    x = keras.layers.Dropout(architecture.dropout, name="dropout")(x)
    logits = keras.layers.Dense(classes, name="logits")(x)
    return keras.Model(crop, logits, name="crnn")
