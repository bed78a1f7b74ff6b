"""`plate-ocr train-regions`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from plate_ocr.cli import fails_cleanly, need_train_extra
from plate_ocr.cli.options import carry_out, run_options, run_settings


@click.command("train-regions")
@click.argument("labels", nargs=-1, type=click.Path(path_type=Path))
@run_options
@click.option("--synthetic", type=float, help="Share of drawn plates in each batch, 0 to 1.")
@fails_cleanly
def train_regions(
    labels: tuple[Path, ...],
    output: Path,
    config_file: Path | None,
    workers: int,
    tensorboard: Path | None,
    resume: bool,
    **flags: Any,
) -> None:
    """Train the network that tells regions apart by the looks of their plates, on LABELS: CSV files with the columns
    image_path,plate_text,region and, if wished, split; and on drawn plates of --regions, which are its classes.

    Where a plate's format leaves a doubt about its region, `recognize` asks this network.
    """
    need_train_extra()
    from plate_ocr.training.region_classifier import train_regions as fit_regions
    from plate_ocr.training.settings import reader_config

    given = run_settings(labels=labels, **flags)
    config = reader_config(output, config_file, given, resume=resume)
    carry_out("train-regions", fit_regions, config, output, resume=resume, workers=workers, tensorboard=tensorboard)
