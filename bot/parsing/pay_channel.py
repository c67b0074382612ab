"""Ways to pay, by their everyday names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from bot.parsing.entity import Match
from bot.parsing.source import Source

NAMES: dict[str, tuple[str, ...]] = {
    "微信": ("微信支付", "微信"),
    "支付宝": ("支付宝",),
    "云闪付": ("云闪付",),
    "网上银行": ("网上银行", "网银"),
    "手机银行": ("手机银行",),
    "电子税务局": (
        "电子税务局",
        "电子税局",
        "网上税务局",
        "网上税局",
        "电税局",
        "税务APP",
        "税务app",
        "个税APP",
        "个税app",
    ),
    "三方协议": ("三方协议", "自动扣款", "代扣", "银税协议"),
    "银行柜台": ("银行柜台", "银行柜面", "银行窗口", "银行网点", "柜台", "去银行", "到银行", "在银行"),
    "办税厅": ("办税服务厅", "办税大厅", "办税厅", "税务大厅", "办税窗口", "大厅", "税务所"),
    "刷卡": ("POS机", "pos机", "刷卡"),
}
"""Canonical name to the names in use."""

_CANONICAL = {alias: name for name, aliases in NAMES.items() for alias in aliases}
_PATTERN = re.compile("|".join(sorted((re.escape(alias) for alias in _CANONICAL), key=len, reverse=True)))


def find(source: Source, today: date) -> Iterator[Match]:
    """Payment channels, the longest name first; ``today`` does not matter."""
    for found in _PATTERN.finditer(source.text):
        yield Match("pay_channel", found.start(), found.end(), _CANONICAL[found.group()])
