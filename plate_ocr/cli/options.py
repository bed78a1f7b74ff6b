"""Values that several commands parse alike."""

from __future__ import annotations

from collections.abc import Callable
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
    """--formats, --region and --one-look, for every command that reads plates."""
    for option in (
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
