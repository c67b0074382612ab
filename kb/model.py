"""Frozen records of the knowledge base: articles, their citations, and the laws they cite."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

_DIGITS = "零一二三四五六七八九"


def han_number(value: int) -> str:
    """Write 1..999 in Han numerals as statutes do: 32 -> 三十二, 109 -> 一百零九.

    Raises ValueError outside 1..999.
    """
    if not 1 <= value <= 999:
        raise ValueError(f"article number out of range 1..999: {value}")
    hundreds, rest = divmod(value, 100)
    tens, ones = divmod(rest, 10)
    text = f"{_DIGITS[hundreds]}百" if hundreds else ""
    if tens:
        text += "十" if tens == 1 and not hundreds else f"{_DIGITS[tens]}十"
    elif hundreds and ones:
        text += "零"
    return text + (_DIGITS[ones] if ones else "")


@dataclass(frozen=True, slots=True)
class Citation:
    """One source of an article: short name of the law, article number (None: the text as a whole), date."""

    law: str
    article: int | None
    effective: date


@dataclass(frozen=True, slots=True)
class Law:
    """A law or notice that may be cited.

    ``basis`` is 施行 when ``effective`` is the first day in force and 成文 when it is the day of issue.
    ``articles`` is the first and last article number, None where the text is cited as a whole only.
    """

    key: str
    title: str
    document: str
    effective: date
    basis: str
    valid_until: date | None
    articles: tuple[int, int] | None

    def label(self, article: int | None) -> str:
        """Full reference as shown to a taxpayer, e.g. 《中华人民共和国税收征收管理法》第三十二条."""
        if article is not None:
            return f"《{self.title}》第{han_number(article)}条"
        return f"《{self.title}》（{self.document}）"


@dataclass(frozen=True, slots=True)
class Article:
    """One reviewed answer. ``short`` is spoken as it stands; ``body`` is paragraphs and "- " lists.

    ``handoff`` marks topics that need a human after the answer.
    """

    id: str
    title: str
    intents: tuple[str, ...]
    questions: tuple[str, ...]
    citations: tuple[Citation, ...]
    reviewed: date
    review_by: date
    short: str
    related: tuple[str, ...]
    handoff: bool
    body: str
