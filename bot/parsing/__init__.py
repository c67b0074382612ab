"""Finding and normalising what a message names: sums, days, taxes, codes.

Pure functions of the text and of the day they are read on; they run in either Python environment.
"""

from __future__ import annotations

from datetime import date
from itertools import chain

from bot.parsing import (
    amount,
    clock,
    day,
    duration,
    identity,
    number,
    pay_channel,
    period,
    rate,
    tax_type,
)
from bot.parsing.entity import Entity, Value
from bot.parsing.resolve import resolve
from bot.parsing.source import read

__all__ = ["KINDS", "Entity", "Value", "parse"]

KINDS = (
    "amount",
    "credit_code",
    "date",
    "date_range",
    "duration",
    "id_tail",
    "identity_ref",
    "number",
    "ordinal",
    "pay_channel",
    "period",
    "phone",
    "rate",
    "resident_id",
    "sms_code",
    "tax_type",
    "time",
)
_LONGEST = 3000
_FINDERS = tuple(
    module.find
    for module in (amount, clock, day, duration, identity, number, pay_channel, period, rate, tax_type)
)


def parse(text: str, today: date) -> list[Entity]:
    """Everything named in ``text``, in reading order, relative to ``today`` (a day in Asia/Shanghai).

    Never raises on odd input. Time is linear in the length of the text, of which the first 3,000 characters are
    read: nobody says more in one message.
    """
    if not text:
        return []
    source = read(text[:_LONGEST])
    return resolve(source, chain.from_iterable(find(source, today) for find in _FINDERS))
