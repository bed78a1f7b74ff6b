"""What `recognize --engine ray` has of its own: its options, and how it runs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from plate_ocr.cli.batch_options import How, interruptible, progress, show

if TYPE_CHECKING:
    from plate_ocr.batch.sources import Shard

_NOT_HERE = {
    **dict.fromkeys(
        ("annotate", "save_crops", "blur_plates"), "pictures are written by one machine; read with the default engine"
    ),
    "workers": "say --actors",
}
"""Options that the engine cannot honour, and what would do."""

_OPTIONS = (
    click.option(
        "--engine",
        type=click.Choice(["local", "ray"]),
        default="local",
        show_default=True,
        help="Read on this machine, or on all of a Ray cluster.",
    ),
    click.option(
        "--part-size", type=click.IntRange(1), help="With --engine ray: photos of a part of the table. Default: 1000."
    ),
    click.option(
        "--actors", type=click.IntRange(1), help="With --engine ray: models that read at once. Default: one a core."
    ),
)


def ray_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--engine and what belongs to it, for `RayOptions.of`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def refuse_addresses(photos: tuple[str, ...]) -> None:
    """Raise click.UsageError if one is no path but an address."""
    from plate_ocr.batch.addresses import is_address

    for photo in filter(is_address, photos):
        raise click.UsageError(f"{photo}: addresses are read with --engine ray")


@dataclass(frozen=True)
class RayOptions:
    """Where the parts go, how large they are, and how many actors read; 0: as many as there is room for."""

    output: str
    part_size: int
    actors: int

    @classmethod
    def of(cls, given: dict[str, Any], output: str | None) -> RayOptions | None:
        """From the values of `ray_options`, which are taken out of `given`; None for another engine. Raises
        click.UsageError for options that do not go together."""
        from plate_ocr.batch.parts import SIZE

        engine, part_size, actors = given.pop("engine"), given.pop("part_size"), given.pop("actors")
        if engine != "ray":
            for flag, value in (("--part-size", part_size), ("--actors", actors)):
                if value is not None:
                    raise click.UsageError(f"{flag} is for --engine ray")
            return None
        for name, advice in _NOT_HERE.items():
            if given[name] is not None:
                raise click.UsageError(f"--{name.replace('_', '-')} does not go with --engine ray: {advice}")
        if output is None or not output.rstrip("/").endswith(".parquet"):
            raise click.UsageError("--engine ray writes a folder of Parquet files: give --output FOLDER.parquet")
        return cls(output.rstrip("/"), part_size or SIZE, actors or 0)

    def recognize(self, photos: tuple[str, ...], share: Shard | None, *, resume: bool, given: dict[str, Any]) -> None:
        """Read the photos; ends the process as `recognize` does."""
        from rich.console import Console

        from plate_ocr.batch.addresses import photos_of
        from plate_ocr.batch.parts import Parts
        from plate_ocr.batch.ray_engine import Plan, local_folders, need_ray, read_parts, running

        need_ray()
        console = Console(stderr=True, quiet=given["quiet"])
        how = How.of(given)
        sources = photos_of(photos, share, lambda complaint: click.echo(f"plate-ocr: {complaint}", err=True))
        first = next(sources, None)
        if first is None:
            if share:
                click.echo("plate-ocr: no photo falls into this shard", err=True)
            sys.exit(0 if share else 1)
        plan = Plan(
            self.output,
            how.settings,
            how.finish,
            how.fingerprint(),
            batch=how.batch,
            threads=given["threads"] or 1,
            seconds=how.seconds,
            here=str(Path.cwd()),
            folders=local_folders(photos),
        )
        parts = Parts(self.output, plan.fingerprint, resume=resume)
        listed = parts.add(chain([first], sources), self.part_size)
        new = sum(len(part) for _, part in parts.waiting())
        try:
            with running(), interruptible(), progress(console, lambda: new) as tick:
                summary = read_parts(plan, parts, actors=self.actors, on_photos=tick)
        except KeyboardInterrupt:
            done = f"{len(parts.done()):,} of {len(parts):,} parts are done"
            click.echo(f"plate-ocr: stopped, {done}; go on with the same command and --resume", err=True)
            sys.exit(130)
        show(console, replace(summary, before=max(0, listed - new)), self.output, how.pictures)
        if summary.photos and summary.photos == summary.unreadable:
            click.echo("plate-ocr: none of the photos could be opened", err=True)
            sys.exit(1)
