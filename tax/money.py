"""Yuan to the fen: reading, rounding, writing."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Context, Decimal

from tax.errors import TaxError

FEN = Decimal("0.01")
ZERO = Decimal("0.00")
MAX_YUAN = Decimal(10) ** 13
"""Anything above is taken for a slip of the keyboard: no single debt comes near ten thousand billion."""

_EXACT = Context(prec=50, rounding=ROUND_HALF_UP)
_PLAIN = re.compile(r"[0-9]{1,15}(?:\.[0-9]+)?")
_GROUPED = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?")
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}


class MoneyError(TaxError):
    """An amount that cannot be read as yuan and fen."""


def to_fen(x: Decimal) -> Decimal:
    """Round yuan to the fen, exact halves away from zero.

    No written rule exists; the tax authority's claim in (2023)苏01民终6513号 shows rounding, not truncation.
    """
    return x.quantize(FEN, context=_EXACT)


def check_amount(x: Decimal, *, name: str = "金额", allow_zero: bool = True) -> Decimal:
    """``x`` to the fen, or MoneyError naming ``name`` when it is not a plausible amount of yuan."""
    if not x.is_finite():
        raise MoneyError(f"{name}不是有效的数字，请填写以元为单位的金额，例如 12500.30。")
    if x < 0:
        raise MoneyError(f"{name}不能是负数，请核对后重新填写。")
    if x > MAX_YUAN:
        raise MoneyError(f"{name}超出了可以计算的范围，请核对是否多输了数字。")
    if not allow_zero and x == 0:
        raise MoneyError(f"{name}应大于零，请核对后重新填写。")
    fen = to_fen(x)
    if fen != x:
        raise MoneyError(f"{name}最多精确到分（两位小数），请核对后重新填写。")
    return fen


def parse_yuan(s: str, *, name: str = "金额") -> Decimal:
    """Yuan from text such as ``12500.3``, ``12,500.30元``, ``￥12500``; full-width digits are understood.

    MoneyError on anything else: negative, NaN, more than two decimals, above MAX_YUAN, scientific notation.
    """
    if len(s) > 64:
        raise MoneyError(f"{name}太长，请填写以元为单位的金额，例如 12500.30。")
    text = s.translate(_FULL_WIDTH).strip().lstrip("¥￥").removesuffix("元").strip()
    if text.startswith("-"):
        raise MoneyError(f"{name}不能是负数，请核对后重新填写。")
    if _GROUPED.fullmatch(text):
        text = text.replace(",", "")
    elif not _PLAIN.fullmatch(text):
        raise MoneyError(f"{name}看不明白，请填写以元为单位的数字，例如 12500.30。")
    if len(text.partition(".")[2]) > 2:
        raise MoneyError(f"{name}最多精确到分（两位小数），请核对后重新填写。")
    return check_amount(Decimal(text), name=name)


def format_yuan(x: Decimal) -> str:
    """``12,500.30元``: grouped by thousands, always two decimals."""
    return f"{to_fen(x):,.2f}元"
