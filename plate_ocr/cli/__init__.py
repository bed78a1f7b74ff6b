"""The command line: `plate-ocr COMMAND`. One small module a command, imported only when it runs."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any

import click

import plate_ocr

# Name -> what `--help` says of it: the modules themselves are not imported for that, they take their time.
COMMANDS = {
    "recognize": "Read the plates of photos and folders into a table.",
    "evaluate": "Score a model on labelled crops, or on whole photos.",
    "explain": "Show stage by stage how one photo is read.",
    "calibrate": "Learn how far a model's confidence can be trusted.",
    "train": "Train a reader on labelled crops.",
    "learning-curve": "Tell what more labelled crops would bring.",
    "train-detector": "Train a detector on photos with the corners of their plates.",
    "train-regions": "Train what tells regions apart by the looks of their plates.",
    "average": "Average the weights of two runs.",
    "export": "Write a training run as ONNX, LiteRT or SavedModel and check it against Keras.",
    "language": "A character language model of plates: train, sample, complete.",
    "dataset": "Check, count, split, import and preview labelled crops of your own.",
    "synthesize": "Draw labelled plates that never existed.",
    "watch": "Read the photos that cameras drop into a folder.",
    "doctor": "Show what is installed and whether it works.",
}


class LazyGroup(click.Group):
    """Commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: ARG002
        if name not in COMMANDS:
            return None
        module = name.replace("-", "_")
        return getattr(importlib.import_module(f"plate_ocr.cli.{module}"), module)  # type: ignore[no-any-return]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(plate_ocr.__version__, "--version", prog_name="plate-ocr")
def main() -> None:
    """Read licence plates: photos to a table, labelled crops to a model, a model to its scores."""


def fails_cleanly(command: Callable[..., Any]) -> Callable[..., Any]:
    """Turn the errors a user can cause into one line on standard error and exit code 1."""
    import functools

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except BrokenPipeError:
            # Whoever read our output has seen enough; click ends the program quietly.
            raise
        except (ValueError, OSError, RuntimeError) as error:
            # Rooms raise subclasses of these with a message that names the file; anything else is a bug and shows.
            if not type(error).__module__.startswith("plate_ocr") and not isinstance(error, OSError):
                raise
            click.echo(f"plate-ocr: {error}", err=True)
            sys.exit(1)

    return run


def need_train_extra() -> None:
    """Exit with the command to run when the training packages are missing."""
    import importlib.util
    import os

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    backend = os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    missing = [name for name in ("keras", "albumentations", backend) if importlib.util.find_spec(name) is None]
    if missing:
        click.echo(f"plate-ocr: {', '.join(missing)} missing; install with: pip install 'plate-ocr[train]'", err=True)
        sys.exit(1)
