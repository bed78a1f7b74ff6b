"""What lies in a run's folder: settings, history, checkpoints, and what a resumed run takes up."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from plate_ocr.training.run_config import ConfigError, RunConfig

if TYPE_CHECKING:
    import keras

LAST = "last.keras"
CONFIG = "config.json"
HISTORY = "history.csv"
STATE = "state.json"

_Config = TypeVar("_Config", bound=RunConfig)


class RunError(RuntimeError):
    """A run cannot go on; the message says why, and what is kept of it."""


def open_folder(run: Path, config: _Config, *, resume: bool) -> _Config:
    """The settings of the run in this folder: `config`, or with `resume` its own. Raises ConfigError for a folder
    without a run to resume, or with one where a new one is to begin."""
    if resume:
        return saved_config(type(config), run)
    if (run / CONFIG).exists():
        raise ConfigError(f"{run} already holds a run; continue it with --resume, or choose another folder")
    return config


def saved_config(kind: type[_Config], run: Path) -> _Config:
    """The settings of the run in this folder. Raises ConfigError if there is none."""
    if not (run / CONFIG).is_file():
        raise ConfigError(f"{run} holds no {CONFIG}: nothing to resume")
    return kind.load(run / CONFIG)


def begin(run: Path, config: RunConfig) -> None:
    """Make the folder with the run's settings in it. Raises RunError if it cannot be written."""
    with writing(run):
        run.mkdir(parents=True, exist_ok=True)
    with writing(run / CONFIG):
        config.save(run / CONFIG)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raises RunError where the system refuses to write this file: a full disk, a folder that is not ours."""
    try:
        yield
    except OSError as error:
        raise RunError(
            f"{path} cannot be written: {error.strerror or error}. What was saved before is kept; make room or choose "
            "another --output"
        ) from error


def append_row(path: Path, row: dict[str, Any]) -> None:
    """Add a row to a CSV file; its first one brings the header. Raises RunError if it cannot be written."""
    with writing(path):
        fresh = not path.is_file()
        with path.open("a", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, list(row))
            if fresh:
                writer.writeheader()
            writer.writerow(row)


def save_atomically(model: keras.Model, path: Path) -> None:
    """Save so that a run that is killed meanwhile finds its last whole checkpoint. Raises RunError if it cannot."""
    part = path.with_name("part-" + path.name)
    with writing(path):
        try:
            model.save(part)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def save_state(run: Path, **state: Any) -> None:
    """What a resumed run has to know besides its weights. Raises RunError if it cannot be written."""
    part = run / ("part-" + STATE)
    with writing(run / STATE):
        part.write_text(json.dumps(state))
        part.replace(run / STATE)


def load_state(run: Path) -> dict[str, Any]:
    """What `save_state` wrote; empty for a new run."""
    path = run / STATE
    return dict(json.loads(path.read_text())) if path.is_file() else {}


def epochs_done(run: Path) -> int:
    """How many epochs the run's last checkpoint has behind it; 0 where there is none. Rows of the history behind it, of
    an epoch whose checkpoint was never finished, are dropped."""
    if not (run / LAST).is_file():
        return 0
    epochs = int(load_state(run).get("epoch", 0))
    history = run / HISTORY
    if history.is_file():
        rows = history.read_text(encoding="utf-8").splitlines(keepends=True)
        history.write_text("".join(rows[: epochs + 1]), encoding="utf-8")
    return epochs
