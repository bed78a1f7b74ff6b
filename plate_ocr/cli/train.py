"""`plate-ocr train`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click

from plate_ocr.cli import fails_cleanly, need_train_extra
from plate_ocr.cli.options import comma_names, weighted_names


@click.command()
@click.argument("labels", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--output", "-o", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder of the run."
)
@click.option(
    "--config", "config_file", type=click.Path(path_type=Path), help="Settings as JSON; flags go before them."
)
@click.option("--split", default="", help="Train on rows with this value in the column split (comma for several).")
@click.option("--dev-split", default="", help="Score on rows with this value after each epoch.")
@click.option("--dev-fraction", type=float, help="Or hold this share of the plates out, by their text.")
@click.option("--synthetic", type=float, help="Share of drawn plates in each batch, 0 to 1.")
@click.option("--regions", default="", help="Regions to draw, with weights if wished: kr:3,eu,us. Default: all.")
@click.option("--fonts", multiple=True, type=click.Path(), help="Folder with more fonts.")
@click.option("--glyphs", multiple=True, type=click.Path(), help="Folder with drawn characters.")
@click.option(
    "--backgrounds",
    multiple=True,
    type=click.Path(),
    help="CSV of photos without plates (image_path[,split]) to set drawn plates into.",
)
@click.option(
    "--scenes", multiple=True, type=click.Path(), help="CSV of photos with the corners of their plates: for --nothing."
)
@click.option("--nothing", type=float, help="Share of samples without a plate, to be read as nothing, 0 to 1.")
@click.option("--start", help="Begin with the weights of this reader: a shipped name, or a run's folder.")
@click.option("--teacher", help="A reader that first reads the crops: for --permute and --distrust.")
@click.option("--permute", type=float, help="Share of real crops whose characters change places, 0 to 1.")
@click.option("--distrust", type=float, help="Leave out labels that the teacher contradicts at least this surely.")
@click.option("--alphabet", help="The characters to learn; 'labels' takes those that occur in the labels.")
@click.option("--epochs", type=int, help="Epochs at most.")
@click.option("--steps", type=int, help="Batches in an epoch.")
@click.option("--batch", type=int, help="Crops in a batch.")
@click.option("--learning-rate", type=float, help="Highest learning rate.")
@click.option("--patience", type=int, help="Epochs without a better dev score before stopping.")
@click.option("--seed", type=int, help="Fixes weights, samples and augmentation.")
@click.option("--workers", type=int, default=1, show_default=True, help="Processes that make batches; 0: none.")
@click.option("--resume", is_flag=True, help="Continue the run in --output exactly where it stopped.")
@fails_cleanly
def train(
    labels: tuple[Path, ...],
    output: Path,
    config_file: Path | None,
    split: str,
    dev_split: str,
    regions: str,
    alphabet: str | None,
    workers: int,
    resume: bool,
    **settings: object,
) -> None:
    """Train a reader on LABELS: CSV files with the columns image_path,plate_text and, if wished, region,split.

    The run's folder then holds the weights (reader.keras), the ONNX file that `recognize` and `evaluate` take, the
    history as CSV and as a picture, and the whole configuration.
    """
    need_train_extra()
    from plate_ocr.labels import read_labels
    from plate_ocr.recognition.alphabet import Alphabet
    from plate_ocr.training.config import TrainConfig
    from plate_ocr.training.curves import draw_curves
    from plate_ocr.training.fit import train as fit_reader

    given: dict[str, object] = {k: v for k, v in settings.items() if v not in (None, ())}
    if labels:
        given["labels"] = tuple(str(path.resolve()) for path in labels)
    if split:
        given["splits"] = comma_names(split)
    if dev_split:
        given["dev_splits"] = comma_names(dev_split)
    if regions:
        given["regions"] = weighted_names(regions)
    if alphabet == "labels":
        texts = [label.text for table in labels for label in read_labels(table, comma_names(split) or None)]
        given["alphabet"] = Alphabet.of_texts(texts).characters
    elif alphabet:
        given["alphabet"] = alphabet
    if resume:
        config = TrainConfig.load(output / "config.json")
    elif config_file:
        config = TrainConfig.load(config_file, **given)
    else:
        config = TrainConfig(**given)  # type: ignore[arg-type]
    fit_reader(config, output, resume=resume, workers=workers, say=click.echo)
    draw_curves(output / "history.csv", output / "history.png")
    # ONNX comes out of TensorFlow only, whatever backend has trained; a process of its own keeps the two apart.
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow"}
    sys.exit(subprocess.run([sys.executable, "-m", "plate_ocr.cli", "export", str(output)], env=environment).returncode)
