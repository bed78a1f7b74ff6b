"""The report page of an evaluation."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from plate_ocr.cli import main
from plate_ocr.evaluation.candidates import Guess
from plate_ocr.evaluation.evaluate import Read, group_by_split
from plate_ocr.evaluation.paired import compare_by_split
from plate_ocr.evaluation.report import Against, names, report
from plate_ocr.labels import Label
from tests.conftest import ROOT, SAMPLE, write_labels
from tests.test_explain import Balanced

pytest.importorskip("matplotlib", reason="charts need the train extra")


def without_charts(html: str) -> str:
    """The page's HTML, checked for tags closed out of order."""
    text = re.sub(r"<(svg|style).*?</\1>", "", html, flags=re.DOTALL)
    Balanced().feed(text)
    assert not re.search(r"(src|href)=\"(?!data:)", text), "needs nothing but itself"
    return text


def reads(*texts: str, split: str = "dev", region: str = "KR") -> list[Read]:
    """Reads of sample crops whose labels are 1, 2, 3 … as these texts."""
    return [
        Read(Label(SAMPLE / "crops" / f"{i:05}.jpg", str(i), region, split), text, 0.9, height=40)
        for i, text in enumerate(texts, start=1)
    ]


def test_the_report_shows_scores_charts_and_errors_and_needs_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    command = ["evaluate", str(SAMPLE / "crops" / "labels.csv"), "--formats", "off"]
    result = CliRunner().invoke(main, [*command, "--report", str(out), "--json", str(tmp_path / "scores.json")])
    assert result.exit_code == 0, result.output
    html = out.read_text(encoding="utf-8")
    text = without_charts(html)
    assert html.count("<svg") == 4
    assert f"<p class=note>plate-ocr {' '.join(command)}</p>" in text
    wrong = int(re.search(r"<h3>(\d+) wrong readings", text).group(1))  # type: ignore[union-attr]
    assert wrong == text.count("<img")
    assert wrong > 0
    assert "<mark>" in text
    assert "calibration error" in text
    (split,) = json.loads((tmp_path / "scores.json").read_text())["splits"]
    assert f"<b>{100 * split['macro']['source']['plate_accuracy']:.1f} %</b>" in text
    candidates = re.findall(r"<ol class=note>(.*?)</ol>", text)
    assert len(candidates) == wrong
    assert all(1 <= listed.count("<li>") <= 3 for listed in candidates)
    assert not any("no format" in listed for listed in candidates), "formats are off"


def test_candidates_are_listed_with_what_speaks_for_them_and_the_right_one_stands_out() -> None:
    found = (Guess("O", 0.6, False), Guess("1", 0.25, True), Guess("", 0.1, True))
    text = without_charts(report(group_by_split(reads("O")), lambda _: found, model="m", command="c"))
    assert "<li>O 60.0 %, no format</li><li><b>1</b> 25.0 %</li><li>(nothing) 10.0 %</li>" in text


def test_of_many_errors_the_page_says_how_many_it_leaves_out() -> None:
    label = Label(SAMPLE / "crops" / "00001.jpg", "1", split="dev")
    many = [Read(label, "2", i / 100, height=40) for i in range(70)]
    text = without_charts(report(group_by_split(many), lambda _: (), model="m", command="c"))
    assert "60 of 70 wrong readings" in text
    assert "69.0 %" in text
    assert ", 9.0 %" not in text, "the least confident ones are left out"


def test_a_page_without_a_single_error_is_drawn() -> None:
    html = report(group_by_split(reads("1", "2")), lambda _: (), model="m", command="c")
    assert "0 wrong readings" in without_charts(html)
    assert html.count("<svg") == 2, "of what was confused there is nothing to draw"
    assert "<img" not in html


def test_a_picture_that_cannot_be_opened_is_told_in_its_place(tmp_path: Path) -> None:
    gone = [Read(Label(tmp_path / "gone.jpg", "1"), "", 0.0, "no such file")]
    text = without_charts(report(group_by_split(gone), lambda _: (), model="m", command="c"))
    assert "gone.jpg: no such file" in text
    assert "(nothing)" in text


def test_two_models_stand_side_by_side_split_by_split() -> None:
    one = reads("1", "2", "3", "4", "5", "6", "x", "x") + reads("1", split="synthetic", region="DE")
    other = reads("x", "x", "x", "x", "x", "x", "7", "x") + reads("1", split="synthetic", region="DE")
    against = Against("old", group_by_split(other), compare_by_split(one, other))
    html = report(group_by_split(one), lambda _: (), model="new", command="c", against=against)
    text = without_charts(html)
    assert "<td>dev: new<td class=n>8<td class=n><b>75.0 %</b>" in text
    assert "<td>dev: old<td class=n>8<td class=n><b>12.5 %</b>" in text
    row = re.search(r"<td>KR<td class=n>8<td class=n>75.0 %.*?</tr>", text).group(0)  # type: ignore[union-attr]
    # 6 against 1: twice (1 + 7) of 128.
    assert row.endswith("<td class=n>+62.5<td class=n>6<td class=n>1<td class=n>0.125</tr>")
    assert "That either is better cannot be said from these crops (p = 0.125)." in text
    assert "Both read the same crops right." in text
    assert "Only new reads these: 6" in text
    assert "Only old reads these: 1" in text
    # Two charts of reliability, one of risk, and two for the split with errors.
    assert html.count("<svg") == 5
    assert "dev, against" in html


def test_a_model_against_its_copy_makes_no_difference(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "models" / "reader", tmp_path / "copy")
    out, scores = tmp_path / "report.html", tmp_path / "scores.json"
    rows = [
        (str(SAMPLE / "crops" / name), text, "", "dev") for name, text in (("00001.jpg", "7GZSQI"), ("00002.jpg", "X"))
    ]
    table = write_labels(tmp_path, rows)
    arguments = ["evaluate", str(table), "--one-look", "--against", str(tmp_path / "copy")]
    result = CliRunner().invoke(main, [*arguments, "--report", str(out), "--json", str(scores)])
    assert result.exit_code == 0, result.output
    assert "reader against copy" in result.output
    assert "Both read the same crops right." in out.read_text(encoding="utf-8")
    data = json.loads(scores.read_text())
    (comparison,) = data["against"]["comparisons"]
    assert comparison["overall"]["mcnemar_p"] == 1
    assert comparison["only_model_right"] == comparison["only_against_right"] == []
    assert data["against"]["splits"] == data["splits"]


def test_a_model_to_compare_with_that_is_missing_is_told_before_anything_is_read(tmp_path: Path) -> None:
    arguments = ["evaluate", str(SAMPLE / "crops" / "labels.csv"), "--against", str(tmp_path / "none")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1
    assert "none" in result.output
    assert "crops" not in result.output.replace(str(SAMPLE), "")


def test_models_are_called_by_their_folders_where_that_tells_them_apart() -> None:
    assert names("reader", "runs/two/") == ("reader", "two")
    assert names("a/run", "b/run") == ("a/run", "b/run")
