"""`plate-ocr dataset label`."""

from __future__ import annotations

from pathlib import Path

import click

from plate_ocr.cli import fails_cleanly
from plate_ocr.cli.options import comma_names


@click.command(short_help="Label plates that have no text, where a reader is sure of them.")
@click.argument("tables", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--output", "-o", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder for the crops."
)
@click.option("--model", default="reader", show_default=True, help="Who reads: a shipped model, or a run's folder.")
@click.option("--least", default=0.9, show_default=True, type=click.FloatRange(0, 1), help="The least confidence.")
@click.option("--split", default="", help="Only rows of these splits, with commas between them.")
@fails_cleanly
def label(tables: tuple[Path, ...], output: Path, model: str, least: float, split: str) -> None:
    """Read the plates of TABLES that have no text, and write those that are read for certain as crops with labels.

    A table is one of photos with corners (or a COCO file, or a folder of YOLO or Pascal VOC files), or one of crops
    whose plate_text is empty. What comes out is a label table to train on beside your own; look through it first.
    """
    from plate_ocr.dataset.pseudo import TABLE, crops_of_tables, write_pseudo_labels
    from plate_ocr.recognition.recognizer import Recognizer

    if (output / TABLE).exists():
        raise click.UsageError(f"{output / TABLE} exists; choose another folder with --output")
    counts = write_pseudo_labels(crops_of_tables(tables, comma_names(split)), Recognizer(model), output, least=least)
    click.echo(f"{output / TABLE}: {counts.labelled} of {counts.plates} plates have a label")
    if counts.unreadable:
        click.echo(f"{counts.unreadable} pictures could not be opened", err=True)
