"""`plate-ocr calibrate`."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import click

from plate_ocr.cli import fails_cleanly
from plate_ocr.cli.options import comma_names

RATES = (0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)
"""Error rates for which a threshold is stored, where one exists."""


@click.command()
@click.argument("labels", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--split", default="", help="Only rows with this value in the column split (comma for several).")
@click.option("--model", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder of the model.")
@click.option("--bins", default=20, show_default=True, type=click.IntRange(2), help="Points of a curve at most.")
@fails_cleanly
def calibrate(labels: tuple[Path, ...], split: str, model: Path, bins: int) -> None:
    """Read the crops of LABELS, which the model was not trained on, and store in its reader.json how often a reading of
    a given probability is right.
    """
    from rich.console import Console
    from rich.progress import track

    from plate_ocr.evaluation.calibration import calibrate as trust
    from plate_ocr.evaluation.evaluate import read_crops
    from plate_ocr.labels import LabelError, read_labels
    from plate_ocr.recognition.confidence import STAGES, Confidence, fit_curve
    from plate_ocr.recognition.recognizer import Recognizer
    from plate_ocr.training.card import write_card
    from plate_ocr.training.run_folder import CONFIG

    rows = [row for table in labels for row in read_labels(table, comma_names(split) or None) if row.text]
    recognizer = Recognizer(model, confidence=Confidence(), alone=True)
    err = Console(stderr=True)
    reads = list(
        track(read_crops(recognizer, rows), "reading", len(rows), console=err, disable=not sys.stderr.isatty())
    )
    curves = {}
    for stage in STAGES:
        own = [read for read in reads if read.stage == stage and not read.message]
        if len(own) < 5 * bins:
            click.echo(f"looks {stage}: {len(own)} crops are too few for a curve; the raw probability stays")
            continue
        curves[stage] = fit_curve([r.confidence for r in own], [r.text == r.label.text for r in own], bins=bins)
        click.echo(f"looks {stage}: {len(own)} crops, a curve of {len(curves[stage][0])} points")
    if not curves:
        raise LabelError(f"{len(reads)} crops are too few to calibrate with; give some hundred")
    confidence = Confidence(curves)
    opened = [read for read in reads if not read.message]
    sure = [confidence(read.confidence, read.stage) for read in opened]
    found = trust(sure, [read.text == read.label.text for read in opened], rates=RATES).thresholds
    thresholds = {rate: round(least, 5) for rate, (least, kept) in found.items() if kept}
    for rate, least in thresholds.items():
        click.echo(f"at most {rate:.1%} wrong above {least:.3f}, which keeps {found[rate][1]:.0%}")
    dataclasses.replace(recognizer.files, calibration=curves, thresholds=thresholds).save()
    click.echo(f"{model / 'reader.json'} holds the curves")
    if (model / CONFIG).is_file():
        write_card(model)
