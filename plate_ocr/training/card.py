"""The card of a run: what it was trained on and how, what it is worth, and how far its confidence can be trusted.

Made of what lies in the run's folder, so that it can be written again when something was added. Needs no Keras.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from plate_ocr.evaluation.metrics import wilson
from plate_ocr.labels import Label, LabelError
from plate_ocr.model_store import ReaderFiles, open_reader
from plate_ocr.training.config import TrainConfig
from plate_ocr.training.rows import split_labels
from plate_ocr.training.run_folder import HISTORY, saved_config, writing

CARD = "card.md"


def write_card(run: Path) -> None:
    """Write card.md into the folder of an exported run. Raises RunError where the disk refuses, and like `open_reader`
    and `saved_config`."""
    run = run.resolve()
    files, config = open_reader(run), saved_config(TrainConfig, run)
    history = _history(run)
    try:
        rows, dev = split_labels(config)
    except LabelError:
        # A run outlives its tables; the card says that they are gone.
        rows, dev = [], []
    parts = [_head(run, files, config, history), _data(config, rows, dev), _scores(run, config, history, len(dev))]
    with writing(run / CARD):
        (run / CARD).write_text("\n".join([*parts, _confidence(run, files)]), encoding="utf-8")


def _history(run: Path) -> list[dict[str, str]]:
    if not (run / HISTORY).is_file():
        return []
    with (run / HISTORY).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _head(run: Path, files: ReaderFiles, config: TrainConfig, history: list[dict[str, str]]) -> str:
    shape = config.architecture
    ways = "two ways" if shape.bidirectional else "one way"
    network = f"{len(shape.channels) + sum(shape.residual)} convolutions, {shape.cell.upper()} {ways} of "
    network += f"{', '.join(map(str, shape.lstm_units))}, {'CTC' if shape.head == 'ctc' else shape.head}; "
    network += f"input {shape.height} x {shape.width} grey"
    minutes = sum(float(row["seconds"]) for row in history) / 60
    samples = len(history) * config.steps * config.batch
    trained = f"{len(history)} epochs, {samples:,} samples, {minutes:.1f} minutes; seed {config.seed}"
    about = files.about
    if "mean_of" in about:
        earlier, later = about["mean_of"]
        trained = (
            f"the weights are {1 - about['share']:.0%} those of {earlier} and {about['share']:.0%} those of {later}"
        )
    held = f", whose first {config.freeze} convolutions stay" if config.freeze else ""
    lines = {
        "begins with": f"{config.start}{held}" if config.start else "nothing",
        **({"companion": f"what it begins with reads {files.companion.reads}"} if files.companion else {}),
        "network": f"{network}; {about.get('parameters', 0):,} parameters, {files.alphabet.classes} classes",
        "trained": trained,
        "exported": f"{about.get('exported', '')}, Keras {about.get('keras', '')}",
    }
    table = "\n".join(f"| {name} | {value} |" for name, value in lines.items())
    return f"""# {run.name}

A plate reader, trained with plate_ocr. Read photos with it: `plate-ocr recognize photos --model {run.name}`.

| | |
|---|---|
{table}

All settings are in `config.json`; the same file starts the same run again.
"""


def _data(config: TrainConfig, rows: list[Label], dev: list[Label]) -> str:
    text = "## Data\n\n"
    if config.labels:
        tables = ", ".join(f"`{Path(table).name}`" for table in config.labels)
        text += f"Labelled crops of {tables}"
        text += (
            f", {len(rows):,} to train on and {len(dev):,} to score on:\n\n"
            if rows
            else "; they are not where they were.\n\n"
        )
    if rows:
        counts, held = _by_region(rows), _by_region(dev)
        text += "| region | to train on | to score on |\n|---|---|---|\n"
        text += "".join(f"| {name} | {counts[name]:,} | {held[name]:,} |\n" for name in sorted(counts | held)) + "\n"
    if config.synthetic:
        names = ", ".join(name for name, _ in config.regions) or "all"
        text += f"{config.synthetic:.0%} of the samples are drawn plates; regions: {names}"
        text += f", and {config.rehearse:.0%} of them of the others" if config.rehearse else ""
        text += ".\n"
    if config.teacher:
        text += f"`{config.teacher}` was the teacher: {config.permute:.0%} of the real crops with permuted characters"
        text += f", labels that it doubts by {config.distrust:g} left out.\n" if config.distrust else ".\n"
    return text


def _by_region(rows: Iterable[Label]) -> Counter[str]:
    return Counter(row.region or "none given" for row in rows)


def _scores(run: Path, config: TrainConfig, history: list[dict[str, str]], dev: int) -> str:
    text = "## Scores\n\n"
    if history and history[-1].get("dev_plate_accuracy"):
        plates = [float(row["dev_plate_accuracy"]) for row in history]
        kept = len(plates) - 1 if config.keep == "last" else plates.index(max(plates))
        text += f"Of the crops to score on, {plates[kept]:.1%} of plates were read without a fault"
        if seen := min(dev, config.dev_limit):
            low, high = wilson(round(plates[kept] * seen), seen)
            text += f" (95 % interval {low:.1%} to {high:.1%}, {seen:,} crops)"
        text += (
            f", and {float(history[kept]['dev_character_accuracy']):.1%} of characters: epoch {kept + 1}, one look at "
        )
        text += "each crop, without formats"
        text += ", chosen by these very crops" if config.keep == "best" else ""
        text += ".\n"
    if history and history[-1].get("others_loss"):
        text += (
            f"Drawn plates of other regions: loss {float(history[-1]['others_loss']):.3f} after the last epoch, "
            f"{float(history[-1]['others_plate_accuracy']):.1%} read.\n"
        )
    return (
        text
        + f"""
By region, with intervals, confusions and every error as a picture, beside the shipped reader:

    plate-ocr evaluate LABELS.csv --model {run.name} --against reader --report report.html
"""
    )


def _confidence(run: Path, files: ReaderFiles) -> str:
    if not files.calibration:
        return f"""## Confidence

Not calibrated: a confidence is the network's own probability. With crops that it was not trained on:

    plate-ocr calibrate LABELS.csv --model {run.name}
"""
    rows = "".join(f"| {rate:.1%} | {least:.3f} |\n" for rate, least in sorted(files.thresholds.items(), reverse=True))
    return f"""## Confidence

Calibrated on crops of your own. Of what is at least so sure, at most that share was wrong there:

| wrong | confidence |
|---|---|
{rows}"""
