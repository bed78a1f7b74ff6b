"""Whose plate a crop shows, by its looks: many countries write three letters and four digits, each in its own way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from plate_ocr.model_store import REGIONS_ONNX, open_regions
from plate_ocr.recognition.ctc import log_softmax
from plate_ocr.recognition.network import OnnxNetwork
from plate_ocr.recognition.preprocess import fit, normalize

UNSEEN = 0.02
"""The share of probability that looks give to all regions alike: a format can overrule them, and a region that the
classifier never saw can still be named."""


def looks_of(crops: NDArray[np.uint8], aspects: NDArray[np.float32]) -> NDArray[np.float32]:
    """The network's input (N, H, W, 2) float32: grey crops (N, H, W) uint8 as the reader sees them and, in the second
    channel, the logarithm of each one's width by its height, which stretching took away."""
    pictures = normalize(crops)
    shape = np.broadcast_to(np.log(aspects)[:, None, None, None], pictures.shape)
    return np.concatenate([pictures, shape], axis=-1, dtype=np.float32)


class RegionClassifier:
    """Tells regions apart by the looks of their plates."""

    def __init__(self, model: str | Path = "regions", *, threads: int = 0) -> None:
        """`model` is a shipped name or the folder of a run. Raises ModelError if it is missing or damaged."""
        files = open_regions(model)
        self.codes = files.codes
        self._size = files.size
        self._network = OnnxNetwork(files.file(REGIONS_ONNX), threads=threads)

    def __call__(self, crops: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Probabilities (N, R) float32 of each code in `codes` for BGR or grey uint8 crops of any size."""
        if not crops:
            return np.zeros((0, len(self.codes)), np.float32)
        aspects = np.array([crop.shape[1] / crop.shape[0] for crop in crops], np.float32)
        fitted = np.stack([fit(crop, self._size) for crop in crops])
        return np.exp(log_softmax(self._network(looks_of(fitted, aspects))))


def combined(by_text: Mapping[str, float], by_looks: Mapping[str, float]) -> dict[str, float]:
    """What the text's format and the looks say together: region -> probability, likeliest first.

    A text that fits no format says nothing: it may be misread, or a plate that somebody chose.
    """
    known = by_text or by_looks
    floor = UNSEEN / max(1, len(by_looks))
    product = {code: by_text.get(code, 1.0) * ((1 - UNSEEN) * by_looks.get(code, 0.0) + floor) for code in known}
    whole = sum(product.values())
    return {code: p / whole for code, p in sorted(product.items(), key=lambda item: -item[1])} if whole else {}
