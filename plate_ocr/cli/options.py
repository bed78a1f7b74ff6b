"""Values that several commands parse alike."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click


def comma_names(text: str) -> tuple[str, ...]:
    """`a, b` as ("a", "b")."""
    return tuple(filter(None, (part.strip() for part in text.split(","))))


def share(text: str, flag: str) -> float:
    """`0.5%` or `0.005` as 0.005. Raises click.BadParameter for what is no share from 0 to 1."""
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise click.BadParameter(f"{text!r} is no share such as 0.5% or 0.005", param_hint=flag)
    return value


def decoding_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--formats, --region, --one-look and --language, for every command that reads plates; see `decoding`."""
    for option in (
        click.option(
            "--language-weight",
            type=click.FloatRange(0, 5),
            help="How much --language counts beside the network. Default: 0.1.",
        ),
        click.option(
            "--language",
            default="",
            help="A language model of plate texts to weigh doubtful ones with: a run of `plate-ocr language train`.",
        ),
        click.option(
            "--region",
            default="",
            help="Only formats of these regions count: names or YAML files, kr,de. Default: all.",
        ),
        click.option(
            "--formats",
            type=click.Choice(["soft", "strict", "off"]),
            default="soft",
            show_default=True,
            help="A text that fits no known plate format ranks lower, cannot be, or is like any other.",
        ),
        click.option("--one-look", is_flag=True, help="Never look at a doubtful plate again: faster, less accurate."),
    ):
        command = option(command)
    return command


def language_settings(language: str, weight: float | None) -> dict[str, Any]:
    """--language and --language-weight as settings of DecoderSettings. Raises click.UsageError for a weight alone."""
    if weight is not None and not language:
        raise click.UsageError("--language-weight weighs a language model; name one with --language")
    return {"language": language} | ({} if weight is None else {"language_weight": weight})


detector_option = click.option(
    "--detector",
    default="detector",
    show_default=True,
    help="What finds the plates: a shipped detector's name, a run's folder, or contours, which needs no weights.",
)


def weighted_names(text: str) -> tuple[tuple[str, float], ...]:
    """`kr:3,eu` as (("kr", 3.0), ("eu", 1.0)). Raises click.BadParameter for a weight that is no number above 0."""
    pairs = []
    for part in comma_names(text):
        name, _, weight = part.rpartition(":") if ":" in part else (part, "", "1")
        try:
            value = float(weight)
        except ValueError:
            value = -1.0
        if not name or not value > 0:
            raise click.BadParameter(f"{part!r} is not NAME or NAME:WEIGHT", param_hint="--regions") from None
        pairs.append((name, value))
    return tuple(pairs)


def run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What every training run is told: where it goes, what it starts from, which rows, what is drawn, the schedule."""
    path = click.Path(path_type=Path)
    for option in reversed(
        (
            click.option(
                "--output",
                "-o",
                required=True,
                type=click.Path(path_type=Path, file_okay=False),
                help="Folder of the run.",
            ),
            click.option("--config", "config_file", type=path, help="Settings as JSON; flags go before them."),
            click.option(
                "--from",
                "--start",
                "start",
                help="Begin with the weights of this model: a shipped name, or a run's folder.",
            ),
            click.option(
                "--split", default="", help="Train on rows with this value in the column split (comma for several)."
            ),
            click.option("--dev-split", default="", help="Score on rows with this value after each epoch."),
            click.option(
                "--regions", default="", help="Regions to draw, with weights if wished: kr:3,eu,us. Default: all."
            ),
            click.option("--fonts", multiple=True, type=path, help="Folder with more fonts."),
            click.option("--glyphs", multiple=True, type=path, help="Folder with drawn characters."),
            click.option(
                "--backgrounds",
                multiple=True,
                type=path,
                help="CSV of photos without plates (image_path[,split]) to set drawn plates into.",
            ),
            click.option("--epochs", type=int, help="Epochs at most."),
            click.option("--steps", type=int, help="Batches in an epoch."),
            click.option("--batch", type=int, help="Samples in a batch."),
            click.option("--learning-rate", type=float, help="Highest learning rate."),
            click.option("--clip-norm", type=float, help="Clip gradients to this norm; 0: leave them."),
            click.option("--seed", type=int, help="Fixes weights, samples and augmentation."),
            click.option(
                "--workers", type=int, default=2, show_default=True, help="Processes that make batches; 0: none."
            ),
            click.option("--tensorboard", type=path, help="Write curves for TensorBoard into this folder, too."),
            click.option("--resume", is_flag=True, help="Continue the run in --output exactly where it stopped."),
        )
    ):
        command = option(command)
    return command


def run_settings(**flags: Any) -> dict[str, Any]:
    """The settings that flags of a training run give, under their names in its configuration; flags that were left out
    give none. Paths become absolute, so that a run resumes from any folder."""
    given = {name: value for name, value in flags.items() if value not in (None, (), "")}
    for flag, name, parse in (
        ("split", "splits", comma_names),
        ("dev_split", "dev_splits", comma_names),
        ("regions", "regions", lambda text: text if text == "labels" else weighted_names(text)),
        ("units", "lstm_units", _numbers),
    ):
        if flag in given:
            given[name] = parse(given.pop(flag))
    shape = {name: given.pop(name) for name in ("cell", "lstm_units", "bidirectional", "head") if name in given}
    if shape:
        given["architecture"] = shape
    for name in ("labels", "scenes", "unlabelled", "backgrounds", "fonts", "glyphs"):
        if name in given:
            given[name] = tuple(str(path.resolve()) for path in given[name])
    return given


def read_texts(plates: Path) -> list[str]:
    """The texts of a label table (CSV), or of a text file with a plate a line. Raises LabelError or KnownPlatesError
    for a file that cannot be used."""
    from plate_ocr.labels import read_labels
    from plate_ocr.recognition.known import read_known

    if plates.suffix.lower() == ".csv":
        return [label.text for label in read_labels(plates)]
    return list(read_known(plates))


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(map(int, comma_names(text)))
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is not a number for each layer, such as 96,64", param_hint="--units"
        ) from None


@contextmanager
def resumable(command: str, run: Path) -> Iterator[None]:
    """Say how a run that is stopped by Ctrl-C goes on."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo(f"stopped; it goes on with: plate-ocr {command} --output {run} --resume", err=True)
        raise


def carry_out(command: str, fit: Callable[..., Any], config: Any, run: Path, **how: Any) -> None:
    """Train, whatever is trained, into the folder `run`, and finish the run."""
    with resumable(command, run):
        fit(config, run, say=click.echo, **how)
    finish_run(run)


def finish_run(run: Path) -> None:
    """Draw the curves of a run that has ended, export it, and end with the export's exit code."""
    from plate_ocr.training.curves import draw_curves

    draw_curves(run / "history.csv", run / "history.png")
    # ONNX comes out of TensorFlow only, whatever backend has trained; a process of its own keeps the two apart.
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow"}
    sys.exit(subprocess.run([sys.executable, "-m", "plate_ocr.cli", "export", str(run)], env=environment).returncode)


cell_option = click.option(
    "--cell", type=click.Choice(["lstm", "gru", "simple-rnn"]), help="Kind of the recurrent layers. Default: lstm."
)
