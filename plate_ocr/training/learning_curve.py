"""Trainings on ever larger parts of the crops, each scored on the same dev crops: what would more crops bring?"""

from __future__ import annotations

import csv
import dataclasses
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from plate_ocr.dataset.table import write_label_rows
from plate_ocr.evaluation.evaluate import read_crops
from plate_ocr.labels import Label
from plate_ocr.recognition.decoder import DecoderSettings
from plate_ocr.recognition.recognizer import Recognizer
from plate_ocr.training.config import TrainConfig
from plate_ocr.training.epochs import choose_dev
from plate_ocr.training.fit import train
from plate_ocr.training.learning_chart import draw_learning_curve
from plate_ocr.training.power_law import LEAST, LearningCurve, Point
from plate_ocr.training.rows import split_labels
from plate_ocr.training.run_config import ConfigError
from plate_ocr.training.run_folder import (
    CONFIG,
    HISTORY,
    append_row,
    begin,
    epochs_done,
    load_state,
    open_folder,
    save_state,
    saved_config,
    writing,
)

POINTS = "curve.csv"
PICTURE = "curve.png"
SHARES = (0.25, 0.5, 1.0)
HELD_OUT = "held-out"
"""The split of the dev crops in the tables that are written."""


def measure(
    config: TrainConfig,
    output: Path,
    shares: Sequence[float] = SHARES,
    *,
    finished: Path | None = None,
    resume: bool = False,
    workers: int = 1,
    tensorboard: Path | None = None,
    say: Callable[[str], None] = print,
) -> LearningCurve:
    """Train on each of these shares of the crops, in folders in `output`, and give the curve of their dev scores.

    Each training has as many steps as `config` says, whatever its share, and the same dev crops. `finished` is the
    folder of a run of `config` that has ended: its score stands for the share 1. With `resume`, go on with the curve
    in that folder; the other settings are its own then. Raises ConfigError for settings, shares or a folder that
    cannot be used, and like `train`.
    """
    config = open_folder(output, config, resume=resume)
    if resume:
        state = load_state(output)
        shares = state.get("shares", shares)
        finished = Path(state["finished"]) if state.get("finished") else None
    labels, dev = split_labels(config)
    dev = choose_dev(config, dev)
    if not dev:
        raise ConfigError("a learning curve needs crops to score on: name them with --dev-split or --dev-fraction")
    if (config.backgrounds or config.scenes) and not config.splits:
        raise ConfigError(
            "with --backgrounds or --scenes, a learning curve has to know which rows to train on: --split"
        )
    parts = _parts(labels, shares, config.seed)
    known = _points(output)
    if finished and 1.0 not in parts:
        raise ConfigError(f"{finished} stands for all crops: there has to be the share 1")
    if finished:
        known |= {1.0: _ended(finished, len(labels), len(dev))}
    begin(output, config)
    save_state(output, shares=list(shares), finished=str(finished.resolve()) if finished else "")
    start = read_start(config, dev)
    for share in sorted(parts):
        if share not in known:
            say(f"share {share:g}: {len(parts[share])} of {len(labels)} crops")
            run = output / f"share-{share:g}"
            own = _part_config(config, write_part(run.with_name(run.name + ".csv"), parts[share], dev, config))
            curves = tensorboard / run.name if tensorboard else None
            train(own, run, resume=(run / CONFIG).exists(), workers=workers, tensorboard=curves, say=say)
            known[share] = Point(len(parts[share]), len(dev), _right(run, own, len(dev)))
        if share not in _points(output):
            append_row(output / POINTS, {"share": share, **dataclasses.asdict(known[share])})
    curve = LearningCurve(tuple(known[share] for share in sorted(parts)), start)
    with writing(output / PICTURE):
        draw_learning_curve(curve, output / PICTURE)
    return curve


def nested(labels: Iterable[Label], shares: Iterable[float], seed: int) -> dict[float, list[Label]]:
    """For each share the rows of about so many of the plates, all rows of a plate or none, each region alike. The rows
    of a smaller share are among those of a larger one; the same plates and seed always give the same."""
    labels = list(labels)
    regions: dict[str, list[str]] = defaultdict(list)
    for text, region in sorted({row.text: row.region for row in labels}.items()):
        regions[region].append(text)
    places: dict[str, float] = {}
    for region, texts in regions.items():
        order = np.random.default_rng([seed, 11, *region.encode()]).permutation(len(texts))
        # Each region's plates stand evenly between 0 and 1, so any first part holds all regions alike.
        places |= {text: (place + 0.5) / len(texts) for text, place in zip(texts, order, strict=True)}
    ranked = sorted(places, key=lambda text: (places[text], text))
    parts = {}
    for share in shares:
        chosen = set(ranked[: max(1, round(share * len(ranked)))])
        parts[share] = [row for row in labels if row.text in chosen]
    return parts


def write_part(table: Path, part: Iterable[Label], dev: Iterable[Label], config: TrainConfig) -> Path:
    """Write a label table of rows to train on and rows to score on, and give its absolute path. Raises RunError where
    the disk refuses."""
    splits = ((_train_split(config), part), (HELD_OUT, dev))
    with writing(table):
        write_label_rows(table, (dataclasses.replace(row, split=split) for split, rows in splits for row in rows))
    return table.resolve()


def read_start(config: TrainConfig, dev: Sequence[Label]) -> Point | None:
    """What the reader that the trainings start from reads of the dev crops, in one look at each and without formats, as
    a training scores; None where they start from nothing."""
    if not config.start:
        return None
    recognizer = Recognizer(config.start, decoding=DecoderSettings(formats="off"), looks=False, alone=True)
    return Point(0, len(dev), sum(read.right for read in read_crops(recognizer, dev)))


def _parts(labels: Sequence[Label], shares: Sequence[float], seed: int) -> dict[float, list[Label]]:
    """`nested`, with shares that make a curve. Raises ConfigError for others."""
    if len(set(shares)) < LEAST or len(set(shares)) < len(shares) or not all(0 < share <= 1 for share in shares):
        raise ConfigError(f"a curve needs {LEAST} different shares or more, above 0 and up to 1: 0.25,0.5,1")
    parts = nested(labels, shares, seed)
    if len({len(part) for part in parts.values()}) < len(parts):
        raise ConfigError(
            f"{len({row.text for row in labels})} plates to train on are too few for the shares "
            f"{', '.join(f'{share:g}' for share in shares)}; give more crops, or shares that lie further apart"
        )
    return parts


def _points(output: Path) -> dict[float, Point]:
    """The points that are known already, by their share."""
    if not (output / POINTS).is_file():
        return {}
    with (output / POINTS).open(encoding="utf-8", newline="") as stream:
        return {
            float(row["share"]): Point(int(row["crops"]), int(row["dev"]), int(row["right"]))
            for row in csv.DictReader(stream)
        }


def _ended(run: Path, crops: int, dev: int) -> Point:
    """The point of a run on all crops. Raises ConfigError for one that has not ended."""
    config, state = saved_config(TrainConfig, run), load_state(run)
    if epochs_done(run) < config.last_epoch and state.get("waited", 0) < config.patience:
        raise ConfigError(f"{run} has not ended; go on with: plate-ocr train --output {run} --resume")
    return Point(crops, dev, _right(run, config, dev))


def _part_config(config: TrainConfig, table: Path) -> TrainConfig:
    """The same training on the rows of one table that `write_part` has written."""
    return dataclasses.replace(
        config,
        labels=(str(table),),
        splits=config.splits or (_train_split(config),),
        dev_splits=(HELD_OUT,),
        dev_fraction=0.0,
    )


def _train_split(config: TrainConfig) -> str:
    # Photos of backgrounds are picked by the same splits.
    return config.splits[0] if config.splits else "train"


def _right(run: Path, config: TrainConfig, dev: int) -> int:
    """How many dev crops the weights that a run has kept read right, by its history. Raises ConfigError without one, or
    if it is of other dev crops."""
    if not (run / HISTORY).is_file():
        raise ConfigError(f"{run} holds no {HISTORY}; train it again")
    with (run / HISTORY).open(encoding="utf-8", newline="") as stream:
        scores = [float(row["dev_plate_accuracy"]) for row in csv.DictReader(stream)]
    exact = dev * (scores[-1] if config.keep == "last" else max(scores))
    # The history has five decimals.
    if abs(exact - round(exact)) > 1e-5 * dev:
        raise ConfigError(f"{run} was scored on other crops than the {dev} that its tables hold now; train it again")
    return round(exact)
