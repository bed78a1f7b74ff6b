"""`plate-ocr export`."""

from __future__ import annotations

from pathlib import Path

import click

from plate_ocr.cli import fails_cleanly, need_train_extra


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@fails_cleanly
def export(run: Path) -> None:
    """Write the ONNX file of the training RUN, of a reader or a detector, and compare its outputs with Keras's."""
    need_train_extra()
    from plate_ocr.model_store import DETECTOR_KERAS, DETECTOR_ONNX, ONNX
    from plate_ocr.training.detector.export import export_detector
    from plate_ocr.training.export import TOLERANCE
    from plate_ocr.training.export import export as export_reader

    detects = (run / DETECTOR_KERAS).is_file()
    difference = export_detector(run) if detects else export_reader(run)
    click.echo(
        f"{run / (DETECTOR_ONNX if detects else ONNX)}: largest difference of a logit to Keras {difference:.1e} "
        f"(at most {TOLERANCE:.0e})"
    )
