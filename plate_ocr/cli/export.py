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
@click.option(
    "--int8",
    type=click.Path(path_type=Path),
    help="CSV of crops, or of photos for a detector: convolutions compute in 8 bits, scaled by these pictures.",
)
@click.option(
    "--split", default="", help="Of --int8, only rows with this value in the column split (comma for several)."
)
@fails_cleanly
def export(run: Path, kind: Literal["onnx"] | Format, output: Path | None, int8: Path | None, split: str) -> None:
    """Write the training RUN, of a reader, a detector or a region classifier, in another format, and compare its
    outputs with Keras's.

    With --int8, the ONNX file of a reader or a detector becomes smaller and faster, as the shipped ones are; how much,
    and what it costs, is measured with the same pictures.

    For litert and savedmodel, RUN may also be a shipped reader's name.
    """
    need_train_extra()
    if int8 and kind != "onnx":
        raise click.UsageError("--int8 is for --format onnx")
    if split and not int8:
        raise click.UsageError("--split chooses rows of --int8; name its table")
    if kind != "onnx":
        _portable(run, kind, output)
        return
    if output:
        raise click.UsageError("--output is for litert and savedmodel; an ONNX file belongs into its run's folder")
    from plate_ocr.model_store import DETECTOR_KERAS, DETECTOR_ONNX, ONNX, REGIONS_KERAS, REGIONS_ONNX
    from plate_ocr.training.detector.export import export_detector
    from plate_ocr.training.export import export as export_reader
    from plate_ocr.training.region_classifier import export_regions

    if int8:
        _quantize(run, int8, split)
    elif (run / DETECTOR_KERAS).is_file():
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


def _quantize(run: Path, table: Path, split: str) -> None:
    from plate_ocr.cli.options import comma_names
    from plate_ocr.labels import read_labels, read_photos
    from plate_ocr.model_store import DETECTOR_KERAS, DETECTOR_ONNX, ONNX, REGIONS_KERAS
    from plate_ocr.training.quantization import quantize_detector, quantize_reader

    if (run / REGIONS_KERAS).is_file():
        raise click.UsageError(f"{run} is a region classifier; --int8 is for readers and detectors")
    if not run.is_dir():
        raise click.UsageError(f"{run} is no folder; --int8 changes the file of a run")
    splits = comma_names(split) or None
    if (run / DETECTOR_KERAS).is_file():
        path, what = run / DETECTOR_ONNX, "photos, plates found"
        cost = quantize_detector(run, [photo.path for photo in read_photos(table, splits)])
    else:
        path, what = run / ONNX, "crops, read right"
        cost = quantize_reader(run, read_labels(table, splits))
    (was, now), (slow, fast), (large, small) = cost.found, cost.milliseconds, cost.size
    click.echo(f"{path}: convolutions in 8 bits, {small / 1e6:.1f} MB instead of {large / 1e6:.1f}")
    click.echo(f"{cost.pictures:,} {what}: {now:,} instead of {was:,}; the same: {cost.same:,}")
    if cost.unopened:
        click.echo(f"{cost.unopened:,} more could not be opened and count for nothing; see plate-ocr dataset check")
    click.echo(f"the network on one thread: {fast:.1f} ms a picture instead of {slow:.1f}")


def _say(path: Path, difference: float) -> None:
    from plate_ocr.training.export import TOLERANCE

    click.echo(f"{path}: largest difference of a logit to Keras {difference:.1e} (at most {TOLERANCE:.0e})")
