"""`plate-ocr dataset find`."""

from __future__ import annotations

from pathlib import Path

import click

from plate_ocr.cli import fails_cleanly
from plate_ocr.cli.dataset_tables import times, tracked
from plate_ocr.cli.options import comma_names


@click.command(short_help="Find plates that labelled photos show without a label.")
@click.argument("tables", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--output",
    "-o",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the table and the page to look through it.",
)
@click.option("--detector", default="detector", show_default=True, help="Who finds: a shipped detector, or a run's.")
@click.option("--least", default=0.5, show_default=True, type=click.FloatRange(0.05, 1), help="The least score.")
@click.option("--split", default="", help="Only rows of these splits, with commas between them.")
@fails_cleanly
def find(tables: tuple[Path, ...], output: Path, detector: str, least: float, split: str) -> None:
    """Look at the photos of TABLES for plates beside those that have a label.

    A table is one of photos with corners, a COCO file, or a folder of YOLO or Pascal VOC files. Who labels photos often
    labels one car's plate, and a detector that learns from them learns that the others are none. What is found comes as
    a table for `train-detector --unlabelled` and as a page on which to say which are plates; until somebody does, a
    training asks nothing of them.
    """
    from plate_ocr.dataset.unlabelled import PAGE, TABLE, Find, find_unlabelled, write_finds
    from plate_ocr.detection import NetworkDetector
    from plate_ocr.labels import read_photos

    if (output / TABLE).exists():
        raise click.UsageError(f"{output / TABLE} exists; choose another folder with --output")
    photos = [photo for table in tables for photo in read_photos(table, comma_names(split) or None)]
    finds: list[Find] = []
    unreadable = 0
    thorough = NetworkDetector(detector, threshold=least, thorough=True)
    for found in tracked("searching photos", find_unlabelled(photos, thorough), len(photos)):
        if isinstance(found, list):
            finds += found
        else:
            unreadable += 1
            click.echo(str(found), err=True)
    if unreadable == len(photos):
        raise click.ClickException("none of the photos could be opened")
    where = f"beside the labels of {times(len(photos) - unreadable, 'photo')}"
    if not finds:
        click.echo(f"nothing like a plate {where}")
        return
    write_finds(finds, output)
    click.echo(f"{times(len(finds), 'thing')} like a plate {where}")
    click.echo(f"table: {output / TABLE}")
    click.echo(f"page: {output / PAGE}")
