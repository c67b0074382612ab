"""What officers write in their own words to a taxpayer, read before it goes out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from handoff.thread import BadWords
from kb.check import load_forbidden
from store.audit import holds_identifier

LONGEST = 500

_HAN = "零〇一二两三四五六七八九十百千万亿壹贰叁肆伍陆柒捌玖拾佰仟"
_AMOUNT = re.compile(rf"[¥￥]\s*\d|\d\s*[{_HAN}]*\s*(?:元|圆|块)|[{_HAN}]\s*(?:元|圆|块钱)")


def fit_to_send(text: str, name: str) -> str:
    """``text`` trimmed, for a taxpayer to read; ``name`` says in an objection what was being written.

    Amounts are left out because nobody knows who reads the thread by then: whoever asks there after proving their
    identity gets them, worked out as of that day.

    Raises:
        BadWords: empty, longer than :data:`LONGEST`, or with an amount, a personal number or a forbidden phrase in it.
    """
    words = fit_to_keep(text, name)
    for objection in _of_content(words):
        raise BadWords(f"{name}里{objection}。")
    return words


def objections(text: str) -> list[str]:
    """All that is wrong with ``text`` for a taxpayer to read, by the rules of :func:`fit_to_send`; empty if nothing is."""
    found = list(_of_content(text))
    try:
        fit_to_keep(text, "内容")
    except BadWords as error:
        found.append(str(error).rstrip("。"))
    return found


def fit_to_keep(text: str, name: str) -> str:
    """``text`` trimmed, for colleagues to read.

    Raises:
        BadWords: empty, longer than :data:`LONGEST`, or with a personal number in it.
    """
    words = text.strip()
    if not words:
        raise BadWords(f"请写明{name}。")
    if len(words) > LONGEST:
        raise BadWords(f"{name}最多{LONGEST}个字。")
    if holds_identifier(words):
        raise BadWords(f"{name}里请不要写身份证号、税号或手机号。")
    return words


def _of_content(words: str) -> Iterator[str]:
    if _AMOUNT.search(words):
        yield "请不要写金额，对方核实身份后可以自己查到"
    for pattern in _forbidden():
        if found := pattern.search(words):
            yield f"的「{found[0]}」会让人觉得受到威胁或误导，请换个说法"


@cache
def _forbidden() -> tuple[re.Pattern[str], ...]:
    return load_forbidden()
