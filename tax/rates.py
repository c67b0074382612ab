"""The late fee's daily rate by effective date, so that a change of the law is one more row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from tax.citations import LAW_32, Citation
from tax.errors import TaxError


class RateError(TaxError):
    """A day before the first rate held here."""


@dataclass(frozen=True, slots=True)
class RateRow:
    """From ``effective`` on a day costs ``daily`` (a fraction of the tax); ``name`` is the law's word."""

    effective: date
    daily: Decimal
    name: str
    citation: Citation


@dataclass(frozen=True, slots=True)
class RateSpan:
    """Days ``start`` to ``end``, both counted, under one rate."""

    start: date
    end: date
    row: RateRow

    @property
    def days(self) -> int:
        return (self.end - self.start).days + 1


RATES: tuple[RateRow, ...] = (RateRow(date(2001, 5, 1), Decimal("0.0005"), "滞纳金", LAW_32),)


def rate_on(d: date, table: Sequence[RateRow] = RATES) -> RateRow:
    """The row in force on ``d``. ``table`` ascends by effective date. RateError before its first row."""
    for row in reversed(table):
        if row.effective <= d:
            return row
    first = table[0].effective
    raise RateError(
        f"{first.year}年{first.month}月{first.day}日以前的滞纳金适用当时的规定，这里无法计算，请转人工办理。"
    )


def rate_spans(start: date, end: date, table: Sequence[RateRow] = RATES) -> tuple[RateSpan, ...]:
    """[start, end] cut where the rate changes; empty when end is before start."""
    if end < start:
        return ()
    cuts = [row.effective for row in table if start < row.effective <= end]
    starts = [start, *cuts]
    ends = [*(cut - timedelta(days=1) for cut in cuts), end]
    return tuple(RateSpan(a, b, rate_on(a, table)) for a, b in zip(starts, ends, strict=True))


def rate_zh(daily: Decimal) -> str:
    """``万分之五`` for 0.0005; other rates than one to nine in ten thousand as a percentage."""
    parts = daily * 10_000
    if parts in range(1, 10):
        return f"万分之{'一二三四五六七八九'[int(parts) - 1]}"
    return f"{(daily * 100).normalize():f}%"
