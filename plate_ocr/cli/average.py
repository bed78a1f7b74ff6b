"""`plate-ocr average`."""

from __future__ import annotations

from pathlib import Path

import click

from plate_ocr.cli import fails_cleanly, need_train_extra


@click.command()
@click.argument("earlier")
@click.argument("later", type=click.Path(path_type=Path, file_okay=False))
@click.option("--share", default=0.5, show_default=True, help="How much LATER counts, 0 to 1.")
@click.option(
    "--output", "-o", required=True, type=click.Path(path_type=Path), help="New folder for the model of mean weights."
)
@fails_cleanly
def average(earlier: str, later: Path, share: float, output: Path) -> None:
    """Average the weights of the run LATER with those of the model it began with, EARLIER: a run's folder, or a shipped
    name.

    A reader that was fine-tuned for one country reads others a little worse; the mean of the two models often reads
    both as well as either. Detectors can be averaged alike. Score a few shares with `plate-ocr evaluate`.
    """
    need_train_extra()
    from plate_ocr.training.average import average as write_average

    difference = write_average(earlier, later, share, output)
    click.echo(f"{output}: {1 - share:.0%} {earlier}, {share:.0%} {later}; ONNX and Keras differ by {difference:.1e}")
