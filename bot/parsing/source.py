"""The message as the parsers read it: one spelling per sign, no spaces inside Chinese."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from bot.parsing.numeral import Numeral, numerals

_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_FULL_WIDTH[0x3000] = 0x20
_VARIANTS = str.maketrans(
    "壹贰貳叁參肆伍陆陸柒捌玖拾佰仟萬亿億两兩〇○圆圓号號个個箇点點周週礼禮后後时時间間过過来來块塊钱錢"
    "上下这這当當为為从從还還没沒税稅费費业業",
    "一二二三三四五六六七八九十百千万亿亿二二零零元元号号个个个点点周周礼礼后后时时间间过过来来块块钱钱"
    "上下这这当当为为从从还还没没税税费费业业",
)
_TABLE: dict[int, int | str | None] = {**_FULL_WIDTH, **_VARIANTS, 0xFFE5: "¥"}
_TENS = {"廿": "二十", "卅": "三十", "卌": "四十"}
_BLANK = re.compile(r"[\s\u200b-\u200d\u2060\ufeff]+")


@dataclass(frozen=True)
class Source:
    """``text`` is what parsers match on; ``origin[i]`` is where its i-th character stands in ``raw``."""

    raw: str
    text: str
    origin: tuple[int, ...]

    @cached_property
    def numerals(self) -> tuple[Numeral, ...]:
        """All numbers in ``text``, from left to right."""
        return tuple(numerals(self.text))

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Offsets in ``raw`` of the slice ``[start, end)`` of ``text``; ``start < end``."""
        return self.origin[start], self.origin[end - 1] + 1


def read(raw: str) -> Source:
    """Same signs, one spelling: half width, simplified, everyday numerals, no blanks next to Chinese.

    Blanks between Latin letters or digits stay: they tell one number from the next.
    """
    text, origin = _spelled_out(raw.translate(_TABLE))
    if not _BLANK.search(text):
        return Source(raw, text, tuple(origin))
    pieces: list[str] = []
    kept: list[int] = []
    position = 0
    for blank in _BLANK.finditer(text):
        pieces.append(text[position : blank.start()])
        kept.extend(origin[position : blank.start()])
        before = text[blank.start() - 1] if blank.start() else ""
        after = text[blank.end()] if blank.end() < len(text) else ""
        if before and after and before.isascii() and after.isascii():
            pieces.append(" ")
            kept.append(origin[blank.start()])
        position = blank.end()
    pieces.append(text[position:])
    kept.extend(origin[position:])
    return Source(raw, "".join(pieces), tuple(kept))


def _spelled_out(text: str) -> tuple[str, list[int]]:
    """廿 as 二十, 卅 as 三十, 月尾 as 月底; with the place in ``text`` of each character."""
    out: list[str] = []
    origin: list[int] = []
    for place, sign in enumerate(text):
        spelled = _TENS.get(sign, sign)
        if sign == "尾" and text[place - 1 : place] == "月":
            spelled = "底"
        out.append(spelled)
        origin.extend([place] * len(spelled))
    return "".join(out), origin
