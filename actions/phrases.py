"""How amounts, days and bills are worded, so that every action says them alike."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

from store.debts import Debt
from tax.money import format_yuan

WEEKDAYS = "一二三四五六日"


def yuan(amount: Decimal) -> str:
    """``Decimal("12500.30")`` → ``12,500.30元``."""
    return format_yuan(amount)


def day(value: date, today: date | None = None) -> str:
    """A day in words, with its weekday; the year only when it is not this one."""
    year = "" if today is not None and value.year == today.year else f"{value.year}年"
    return f"{year}{value.month}月{value.day}日（星期{WEEKDAYS[value.weekday()]}）"


def period(text: str) -> str:
    """``2026-09`` → ``2026年9月``, ``2026Q3`` → ``2026年第3季度``, ``2025`` → ``2025年度``."""
    if month := re.fullmatch(r"(\d{4})-(\d{1,2})", text):
        return f"{month[1]}年{int(month[2])}月"
    if quarter := re.fullmatch(r"(\d{4})Q([1-4])", text):
        return f"{quarter[1]}年第{quarter[2]}季度"
    if re.fullmatch(r"\d{4}", text):
        return f"{text}年度"
    return text


def bill_name(debt: Debt) -> str:
    """``2026年9月的增值税``."""
    return f"{period(debt.period)}的{debt.tax_type}"
