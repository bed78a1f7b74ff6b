"""The detector's network: convolutions down to a thirty-second of the photo, back up to an eighth, and at both a score
and four corners for each cell.

The dense prediction of corners follows EAST (Zhou et al., 2017), the coarse-to-fine sum feature pyramids (Lin et al.,
2017).
"""

from __future__ import annotations

import math

import keras

from plate_ocr.training.detector.config import DetectorArchitecture

PRIOR = 0.01
"""The score that an untrained network gives to every cell: nearly all of them are no plate (Lin et al., "Focal loss for
dense object detection", 2017)."""

HIDDEN = 0.8
"""In a photo that may show plates without a label, a cell that is surer than this of one is not told otherwise. Lower,
and badges and lamps would pass for such plates and stay."""

NEAR = 0.02
"""Below this distance the corners' loss is a parabola (Huber, 1964), so that the last half pixel still counts without
the sign's jitter."""


def build_detector(architecture: DetectorArchitecture) -> keras.Model:
    """Input `photo` (N, H, W, 1) float32, H and W multiples of 32; outputs `small` (N, H/8, W/8, 9) and `large`
    (N, H/32, W/32, 9): a score's logit and eight corner offsets a cell."""
    x = photo = keras.Input((None, None, 1), name="photo")
    kept = []
    for i, (channels, blocks) in enumerate(zip(architecture.channels, architecture.residual, strict=True), start=1):
        x = _conv(x, channels, f"down{i}", strides=2)
        for j in range(1, blocks + 1):
            # The last block of the coarsest map looks twice as far: a plate may fill the photo.
            far = 2 if i == len(architecture.channels) and j == blocks else 1
            y = _conv(x, channels, f"block{i}_{j}a", dilation_rate=far)
            y = _conv(y, channels, f"block{i}_{j}b", dilation_rate=far, relu=False)
            x = keras.layers.ReLU(name=f"relu{i}_{j}")(keras.layers.Add(name=f"add{i}_{j}")([x, y]))
        kept.append(x)
    eighth, sixteenth, coarse = kept[2:]
    x = _up(coarse, sixteenth, "up16")
    x = _up(x, eighth, "up8")
    small = _head(x, "small")
    large = _head(coarse, "large")
    return keras.Model(photo, {"small": small, "large": large}, name="detector")


def _conv(x: keras.KerasTensor, channels: int, name: str, *, relu: bool = True, **how: int) -> keras.KerasTensor:
    kernel = how.pop("kernel", 3)
    x = keras.layers.Conv2D(channels, kernel, padding="same", use_bias=False, name=name, **how)(x)
    x = keras.layers.BatchNormalization(momentum=0.98, name=f"{name}_norm")(x)
    return keras.layers.ReLU(name=f"{name}_relu")(x) if relu else x


def _up(x: keras.KerasTensor, fine: keras.KerasTensor, name: str) -> keras.KerasTensor:
    channels = fine.shape[-1]
    x = keras.layers.UpSampling2D(name=name)(_conv(x, channels, f"{name}_narrow", kernel=1))
    return _conv(keras.layers.Add(name=f"{name}_add")([x, fine]), channels, f"{name}_conv")


def _head(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    x = _conv(x, x.shape[-1], f"{name}_conv")
    score = keras.layers.Conv2D(
        1, 1, bias_initializer=keras.initializers.Constant(-math.log(1 / PRIOR - 1)), name=f"{name}_score"
    )(x)
    corners = keras.layers.Conv2D(8, 1, name=f"{name}_corners")(x)
    return keras.layers.Concatenate(name=name)([score, corners])


class CellLoss(keras.losses.Loss):  # type: ignore[misc]
    """Focal loss of the scores plus the corners' distance in shares of the plate's size.

    Takes the maps of `targets.encode` (N, h, w, 12) and the network's (N, h, w, 9). In a photo that may show
    plates without a label, a cell that is sure of one counts for nothing.
    """

    def __init__(self, name: str = "cells", reduction: str = "sum_over_batch_size") -> None:
        super().__init__(name=name, reduction=reduction)

    def call(self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
        """The loss (N,)."""
        ops = keras.ops
        truth, weight, partly = y_true[..., 0], y_true[..., 1], y_true[..., 11]
        logit = y_pred[..., 0]
        p = ops.stop_gradient(ops.sigmoid(logit))
        hidden = partly * (1 - truth) * ops.cast(p > HIDDEN, "float32")
        entropy = truth * ops.softplus(-logit) + (1 - truth) * ops.softplus(logit)
        focus = ops.square(ops.abs(truth - p))
        score = ops.sum(focus * entropy * weight * (1 - hidden), axis=(1, 2))
        distance = ops.abs(y_true[..., 3:11] - y_pred[..., 1:])
        near = ops.where(distance < NEAR, ops.square(distance) / (2 * NEAR) + NEAR / 2, distance)
        corners = ops.sum(ops.mean(near, axis=-1) * y_true[..., 2], axis=(1, 2))
        return score + corners
