"""A table for a person at a terminal."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from plate_ocr.batch.sinks import Sink
from plate_ocr.photos import printable
from plate_ocr.plate import Plate


class TerminalSink(Sink):
    """Rows for a person at a terminal: `table` holds them all."""

    def __init__(self) -> None:
        self.table = Table("photo", "plate", "text", "confidence", "status")

    def write(self, plate: Plate) -> None:
        """Add a row."""
        cells = (
            printable(plate.source),
            str(plate.number or ""),
            plate.text,
            f"{plate.confidence:.0%}" if plate.text else "",
        )
        self.table.add_row(*map(Text, cells), plate.status.value)
