"""`plate-ocr train-detector`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click

from plate_ocr.cli import fails_cleanly, need_train_extra
from plate_ocr.cli.options import comma_names, weighted_names


@click.command("train-detector")
@click.argument("scenes", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--output", "-o", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder of the run."
)
@click.option(
    "--config", "config_file", type=click.Path(path_type=Path), help="Settings as JSON; flags go before them."
)
@click.option("--split", default="", help="Train on rows with this value in the column split (comma for several).")
@click.option("--dev-split", default="", help="Search the photos with this value after each epoch.")
@click.option(
    "--backgrounds",
    multiple=True,
    type=click.Path(path_type=Path),
    help="CSV of photos without plates (image_path[,split]).",
)
@click.option("--regions", default="", help="Regions whose plates are pasted in, with weights if wished: kr:3,eu,us.")
@click.option("--fonts", multiple=True, type=click.Path(), help="Folder with more fonts.")
@click.option("--glyphs", multiple=True, type=click.Path(), help="Folder with drawn characters.")
@click.option("--start", help="Begin with the weights of this detector: a shipped name, or a run's folder.")
@click.option("--epochs", type=int, help="Epochs.")
@click.option("--steps", type=int, help="Batches in an epoch.")
@click.option("--batch", type=int, help="Pieces of photos in a batch.")
@click.option("--size", type=int, help="Width and height of a piece, in pixels; a multiple of 32.")
@click.option("--learning-rate", type=float, help="Highest learning rate.")
@click.option("--seed", type=int, help="Fixes weights and samples.")
@click.option("--workers", type=int, default=1, show_default=True, help="Processes that make batches; 0: none.")
@click.option("--resume", is_flag=True, help="Continue the run in --output exactly where it stopped.")
@fails_cleanly
def train_detector(
    scenes: tuple[Path, ...],
    output: Path,
    config_file: Path | None,
    split: str,
    dev_split: str,
    backgrounds: tuple[Path, ...],
    regions: str,
    workers: int,
    resume: bool,
    **settings: object,
) -> None:
    """Train a detector on SCENES: CSV files with the columns image_path,x1,y1,x2,y2,x3,y3,x4,y4 (the corners of a
    plate in pixels, clockwise from top left; a row a plate) and, if wished, split; or COCO files (.json), or folders of
    YOLO or Pascal VOC files.

    The run's folder then holds the weights, the ONNX file that `recognize --detector` takes, the history as CSV and as
    curves, and the whole configuration.
    """
    need_train_extra()
    from plate_ocr.training.curves import draw_curves
    from plate_ocr.training.detector.config import DetectorConfig
    from plate_ocr.training.detector.fit import train_detector as fit_detector

    given: dict[str, object] = {k: v for k, v in settings.items() if v not in (None, ())}
    if scenes:
        given["scenes"] = tuple(str(path.resolve()) for path in scenes)
    if backgrounds:
        given["backgrounds"] = tuple(str(path.resolve()) for path in backgrounds)
    if split:
        given["splits"] = comma_names(split)
    if dev_split:
        given["dev_splits"] = comma_names(dev_split)
    if regions:
        given["regions"] = weighted_names(regions)
    if resume:
        config = DetectorConfig.load(output / "config.json")
    elif config_file:
        config = DetectorConfig.load(config_file, **given)
    else:
        config = DetectorConfig(**given)  # type: ignore[arg-type]
    fit_detector(config, output, resume=resume, workers=workers, say=click.echo)
    draw_curves(output / "history.csv", output / "history.png")
    # ONNX comes out of TensorFlow only, whatever backend has trained; a process of its own keeps the two apart.
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow"}
    sys.exit(subprocess.run([sys.executable, "-m", "plate_ocr.cli", "export", str(output)], env=environment).returncode)
