from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.parsing import KINDS, Entity, parse

pytestmark = pytest.mark.unit

TODAY = date(2026, 11, 23)
TABLE: dict[str, dict[str, list[list[Any]]]] = yaml.safe_load(
    (Path(__file__).parent / "parsing_cases.yml").read_text(encoding="utf-8")
)
CASES = [
    pytest.param(str(text), expected, id=f"{group}-{text}")
    for group, lines in TABLE.items()
    for text, expected in lines.items()
]


def plain(entity: Entity) -> list[Any]:
    flags = [name for name in ("negated", "approx", "invalid") if getattr(entity, name)]
    return [entity.kind, entity.text, entity.value, *flags]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_reads(text: str, expected: list[list[Any]]) -> None:
    assert [plain(entity) for entity in parse(text, TODAY)] == expected


@pytest.mark.parametrize(("text", "_expected"), CASES)
def test_offsets_point_at_the_words(text: str, _expected: object) -> None:
    padded = f"  那个  {text}，对吧"
    for entity in parse(padded, TODAY):
        assert padded[entity.start : entity.end] == entity.text
        assert entity.kind in KINDS


@pytest.mark.parametrize(
    ("today", "text", "expected"),
    [
        (date(2026, 11, 30), "月底", "2026-11-30"),
        (date(2026, 12, 1), "月初", "2026-12-01"),
        (date(2026, 11, 29), "周末", "2026-11-29"),
        (date(2026, 11, 29), "下周一", "2026-11-30"),
        (date(2026, 11, 20), "二十号", "2026-11-20"),
        (date(2026, 12, 31), "明天", "2027-01-01"),
        (date(2026, 1, 31), "一个月后", "2026-02-28"),
        (date(2027, 2, 6), "过年", "2027-02-06"),
        (date(2028, 1, 10), "2月29号", "2028-02-29"),
        (date(2026, 1, 31), "31号", "2026-01-31"),
        (date(2026, 2, 1), "31号", "2026-03-31"),
    ],
)
def test_days_move_with_today(today: date, text: str, expected: str) -> None:
    assert [entity.value for entity in parse(text, today)] == [expected]
