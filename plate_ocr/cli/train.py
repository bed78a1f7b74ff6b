"""`plate-ocr train`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from plate_ocr.cli import fails_cleanly, need_train_extra
from plate_ocr.cli.options import carry_out, cell_option, run_options, run_settings


@click.command()
@click.argument("labels", nargs=-1, type=click.Path(path_type=Path))
@click.option("--preset", default="", help="Settings for a purpose, below flags and --config: small (see above).")
@run_options
@click.option("--dev-fraction", type=float, help="Or hold this share of the plates out, by their text.")
@click.option("--synthetic", type=float, help="Share of drawn plates in each batch, 0 to 1.")
@click.option("--rehearse", type=float, help="Share of these that are of other regions than --regions, 0 to 1.")
@click.option(
    "--scenes",
    multiple=True,
    type=click.Path(path_type=Path),
    help="CSV of photos with the corners of their plates: for --nothing.",
)
@click.option("--nothing", type=float, help="Share of samples without a plate, to be read as nothing, 0 to 1.")
@click.option("--teacher", help="A reader that first reads the crops: for the next three.")
@click.option("--permute", type=float, help="Share of real crops whose characters change places, 0 to 1.")
@click.option("--distrust", type=float, help="Leave out labels that the teacher contradicts at least this surely.")
@click.option("--straighten", type=float, help="Share of real crops seen as the detector cuts them out, 0 to 1.")
@click.option(
    "--hardship", type=float, help="Share of samples made hard to read: far, blurred, dark, in shade, 0 to 1."
)
@click.option("--unfold", type=float, help="Share of drawn plates of two lines shown with them side by side, 0 to 1.")
@click.option("--balance", type=float, help="How much more often labelled crops with rare characters are seen, 0 to 1.")
@click.option(
    "--alphabet",
    help="The characters to learn; 'labels' takes those that occur in the labels, '+ÄÖ' adds to those of --from.",
)
@click.option("--freeze", type=int, help="With --from: the first so many convolutions keep their weights.")
@click.option(
    "--distill", type=float, help="With --from: how much it counts to read the plates it read right as before."
)
@click.option(
    "--companion/--alone",
    default=None,
    help="With --from: that reader goes with the new one, and reads what is no plate of the labels' regions.",
)
@click.option("--patience", type=int, help="Epochs without a better dev score before stopping.")
@cell_option
@click.option(
    "--head",
    type=click.Choice(["ctc", "attention"]),
    help="What writes the text: CTC, or a decoder that looks at the crop for each character. Default: ctc.",
)
@click.option("--units", help="Units of each recurrent layer, in each direction: 96, or 96,64 for two layers.")
@click.option("--bidirectional/--one-way", default=None, help="Recurrent layers read from both ends, or from the left.")
@click.option("--mixed-precision", is_flag=True, default=None, help="Compute in 16 bits where safe; for newer GPUs.")
@fails_cleanly
def train(
    labels: tuple[Path, ...],
    preset: str,
    output: Path,
    config_file: Path | None,
    workers: int,
    tensorboard: Path | None,
    resume: bool,
    **flags: Any,
) -> None:
    """Train a reader on LABELS: CSV files with the columns image_path,plate_text and, if wished, region,split.

    The run's folder then holds the weights (reader.keras), the ONNX file that `recognize` and `evaluate` take, the
    history as CSV and as a picture, and the whole configuration.

    --from reader begins with the shipped weights: the network is the reader's then, its alphabet may grow or shrink,
    and every character that stays keeps what was learned of it. With --head attention, convolutions and recurrent
    layers are taken from it, and the head is new.

    --preset small is for some hundred crops of your own: it starts from the shipped reader, learns slowly for 20 short
    epochs, mixes in crops whose characters have changed places and drawn plates, of the regions in your table and, so
    that they are not forgotten, of all others, and holds 15 % of the plates out. The shipped reader goes with the new
    one and reads all other plates as before, for twice the time of reading (not with --alone). Any flag goes before it.
    """
    need_train_extra()
    from plate_ocr.training.fit import train as fit_reader
    from plate_ocr.training.settings import reader_config

    given = run_settings(labels=labels, **flags)
    config = reader_config(output, config_file, given, preset=preset, resume=resume)
    carry_out("train", fit_reader, config, output, resume=resume, workers=workers, tensorboard=tensorboard)
