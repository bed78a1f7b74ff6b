"""How errors fall as crops are added, what more of them would bring, and whether that can be told at all."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from plate_ocr.evaluation.metrics import wilson

Array = NDArray[np.float64]

LEAST = 3
"""Points below which nothing can contradict a law of two numbers."""

AHEAD = (2, 4)
"""How many times as many crops are estimated for."""

DRAWS = 2000
"""How often chance in the dev crops is drawn anew."""

FLOORS = 20
"""Floors that are tried between no errors and the fewest seen."""

STEEPEST = 5.0
"""The fastest fall, and rise: points that lie close together may ask for any, and lead to numbers that are none."""

WORTH = 3.84
"""By how much a floor has to lower the chi-square before it is believed: one degree of freedom, 95 %."""


@dataclass(frozen=True, slots=True)
class Point:
    """What a training on so many crops came to: `right` of the `dev` held-out crops were read to the last character."""

    crops: int
    dev: int
    right: int

    @property
    def accuracy(self) -> float:
        """Plate accuracy on the dev crops."""
        return self.right / self.dev

    def interval(self) -> tuple[float, float]:
        """Its 95 % Wilson interval."""
        return wilson(self.right, self.dev)


@dataclass(frozen=True, slots=True)
class Law:
    """The share of errors after a training on n crops: a * n^-b + c."""

    a: float
    b: float
    c: float = 0.0

    def accuracy(self, crops: float) -> float:
        """Plate accuracy, 0 to 1."""
        return 1 - min(1.0, self.a * float(crops**-self.b) + self.c)


@dataclass(frozen=True, slots=True)
class Estimate:
    """The plate accuracy to expect of so many crops, and its 95 % interval."""

    crops: int
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True)
class LearningCurve:
    """Points of trainings on ever more crops, scored on the same dev crops, and the law through them. `start` is what
    stood before any training; the law has no value for it.

    The floor c is 0 with three points; with more it is fitted, where they ask for one. The intervals come of drawing
    the dev crops' errors anew: they hold the chance in the dev crops, and not that in the trainings. Raises ValueError
    for less than three points, for points in another order than that of their crops, or of other dev crops.
    """

    points: tuple[Point, ...]
    start: Point | None = None

    def __post_init__(self) -> None:
        crops = [point.crops for point in self.points]
        if len(crops) < LEAST or crops != sorted(set(crops)) or len({point.dev for point in self.points}) > 1:
            raise ValueError(f"a curve needs {LEAST} points or more, of ever more crops, scored on the same dev crops")

    @cached_property
    def law(self) -> Law:
        """The law that fits the points best, each by its weight."""
        a, b, c = (float(values[0]) for values in self._fit(self._shares[None]))
        return Law(a, b, c)

    def estimate(self, crops: int) -> Estimate:
        """What to expect of a training on so many crops, by the law."""
        a, b, c = self._drawn
        low, high = np.quantile(1 - np.minimum(1, a * float(crops) ** -b + c), (0.025, 0.975))
        return Estimate(crops, self.law.accuracy(crops), float(low), float(high))

    @property
    def doubt(self) -> str:
        """Why the law should not be believed; '' where nothing speaks against it."""
        first, last = self.points[0], self.points[-1]
        wrong = (
            f"of {last.dev} dev crops, {last.dev - first.right} were read wrong after {first.crops} crops and "
            f"{last.dev - last.right} after {last.crops}"
        )
        slowest, fastest = np.quantile(self._drawn[1], (0.025, 0.975))
        if fastest < 0:
            return f"more crops do not help: {wrong}. Check their labels: plate-ocr dataset check"
        if slowest <= 0:
            return f"too noisy to tell: {wrong}, no difference beyond chance. More dev crops would tell"
        for point in self.points:
            low, high = point.interval()
            if not low <= self.law.accuracy(point.crops) <= high:
                return (
                    f"too uneven to tell: {point.accuracy:.0%} after {point.crops} crops is off any steady fall of "
                    "errors. The trainings may differ by chance: try another --seed"
                )
        return ""

    @property
    def _shares(self) -> Array:
        """Shares of errors (P), never quite 0 or 1."""
        return np.array([(p.dev - p.right + 0.5) / (p.dev + 1) for p in self.points])

    @cached_property
    def _drawn(self) -> tuple[Array, Array, Array]:
        """a, b and c (DRAWS) of points whose errors were drawn anew."""
        dev = self.points[0].dev
        # As if each point had dev crops of its own. They share them, so the truth is rather narrower.
        wrong = np.random.default_rng(0).binomial(dev, self._shares, (DRAWS, len(self.points)))
        return self._fit((wrong + 0.5) / (dev + 1))

    def _fit(self, errors: Array) -> tuple[Array, Array, Array]:
        """a, b and c (N) for shares of errors (N, P), by least squares of their logarithms, weighted by how sure they
        are."""
        crops = np.array([point.crops for point in self.points], dtype=np.float64)
        variance = errors * (1 - errors) / self.points[0].dev
        best = np.full(len(errors), np.inf)
        a, b, c = np.zeros((3, len(errors)))
        for part in np.arange(FLOORS) / FLOORS if len(crops) > LEAST else (0.0,):
            floor = part * errors.min(axis=1)
            above = errors - floor[:, None]
            weight = above**2 / variance
            weight /= weight.sum(axis=1, keepdims=True)
            x, y = np.log(crops), np.log(above)
            x_mean, y_mean = (weight * x).sum(axis=1), (weight * y).sum(axis=1)
            from_mean = x - x_mean[:, None]
            slope = (weight * from_mean * y).sum(axis=1) / (weight * from_mean**2).sum(axis=1)
            fall = np.clip(-slope, -STEEPEST, STEEPEST)
            height = np.exp(y_mean + fall * x_mean)
            off = errors - floor[:, None] - height[:, None] * crops ** -fall[:, None]
            # A floor is one number more, and fits better for that alone.
            chi2 = (off**2 / variance).sum(axis=1) + (WORTH if part else 0)
            better = chi2 < best
            best = np.where(better, chi2, best)
            a, b, c = (np.where(better, new, old) for new, old in ((height, a), (fall, b), (floor, c)))
        return a, b, c
