"""The history of a run as a picture."""

from __future__ import annotations

import csv
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot as plt


def draw_curves(history: Path, picture: Path) -> None:
    """Loss on a logarithmic scale above, scores below, over epochs."""
    with history.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    epochs = [int(row["epoch"]) for row in rows]
    scores = [name for name in (rows[0] if rows else ()) if name.startswith("dev_") or name == "others_plate_accuracy"]
    figure, axes = plt.subplots(2 if scores else 1, 1, figsize=(8, 7 if scores else 4), sharex=True, squeeze=False)
    loss = axes[0, 0]
    loss.plot(epochs, [float(row["loss"]) for row in rows], marker=".", color="#1c3f9c")
    loss.set(yscale="log", ylabel="loss, train")
    loss.grid(alpha=0.3, which="both")
    if scores:
        accuracy = axes[1, 0]
        for name, colour in zip(scores, ("#c0392b", "#2c7a4b", "#8e6c1a"), strict=False):
            label = name.removeprefix("dev_").replace("others_", "other regions, drawn: ").replace("_", " ")
            accuracy.plot(epochs, [100 * float(row[name]) for row in rows], marker=".", color=colour, label=label)
        accuracy.set(ylabel="read right, %", ylim=(0, 100))
        accuracy.legend(loc="lower right")
        accuracy.grid(alpha=0.3)
    axes[-1, 0].set_xlabel("epoch")
    figure.tight_layout()
    figure.savefig(picture, dpi=110)
    plt.close(figure)
