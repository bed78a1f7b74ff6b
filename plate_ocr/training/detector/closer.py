"""The closer look's network: the detector's as far as its finer map, whose cells say besides how much their corners
are worth; and its loss."""

from __future__ import annotations

import keras
import numpy as np

from plate_ocr.detection.closer import CENTRES, COLUMNS, LEVEL, MIDDLE, REACH, ROWS, WINDOW
from plate_ocr.training.detector.config import DetectorArchitecture
from plate_ocr.training.detector.network import HIDDEN, NEAR, build_detector

WEIGHT = 8.0
"""What the corners' distance counts for beside the score."""


def build_closer(architecture: DetectorArchitecture) -> keras.Model:
    """Input `photo` (N, H, W, 1) float32; output `small` (N, H/8, W/8, 13): a score's logit, eight corner offsets, and
    how much the cell has to say of each corner."""
    detector = build_detector(architecture)
    votes = keras.layers.Conv2D(4, 1, name="small_votes")(detector.get_layer("small_conv_relu").output)
    said = [detector.get_layer(f"small_{what}").output for what in ("score", "corners")]
    return keras.Model(detector.input, {"small": keras.layers.Concatenate(name="small")([*said, votes])}, name="closer")


class CornerLoss(keras.losses.Loss):  # type: ignore[misc]
    """Focal loss of the score plus the distance of the corners in units of the offsets.

    Takes what `windows.encode_window` gives (N, 20) and the network's map (N, rows, columns, 13), which it reads as
    `detection.closer.read_corners` does.
    """

    def __init__(self, name: str = "corners", reduction: str = "sum_over_batch_size") -> None:
        super().__init__(name=name, reduction=reduction)

    def call(self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
        """The loss (N,)."""
        ops = keras.ops
        finds, plates = (ops.reshape(y_true[:, i : i + 8], (-1, 1, 4, 2)) for i in (0, 8))
        truth, asked, trust, partly = (y_true[:, i] for i in range(16, 20))
        centres = ops.convert_to_tensor(CENTRES[None, :, None])
        cells = ops.reshape(y_pred, (-1, ROWS * COLUMNS, 13))
        votes = centres + ops.reshape(cells[..., 1:9], (-1, ROWS * COLUMNS, 4, 2)) * LEVEL.unit
        inside = ops.clip(finds, 0.0, ops.convert_to_tensor(np.array(WINDOW, np.float32)))
        close = ops.cast(ops.sum(ops.square(centres - inside), axis=-1) < REACH**2, "float32")
        share = ops.softmax(cells[..., 9:] + (close - 1) * 1e4, axis=1)
        corners = ops.sum(share[..., None] * votes, axis=1, keepdims=True)
        distance = ops.abs(corners - plates) / LEVEL.unit
        smooth = ops.where(distance < NEAR, ops.square(distance) / (2 * NEAR) + NEAR / 2, distance)
        logit = ops.mean(y_pred[:, MIDDLE[0], MIDDLE[1], 0], axis=(1, 2))
        p = ops.stop_gradient(ops.sigmoid(logit))
        hidden = partly * (1 - truth) * ops.cast(p > HIDDEN, "float32")
        entropy = truth * ops.softplus(-logit) + (1 - truth) * ops.softplus(logit)
        score = ops.square(ops.abs(truth - p)) * entropy * asked * (1 - hidden)
        return score + WEIGHT * trust * ops.mean(smooth, axis=(1, 2, 3))
