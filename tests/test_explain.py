"""The page that shows how one photo was read."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner

from plate_ocr.cli import main
from tests.conftest import SAMPLE

VOID = {"meta", "img", "br", "line", "rect", "tr", "td", "th", "p"}


class Balanced(HTMLParser):
    """Complains of a tag that is closed out of order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


@pytest.mark.parametrize("detector", ["detector", "contours"])
def test_the_page_shows_every_stage_and_needs_nothing_else(tmp_path: Path, detector: str) -> None:
    page = tmp_path / "page.html"
    photo = SAMPLE / "scenes" / "00004.jpg"
    result = CliRunner().invoke(main, ["explain", str(photo), "-o", str(page), "--detector", detector])
    assert result.exit_code == 0, result.output
    html = page.read_text(encoding="utf-8")
    Balanced().feed(html)
    assert "35러7622" in html
    assert ("the redder, the surer" in html) == (detector == "detector")
    assert html.count("<img") >= 3
    assert "<rect" in html, "the chart of the time steps"
    assert "fits a format" in html
    assert not re.search(r"(src|href)=\"(?!data:)", html)


def test_a_photo_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("no picture")
    result = CliRunner().invoke(main, ["explain", str(tmp_path / "a.jpg"), "-o", str(tmp_path / "page.html")])
    assert result.exit_code == 1
    assert "a.jpg: not a picture" in result.output
