"""Kinds of tax and of fees the tax bureau collects, by all their everyday names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from bot.parsing.entity import Match
from bot.parsing.source import Source

NAMES: dict[str, tuple[str, ...]] = {
    "增值税": ("增值税", "增值", "增殖税", "曾值税", "赠值税", "VAT", "vat"),
    "企业所得税": ("企业所得税", "企业所得", "企税", "公司所得税", "企所税", "企得税"),
    "个人所得税": (
        "个人所得税",
        "个人所得",
        "个税",
        "各税",
        "经营所得",
        "工资薪金税",
        "工资税",
        "生产经营所得",
        "个人经营所得税",
        "个体户所得税",
        "个所税",
        "个得税",
    ),
    "所得税": ("所得税",),
    "城市维护建设税": ("城市维护建设税", "城市建设维护税", "城建税", "城建", "城维税"),
    "消费税": ("消费税",),
    "印花税": ("印花税", "印花"),
    "房产税": ("房产税", "房屋税"),
    "城镇土地使用税": ("城镇土地使用税", "土地使用税"),
    "土地增值税": ("土地增值税", "土增税", "土增"),
    "耕地占用税": ("耕地占用税", "耕占税"),
    "车船税": ("车船税", "车船使用税"),
    "车辆购置税": ("车辆购置税", "车购税", "购置税"),
    "船舶吨税": ("船舶吨税",),
    "契税": ("契税",),
    "资源税": ("资源税", "水资源税"),
    "环境保护税": ("环境保护税", "环保税"),
    "烟叶税": ("烟叶税",),
    "关税": ("关税",),
    "教育费附加": ("教育费附加", "教育附加费", "教育附加"),
    "地方教育附加": ("地方教育附加", "地方教育费附加", "地方教育附加费"),
    "附加税费": ("附加税费", "附加税", "附征税费"),
    "社会保险费": (
        "社会保险费",
        "社会保险",
        "社保费",
        "社保",
        "养老保险费",
        "养老保险",
        "医疗保险费",
        "医保费",
    ),
    "残疾人就业保障金": ("残疾人就业保障金", "残保金"),
    "工会经费": ("工会经费",),
    "文化事业建设费": ("文化事业建设费",),
}
"""Canonical name to the names in use; 所得税 alone stays undecided between companies and persons."""

_CANONICAL = {alias: name for name, aliases in NAMES.items() for alias in aliases}
_PATTERN = re.compile("|".join(sorted((re.escape(alias) for alias in _CANONICAL), key=len, reverse=True)))
_OTHER_WORD = re.compile(r"服务|率的|电信|空间")


def find(source: Source, today: date) -> Iterator[Match]:
    """Names of taxes, the longest first; ``today`` does not matter."""
    for found in _PATTERN.finditer(source.text):
        if found.group() == "增值" and _OTHER_WORD.match(source.text, found.end()):
            continue
        yield Match("tax_type", found.start(), found.end(), _CANONICAL[found.group()])
