"""Which rows of the label tables a run trains on, and which it is scored on. Needs no Keras."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from plate_ocr.labels import Label, LabelError, read_labels
from plate_ocr.recognition.alphabet import LONGEST, Alphabet, steps_needed
from plate_ocr.training.config import TrainConfig

RAREST = 16.0
"""What is rarer than this by an even share counts no more: it may be an error in a label."""


def sampling_weights(labels: Sequence[Label], balance: float = 0.0) -> NDArray[np.float64]:
    """How often each row is to be drawn, (N,) float64, in no unit.

    A source counts by the square root of its rows: a large one counts for more than a small one, without drowning it.
    Within a source, with `balance`, rows are drawn the more often the rarer the rarest of their characters is at its
    place, among texts of that length: by 1 in proportion to how much rarer than an even share, by 0 all alike.
    """
    seen: dict[tuple[str, int, int], Counter[str]] = defaultdict(Counter)
    for label in labels:
        for place, character in enumerate(label.text):
            seen[label.source, len(label.text), place][character] += 1
    weights = np.ones(len(labels))
    for i, label in enumerate(labels):
        counts = (seen[label.source, len(label.text), place] for place in range(len(label.text)))
        rarity = (c.total() / len(c) / c[character] for c, character in zip(counts, label.text, strict=True))
        weights[i] = min(RAREST, max(rarity, default=1.0)) ** balance
    totals: dict[str, float] = defaultdict(float)
    rows: Counter[str] = Counter()
    for label, weight in zip(labels, weights.tolist(), strict=True):
        totals[label.source] += weight
        rows[label.source] += 1
    scale = np.array([rows[label.source] ** 0.5 / totals[label.source] for label in labels])
    return np.asarray(weights * scale)


def split_labels(config: TrainConfig) -> tuple[list[Label], list[Label]]:
    """Training and dev rows of a run: by the split column, or by plate text so that no plate stands in both.

    Raises LabelError when a row cannot be trained on, naming it.
    """
    train: list[Label] = []
    dev: list[Label] = []
    for table in map(Path, config.labels):
        rows = read_labels(table, config.splits or None)
        if config.dev_splits:
            train += rows
            # A table may be there to train on alone, such as one of pseudo-labels.
            dev += [row for row in read_labels(table) if row.split in config.dev_splits]
        elif config.dev_fraction:
            texts = sorted({row.text for row in rows})
            np.random.default_rng([config.seed, 7]).shuffle(texts)
            held = set(texts[: max(1, round(len(texts) * config.dev_fraction))])
            train += [row for row in rows if row.text not in held]
            dev += [row for row in rows if row.text in held]
        else:
            train += rows
    if config.dev_splits and not dev:
        raise LabelError(f"no table has a row of the split {' or '.join(config.dev_splits)} to score on")
    # Attention writes as many characters as it likes from whatever steps there are.
    steps = config.architecture.steps if config.architecture.head == "ctc" else None
    check_labels(train + dev, config.make_alphabet(), steps)
    if config.labels and not train:
        raise LabelError("no row is left to train on; lower --dev-fraction or give more crops")
    return train, dev


def check_labels(labels: Sequence[Label], alphabet: Alphabet, steps: int | None) -> None:
    """Raise LabelError if a label is empty, holds an unknown character, has more than LONGEST or, with CTC, does not
    fit into `steps` time steps.

    CTC gives such a label a finite loss of about 700 instead of an error, which silently poisons a training.
    """
    problems = []
    for label in labels:
        if not label.text:
            problems.append(f"{label.origin}: {label.path.name} has an empty label; remove the row")
        elif unknown := alphabet.unknown(label.text):
            problems.append(
                f"{label.origin}: {label.text!r} holds {unknown!r}, which the alphabet lacks; "
                f"correct it, or train with --alphabet labels, or add it with --alphabet +{unknown}"
            )
        elif len(label.text) > LONGEST:
            problems.append(
                f"{label.origin}: {label.text!r} is too long, {len(label.text)} characters; {LONGEST} is the most"
            )
        elif steps is not None and steps_needed(label.text) > steps:
            problems.append(f"{label.origin}: {label.text!r} is too long for {steps} time steps")
        elif not label.path.is_file():
            problems.append(f"{label.origin}: picture {label.path} is missing")
    if problems:
        more = f"\n… and {len(problems) - 10} more" if len(problems) > 10 else ""
        raise LabelError(f"{len(problems)} of {len(labels)} labels cannot be used:\n" + "\n".join(problems[:10]) + more)
