"""A learning curve as a picture."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")

from matplotlib import pyplot as plt

from plate_ocr.training.power_law import AHEAD, LearningCurve


def draw_learning_curve(curve: LearningCurve, picture: Path) -> None:
    """The points with their intervals, and the law with its own up to four times the crops, on logarithmic scales.
    Raises RunError where the disk refuses."""
    crops = np.array([point.crops for point in curve.points])
    errors = np.array([[1 - point.accuracy, *(1 - end for end in point.interval())] for point in curve.points])
    line = np.unique(np.geomspace(crops[0], AHEAD[-1] * crops[-1], 40).round().astype(int))
    law = [curve.estimate(int(n)) for n in line]
    figure, axes = plt.subplots(figsize=(8, 5))
    low, high = ([100 * (1 - getattr(e, end)) for e in law] for end in ("high", "low"))
    axes.fill_between(line, low, high, color="#1c3f9c", alpha=0.12, linewidth=0, label="95 % interval")
    axes.plot(line, [100 * (1 - e.accuracy) for e in law], color="#1c3f9c", linestyle="--", label="power law")
    around = 100 * np.abs(errors[:, :1] - errors[:, :0:-1]).T
    axes.errorbar(crops, 100 * errors[:, 0], around, fmt="o", capsize=4, color="#c0392b", label="trained")
    if curve.start:
        axes.axhline(
            100 * (1 - curve.start.accuracy), color="#666666", linewidth=1, linestyle=":", label="before training"
        )
    axes.set(xscale="log", yscale="log", xlabel="crops to train on", ylabel="dev plates read wrong, %")
    ahead = [factor * crops[-1] for factor in AHEAD]
    axes.set_xticks([*crops, *ahead], [f"{n:,}" for n in (*crops, *ahead)])
    axes.minorticks_off()
    lowest = max(100 * errors[:, 0].min() / 20, 0.01)
    axes.set_ylim(max(min(low), lowest), 110)
    ticks = [tick for tick in (0.01, 0.1, 1, 2, 5, 10, 20, 50, 100) if tick >= axes.get_ylim()[0]]
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.grid(alpha=0.3)
    axes.legend()
    axes.set_title(curve.doubt.partition(":")[0] or "what more crops bring")
    figure.tight_layout()
    figure.savefig(picture, dpi=110)
    plt.close(figure)
