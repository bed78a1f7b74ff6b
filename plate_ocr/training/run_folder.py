"""What lies in a run's folder, and how it gets there: history, checkpoints, and what a resumed run takes up."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any, Protocol

import keras

from plate_ocr.training.config import ConfigError

LAST = "last.keras"
CONFIG = "config.json"
HISTORY = "history.csv"
STATE = "state.json"


class Schedule(Protocol):
    """The settings that any run shares."""

    @property
    def epochs(self) -> int: ...
    @property
    def steps(self) -> int: ...
    @property
    def learning_rate(self) -> float: ...
    @property
    def warmup(self) -> int: ...
    @property
    def weight_decay(self) -> float: ...
    @property
    def clip_norm(self) -> float: ...


def check_folder(run: Path, *, resume: bool) -> None:
    """Raises ConfigError for a folder without a run to resume, or with one where a new one is to begin."""
    if resume and not (run / LAST).is_file():
        raise ConfigError(f"{run} holds no {LAST}: nothing to resume")
    if not resume and (run / CONFIG).exists():
        raise ConfigError(f"{run} already holds a run; continue it with --resume, or choose another folder")


def make_optimizer(config: Schedule) -> keras.optimizers.Optimizer:
    """AdamW with a warm-up, a cosine's fall, and gradients clipped by their global norm."""
    schedule = keras.optimizers.schedules.CosineDecay(
        config.learning_rate / 25,
        config.epochs * config.steps,
        alpha=0.01,
        warmup_target=config.learning_rate,
        warmup_steps=config.warmup,
    )
    # A recurrent network's gradients explode now and then; clipping by global norm keeps their direction.
    return keras.optimizers.AdamW(schedule, weight_decay=config.weight_decay, global_clipnorm=config.clip_norm)


def append_row(path: Path, row: dict[str, Any]) -> None:
    """Add a row to a CSV file; its first one brings the header."""
    fresh = not path.is_file()
    with path.open("a", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(row))
        if fresh:
            writer.writeheader()
        writer.writerow(row)


def save_atomically(model: keras.Model, path: Path) -> None:
    """A run that is killed while saving must find its last whole checkpoint."""
    part = path.with_name("part-" + path.name)
    model.save(part)
    part.replace(path)


def save_state(run: Path, **state: Any) -> None:
    """What a resumed run has to know besides its weights."""
    (run / STATE).write_text(json.dumps(state))


def load_state(run: Path) -> dict[str, Any]:
    """What `save_state` wrote; empty for a new run."""
    path = run / STATE
    return dict(json.loads(path.read_text())) if path.is_file() else {}


def trim_history(path: Path, epochs: int) -> None:
    """Drop rows of an epoch whose checkpoint was never finished."""
    if not path.is_file():
        return
    rows = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(rows[: epochs + 1]), encoding="utf-8")
