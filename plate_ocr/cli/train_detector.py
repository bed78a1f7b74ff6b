"""`plate-ocr train-detector`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from plate_ocr.cli import fails_cleanly, need_train_extra
from plate_ocr.cli.options import carry_out, run_options, run_settings


@click.command("train-detector")
@click.argument("scenes", nargs=-1, type=click.Path(path_type=Path))
@run_options
@click.option(
    "--unlabelled",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Table of plates that the photos show without a label, as `dataset find` makes it; may be given again.",
)
@click.option("--size", type=int, help="Width and height of a piece of a photo, in pixels; a multiple of 32.")
@fails_cleanly
def train_detector(
    scenes: tuple[Path, ...],
    output: Path,
    config_file: Path | None,
    workers: int,
    tensorboard: Path | None,
    resume: bool,
    **flags: Any,
) -> None:
    """Train a detector on SCENES: CSV files with the columns image_path,x1,y1,x2,y2,x3,y3,x4,y4 (the corners of a
    plate in pixels, clockwise from top left; a row a plate) and, if wished, split; or COCO files (.json), or folders of
    YOLO or Pascal VOC files.

    The run's folder then holds the weights, the ONNX file that `recognize --detector` takes, the history as CSV and as
    curves, and the whole configuration.
    """
    need_train_extra()
    from plate_ocr.training.detector.fit import train_detector as fit_detector
    from plate_ocr.training.settings import detector_config

    given = run_settings(scenes=scenes, **flags)
    config = detector_config(output, config_file, given, resume=resume)
    carry_out("train-detector", fit_detector, config, output, resume=resume, workers=workers, tensorboard=tensorboard)
