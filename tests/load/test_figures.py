from __future__ import annotations

from pathlib import Path

import pytest

from tests.load import table
from tests.load.latency import LongTalk, quantile
from tests.load.talks import PROBE, SCRIPT

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([7.0], 0.5, 7.0), ([4.0, 1.0, 3.0, 2.0], 0.5, 2.0), ([float(n) for n in range(1, 101)], 0.95, 95.0)],
)
def test_a_quantile_is_a_value_that_was_measured(values: list[float], share: float, expected: float) -> None:
    assert quantile(values, share) == expected


def test_the_table_goes_between_its_markers_and_nothing_else_changes(tmp_path: Path) -> None:
    document = tmp_path / "figures.md"
    document.write_text(f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n", encoding="utf-8")
    table.write(document, "第一")
    table.write(document, "新")
    assert document.read_text(encoding="utf-8") == f"before\n{table.BEGIN}\n新\n{table.END}\nafter\n"


@pytest.mark.parametrize(
    "text",
    ["no markers", table.BEGIN, f"{table.END}\n{table.BEGIN}", f"{table.BEGIN}{table.END}\n" * 2],
)
def test_a_document_without_one_pair_of_markers_is_left_alone(tmp_path: Path, text: str) -> None:
    document = tmp_path / "figures.md"
    document.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="needs one line"):
        table.write(document, "new")
    assert document.read_text(encoding="utf-8") == text


def test_the_goal_itself_is_met() -> None:
    assert table.verdict(1.25, 1.25) == "goal met"
    assert table.verdict(1.26, 1.25) == "goal not met"


def test_length_is_judged_by_medians_of_the_same_words() -> None:
    talk = LongTalk(early=(0.1, 0.1, 9.0), late=(0.12, 0.12, 0.12), late_turn=198, talks=1)
    assert talk.ratio == pytest.approx(1.2)


def test_forms_that_ask_who_one_is_are_cancelled_again() -> None:
    for said in (SCRIPT, PROBE):
        for place, text in enumerate(said):
            if text in ("我欠多少税", "最晚什么时候缴", "我的滞纳金是多少"):
                assert said[place + 1] == "取消"
