"""`plate-ocr export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from plate_ocr.cli import fails_cleanly, need_train_extra

if TYPE_CHECKING:
    from plate_ocr.training.portable import Format


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "kind",
    type=click.Choice(["onnx", "litert", "savedmodel"]),
    default="onnx",
    show_default=True,
    help="onnx is what this program reads with; the others are for phones and for TensorFlow (readers by CTC only).",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for litert and savedmodel. Default: RUN.",
)
@fails_cleanly
def export(run: Path, kind: Literal["onnx"] | Format, output: Path | None) -> None:
    """Write the training RUN, of a reader, a detector or a region classifier, in another format, and compare its
    outputs with Keras's.

    For litert and savedmodel, RUN may also be a shipped reader's name.
    """
    need_train_extra()
    if kind != "onnx":
        _portable(run, kind, output)
        return
    if output:
        raise click.UsageError("--output is for litert and savedmodel; an ONNX file belongs into its run's folder")
    from plate_ocr.model_store import DETECTOR_KERAS, DETECTOR_ONNX, ONNX, REGIONS_KERAS, REGIONS_ONNX
    from plate_ocr.training.detector.export import export_detector
    from plate_ocr.training.export import export as export_reader
    from plate_ocr.training.region_classifier import export_regions

    if (run / DETECTOR_KERAS).is_file():
        _say(run / DETECTOR_ONNX, export_detector(run))
    elif (run / REGIONS_KERAS).is_file():
        _say(run / REGIONS_ONNX, export_regions(run))
    else:
        _say(run / ONNX, export_reader(run))


def _portable(run: Path, kind: Format, output: Path | None) -> None:
    from plate_ocr.model_store import DETECTOR_KERAS, REGIONS_KERAS
    from plate_ocr.training.portable import export_portable

    for name, what in ((DETECTOR_KERAS, "detector"), (REGIONS_KERAS, "region classifier")):
        if (run / name).is_file():
            raise click.UsageError(f"{run} is a {what}; --format {kind} is for readers")
    if output is None and not run.is_dir():
        raise click.UsageError(f"say where the files of {run} are to go: --output FOLDER")
    _say(*export_portable(run, kind, output or run))


def _say(path: Path, difference: float) -> None:
    from plate_ocr.training.export import TOLERANCE

    click.echo(f"{path}: largest difference of a logit to Keras {difference:.1e} (at most {TOLERANCE:.0e})")
