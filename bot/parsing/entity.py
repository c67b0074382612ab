"""What a parser hands on: one typed, frozen value per thing found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

Value = Union[str, int, dict[str, int], dict[str, str], None]


@dataclass(frozen=True)
class Entity:
    """Something named in a message.

    ``start`` and ``end`` are character offsets into the message as given, ``text`` is that slice.
    ``value`` by kind:

    ============== ==================================================================================
    amount         yuan as a decimal string with two places, ``"46000.00"``; None when vague (几万)
    date           ISO date; None together with ``invalid`` for a day no calendar has
    date_range     ``{"from": ISO, "to": ISO}``, a span too wide to be one day (下周, 下个月)
    time           ``"15:00"``, 24 hours
    duration       ``{"months": 3}``, ``{"days": 90}``, ``{"minutes": 30}``, ``{"instalments": 3}``
    period         ``"2025"``, ``"2026H1"``, ``"2026Q3"`` or ``"2026-10"``
    tax_type       canonical name, see :mod:`bot.parsing.tax_type`
    pay_channel    canonical name, see :mod:`bot.parsing.pay_channel`
    phone          eleven digits
    sms_code       digits as a string; ``invalid`` when there are not six
    credit_code    eighteen characters, upper case
    resident_id    eighteen characters, upper case
    id_tail        last three to six signs of a number, read out, ``"888X"``
    identity_ref   name of a placeholder without its brackets, ``"证件#1"``
    rate           fraction as a plain decimal string, ``"0.0005"``
    ordinal        integer, ``2`` for 第二笔
    number         plain decimal string, a small number with no unit
    ============== ==================================================================================
    """

    kind: str
    start: int
    end: int
    text: str
    value: Value
    negated: bool = False
    """The speaker rejects it: the first amount of 不是五万，是四万五."""
    approx: bool = False
    """The speaker rounds it: 十来万, 四万多, 五万左右."""
    invalid: bool = False
    """It cannot be: 2月30号, a negative amount, a code of four digits."""


@dataclass(frozen=True)
class Match:
    """A candidate in the coordinates of :class:`bot.parsing.source.Source`, before overlaps are settled."""

    kind: str
    start: int
    end: int
    value: Value
    approx: bool = False
    invalid: bool = False
