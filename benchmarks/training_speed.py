"""Does training wait for its samples? A run's steps with samples as they are made, and the same step on one batch.

    python benchmarks/training_speed.py ../shared/plates --config models/reader/train-1.json

Both train the same network with the same compiled step; the bare one is given the same batch again and again, while the
processes that make others have nothing to do. On two cores the two share them, so that the difference is what making
samples costs, and not only what waiting for them does. Before the clock starts the processes make an epoch of batches
that nobody trains on: they read each font and draw each glyph once, and a run has some thirty epochs.
"""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import click
import keras
import numpy as np
from rich.console import Console
from rich.table import Table

from plate_ocr.training.config import TrainConfig
from plate_ocr.training.feed import Feed
from plate_ocr.training.fit import as_input, new_model
from plate_ocr.training.rows import split_labels
from plate_ocr.training.run_config import read_settings
from plate_ocr.training.samples import make_batch, start_worker

WARM, SETTLE = 600, 40
"""Batches that are made before the first round, and steps of each that do not count: the first traces the graph, and
those that are waiting when it begins were made while others were trained on."""


def samples_a_second(model: keras.Model, batches: Iterator[Any], steps: int, batch: int) -> float:
    """Of so many steps, after some that do not count."""
    for _ in range(SETTLE):
        model.train_on_batch(*next(batches))
    start = time.perf_counter()
    for _ in range(steps):
        model.train_on_batch(*next(batches))
    return steps * batch / (time.perf_counter() - start)


@click.command()
@click.argument("plates", type=click.Path(path_type=Path, exists=True))
@click.option("--config", "settings", default="models/reader/train-1.json", show_default=True, type=Path)
@click.option("--steps", default=120, show_default=True, help="Steps of each round.")
@click.option("--rounds", default=3, show_default=True, help="Rounds; medians count.")
@click.option("--workers", default=2, show_default=True, help="Processes that make batches.")
def main(plates: Path, settings: Path, steps: int, rounds: int, workers: int) -> None:
    """Print samples a second, with the samples and without."""
    given = {
        "labels": [str(plates / "crops" / "labels.csv")],
        "fonts": [str(plates / "fonts")],
        "glyphs": [str(plates / "glyphs")],
        "start": "",
        "teacher": "",
        "permute": 0.0,
        "distrust": 0.0,
        "straighten": 0.0,
        "nothing": 0.0,
    }
    config = TrainConfig.of(read_settings(settings) | given, str(settings))
    labels, _ = split_labels(config)
    model = new_model(config, None, lambda _: None)
    finish = partial(as_input, config.architecture.head)
    fed, bare = [], []
    count = WARM + rounds * (SETTLE + steps)
    feed = Feed(count, start_worker, (config, labels), make_batch, finish, workers=workers)
    batches = (feed[i] for i in range(count))
    (same,) = deque(itertools.islice(batches, WARM), maxlen=1)
    for _ in range(rounds):
        fed.append(samples_a_second(model, batches, steps, config.batch))
        bare.append(samples_a_second(model, itertools.repeat(same), steps, config.batch))
    feed.close()
    table = Table(title=f"{model.count_params():,} parameters, batches of {config.batch}, {steps} steps")
    for name in ("samples", "a second", "of bare"):
        table.add_column(name, justify="left" if name == "samples" else "right")
    ratio = float(np.median(np.array(fed) / np.array(bare)))
    table.add_row("one batch, again and again", f"{np.median(bare):.0f}", "")
    table.add_row(f"as a run makes them, {workers} process", f"{np.median(fed):.0f}", f"{ratio:.0%}")
    Console().print(table)


if __name__ == "__main__":
    main()
