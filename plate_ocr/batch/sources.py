"""Which photos a batch reads."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Self

from plate_ocr.photos import PhotoError, scan

STDIN = "-"


@dataclass(frozen=True)
class Shard:
    """The share `number`, from 1, of the `of` shares into which photos are divided by a hash of their path."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """`3/16`. Raises ValueError for anything else."""
        found = re.fullmatch(r"(\d+)/(\d+)", text, re.ASCII)
        if not found or not 1 <= int(found[1]) <= int(found[2]):
            raise ValueError(f"{text!r} is no share such as 3/16, the third of sixteen")
        return cls(int(found[1]), int(found[2]))

    def holds(self, path: str) -> bool:
        """Whether a path belongs to the share; on every machine the same."""
        name = path.replace(os.sep, "/").encode("utf-8", "surrogateescape")
        return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big") % self.of == self.number - 1


def listed(entries: Iterable[str], shard: Shard | None, complain: Callable[[str], object]) -> Iterator[str]:
    """Paths of photos, as they are found: of files, folders, patterns, and - for those listed on standard input.

    A photo of a folder is in the shard or not by its path within that folder, another by its path as it is given. A
    folder or pattern without a picture is complained of, and the others still count.
    """
    for entry in entries:
        for given in _stdin_lines(complain) if entry == STDIN else (entry,):
            start = len(os.path.join(given, "")) if os.path.isdir(given) else 0
            try:
                for path in scan(given):
                    if shard is None or shard.holds(path[start:]):
                        yield path
            except PhotoError as error:
                complain(str(error))


def _stdin_lines(complain: Callable[[str], object]) -> Iterator[str]:
    """Paths on standard input, one a line: UTF-8 whatever the locale, and bytes that are none kept as they are."""
    empty = True
    for number, data in enumerate(sys.stdin.buffer):
        line = data.decode("utf-8", "surrogateescape").rstrip("\n").rstrip("\r")
        if number == 0:
            line = line.removeprefix("\ufeff")
        if line.strip():
            empty = False
            yield line
    if empty:
        complain("standard input listed no photo")
