"""From what the network says of its reading to how often such a reading is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

STAGES = ("1", "2")
"""After one look, and after several: the mean over views that disagree is a careful figure."""


@dataclass(frozen=True)
class Confidence:
    """A monotone curve for each stage: raw probabilities and the share of readings that was right, both ascending.

    A raw 0 is a 0. Without a curve the raw probability is given.
    """

    curves: Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for stage, (raw, right) in self.curves.items():
            ascending = all(list(values) == sorted(values) for values in (raw, right))
            if stage not in STAGES or len(raw) != len(right) or not raw or not ascending:
                raise ValueError(f"calibration curve {stage!r} is damaged")
            if min(*raw, *right) < 0 or max(*raw, *right) > 1:
                raise ValueError(f"calibration curve {stage!r} leaves 0 to 1")

    def __call__(self, raw: float, stage: str) -> float:
        """The calibrated probability of a reading."""
        if stage not in self.curves:
            return raw
        # Below its first point a curve goes to nothing: what the network holds all but impossible is no plate.
        known, right = self.curves[stage]
        return float(np.interp(raw, (0.0, *known), (0.0, *right)))


def fit_curve(
    raw: Sequence[float], right: Sequence[bool], *, bins: int = 20
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """A monotone curve through readings: probabilities (0 to 1) against outcomes.

    Means over bins of equal mass, made monotone by pooling neighbours that fall (isotonic regression; Zadrozny and
    Elkan, 2002). A bin counts one right and one wrong reading more than it holds, so that none is ever certain. Raises
    ValueError for fewer readings than bins.
    """
    p, y = np.asarray(raw, dtype=np.float64), np.asarray(right, dtype=np.float64)
    if len(p) != len(y) or len(p) < bins:
        raise ValueError(f"{len(p)} readings are too few for a curve of {bins} bins")
    pools: list[list[float]] = []  # sum of probabilities, right ones, readings
    for group in np.array_split(np.argsort(p, kind="stable"), bins):
        pools.append([float(p[group].sum()), float(y[group].sum()), float(len(group))])
        while len(pools) > 1 and _share(pools[-2]) >= _share(pools[-1]):
            last = pools.pop()
            pools[-1] = [a + b for a, b in zip(pools[-1], last, strict=True)]
    return tuple(round(s / n, 5) for s, _, n in pools), tuple(round(_share(pool), 5) for pool in pools)


def _share(pool: Sequence[float]) -> float:
    return (pool[1] + 1) / (pool[2] + 2)
