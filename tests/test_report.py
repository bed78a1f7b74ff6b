"""The report page of an evaluation."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from plate_ocr.cli import main
from tests.conftest import SAMPLE
from tests.test_explain import Balanced

pytest.importorskip("matplotlib", reason="charts need the train extra")


def test_the_report_shows_scores_charts_and_errors_and_needs_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    command = ["evaluate", str(SAMPLE / "crops" / "labels.csv"), "--json", str(tmp_path / "scores.json")]
    result = CliRunner().invoke(main, [*command, "--report", str(out)])
    assert result.exit_code == 0, result.output
    html = out.read_text(encoding="utf-8")
    text = re.sub(r"<(svg|style).*?</\1>", "", html, flags=re.DOTALL)
    Balanced().feed(text)
    assert html.count("<svg") == 4
    wrong = int(re.search(r"<h3>(\d+) wrong readings", text).group(1))  # type: ignore[union-attr]
    assert wrong == text.count("<img")
    assert wrong > 0
    assert "<mark>" in text
    assert "calibration error" in text
    assert not re.search(r"src=\"(?!data:)", html)
    (split,) = json.loads((tmp_path / "scores.json").read_text())["splits"]
    assert f"<b>{100 * split['macro']['source']['plate_accuracy']:.1f} %</b>" in text
