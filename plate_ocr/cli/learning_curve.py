"""`plate-ocr learning-curve`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from plate_ocr.cli import fails_cleanly, need_train_extra
from plate_ocr.cli.options import comma_names, resumable, run_options, run_settings, share

if TYPE_CHECKING:
    from plate_ocr.training.power_law import LearningCurve


@click.command("learning-curve")
@click.argument("labels", nargs=-1, type=click.Path(path_type=Path))
@click.option("--preset", default="", help="Settings for a purpose, as for train: small.")
@click.option("--shares", default="0.25,0.5,1", show_default=True, help="Parts of the crops to train on.")
@click.option(
    "--run",
    "finished",
    type=click.Path(path_type=Path, file_okay=False),
    help="Instead of LABELS: a run that has ended. Its settings are taken, and its score for all crops.",
)
@run_options
@click.option("--dev-fraction", type=float, help="Or hold this share of the plates out, by their text.")
@click.option("--synthetic", type=float, help="Share of drawn plates in each batch, 0 to 1.")
@click.option("--alphabet", help="The characters to learn, as for train.")
@fails_cleanly
def learning_curve(
    labels: tuple[Path, ...],
    preset: str,
    shares: str,
    finished: Path | None,
    output: Path,
    config_file: Path | None,
    workers: int,
    tensorboard: Path | None,
    resume: bool,
    **flags: Any,
) -> None:
    """Tell what more crops would bring: train on parts of LABELS, and draw how the errors fall.

    Each of --shares is a training as `plate-ocr train` would do it with the same flags, of as many steps, scored on the
    same held-out crops; three of them take as long as three trainings. With --run, the one on all crops is spared. A
    smaller part's plates are among those of a larger one.

    A power law through the scores then says what twice and four times the crops would come to, and between which
    bounds: or that the held-out crops are too few to tell. OUTPUT gets curve.csv and curve.png.
    """
    need_train_extra()
    given = run_settings(labels=labels, **flags)
    if finished and (given or preset or config_file):
        raise click.UsageError("--run brings its labels and settings with it; leave everything but --shares out")
    if not (labels or finished or config_file or resume):
        raise click.UsageError("name the crops: LABELS, or --run with a run that has ended")
    from plate_ocr.training.config import TrainConfig
    from plate_ocr.training.learning_curve import PICTURE, measure
    from plate_ocr.training.run_folder import saved_config
    from plate_ocr.training.settings import reader_config

    parts = [share(part, "--shares") for part in comma_names(shares)]
    if finished:
        config = saved_config(TrainConfig, finished)
    else:
        config = reader_config(output, config_file, given, preset=preset, resume=resume)
    with resumable("learning-curve", output):
        curve = measure(
            config,
            output,
            parts,
            finished=finished,
            resume=resume,
            workers=workers,
            tensorboard=tensorboard,
            say=click.echo,
        )
    _show(curve)
    click.echo(f"chart: {output / PICTURE}")


def _show(curve: LearningCurve) -> None:
    from rich.console import Console
    from rich.table import Table

    from plate_ocr.training.power_law import AHEAD

    table = Table("crops", "dev crops", "read right", "plate accuracy", "95 % interval")
    for column in table.columns:
        column.justify = "right"
    for point in ([curve.start] if curve.start else []) + list(curve.points):
        low, high = point.interval()
        crops = f"{point.crops:,}" if point.crops else "before training"
        table.add_row(crops, str(point.dev), str(point.right), f"{point.accuracy:.1%}", f"{low:.1%} to {high:.1%}")
    Console().print(table)
    if curve.doubt:
        click.echo(curve.doubt)
        return
    law, last = curve.law, curve.points[-1]
    floor = f" + {law.c:.3f}" if law.c else ""
    click.echo(f"errors = {law.a:.3g} * crops^-{law.b:.2f}{floor}, by the law that fits best")
    for factor in AHEAD:
        estimate = curve.estimate(factor * last.crops)
        click.echo(
            f"{estimate.crops:,} crops ({factor} times): about {estimate.accuracy:.1%} "
            f"({estimate.low:.1%} to {estimate.high:.1%})"
        )
