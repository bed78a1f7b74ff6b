"""How far a confidence can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Calibration:
    """Confidences against what became of them.

    `ece` is the expected calibration error over bins of equal mass, `brier` the mean squared difference of confidence
    and outcome (1 right, 0 wrong). `thresholds` maps an error rate to (the least confidence that keeps the error among
    the crops above it at or under that rate, the share of crops that are above it).
    """

    ece: float
    brier: float
    thresholds: dict[float, tuple[float, float]]


def calibrate(
    confidences: Sequence[float], right: Sequence[bool], *, bins: int = 15, rates: Sequence[float] = (0.01, 0.005)
) -> Calibration:
    """Compare confidences (0 to 1) with outcomes. Raises ValueError without any, or if their numbers differ.

    The error is that of Naeini, Cooper and Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian Binning"
    (2015), with bins of equal mass.
    """
    p, y = np.asarray(confidences, dtype=np.float64), np.asarray(right, dtype=np.float64)
    if not len(p) or len(p) != len(y):
        raise ValueError(f"{len(p)} confidences cannot be compared with {len(y)} outcomes")
    order = np.argsort(p, kind="stable")
    groups = np.array_split(order, min(bins, len(p)))
    ece = sum(len(g) * abs(float(p[g].mean() - y[g].mean())) for g in groups) / len(p)
    # From the surest crop down: the error among all that are at least as sure.
    down = order[::-1]
    errors = np.cumsum(1 - y[down]) / np.arange(1, len(p) + 1)
    # Crops of one confidence stand on the same side of a threshold.
    last = np.append(p[down][1:] != p[down][:-1], True)
    thresholds = {}
    for rate in rates:
        allowed = np.flatnonzero((errors <= rate) & last)
        kept = int(allowed[-1]) + 1 if len(allowed) else 0
        thresholds[rate] = (float(p[down[kept - 1]]) if kept else 1.0, kept / len(p))
    return Calibration(float(ece), float(np.mean((p - y) ** 2)), thresholds)
