"""`plate-ocr export`."""

from __future__ import annotations

from pathlib import Path

import click

from plate_ocr.cli import fails_cleanly, need_train_extra


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@fails_cleanly
def export(run: Path) -> None:
    """Write the ONNX file of the training RUN and compare its logits with Keras's."""
    need_train_extra()
    from plate_ocr.training.export import TOLERANCE
    from plate_ocr.training.export import export as export_reader

    difference = export_reader(run)
    click.echo(
        f"{run / 'reader.onnx'}: largest difference of a logit to Keras {difference:.1e} (at most {TOLERANCE:.0e})"
    )
