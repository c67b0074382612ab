"""What is believed about a caller's speech before a word is heard.

A landline's area code and the region in the taxpayer's record tell where people are registered. A mobile number tells
nothing: which segment was sold where stands in the carriers' own lists, people keep numbers when they move, and numbers
can be carried to another carrier. For a mobile the record's region is all there is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from dialects.pack import DEFAULT, Pack

RARE = 0.02
"""Share of a pack of which nothing is known."""
_SUREST = 0.95
_MOBILE = re.compile(r"(?:\+?86)?1[3-9]\d{9}")
_STREET = r"(?!路|街|大道|巷|弄|里)"
_KEPT = 0.8
"""How much of what a call has shown is still believed at the next one: another person may answer."""


@dataclass(frozen=True)
class Remembered:
    """What a call has shown, for the taxpayer's record: the log-odds of each pack against Mandarin's."""

    odds: Mapping[str, float]
    utterances: int

    @property
    def pack(self) -> str:
        """The likeliest one."""
        return max((DEFAULT, *self.odds), key=lambda name: self.odds.get(name, 0.0))


def is_mobile(number: str) -> bool:
    """Whether ``number`` (with or without +86, spaces and dashes ignored) is a mainland mobile's."""
    return _MOBILE.fullmatch(_digits(number)) is not None


def prior(
    packs: Mapping[str, Pack], region: str = "", number: str = "", before: Remembered | None = None
) -> dict[str, float]:
    """Log-odds of every pack against Mandarin's, which has 0.

    ``region`` as in the taxpayer's record (成都市, 四川省成都市), ``number`` the one that is called, ``before`` what the
    last call has left. A landline's area code is believed before the region: the telephone stands there.
    """
    odds = {name: _logit(RARE) for name in packs if name != DEFAULT}
    odds[DEFAULT] = 0.0
    shares = _by_area_code(packs, number) or _by_place(packs, region)
    odds.update({name: _logit(share) for name, share in shares.items() if name != DEFAULT})
    if before is not None and before.utterances:
        odds.update({name: _KEPT * value for name, value in before.odds.items() if name in odds})
    return odds


def _by_area_code(packs: Mapping[str, Pack], number: str) -> dict[str, float]:
    digits = _digits(number)
    if is_mobile(number):
        return {}
    national = "0" + digits[2:].lstrip("0") if digits.startswith("86") else digits
    return {
        pack.name: region.share
        for pack in packs.values()
        for region in pack.regions
        if national.startswith(region.area_codes)
    }


def _by_place(packs: Mapping[str, Pack], region: str) -> dict[str, float]:
    """The most precise place named counts: 广东省汕头市 is Shantou's, and 广州路 no place at all."""
    found = [
        (match.end(), len(place), pack.name, each.share)
        for pack in packs.values()
        for each in pack.regions
        for place in each.places
        for match in re.finditer(re.escape(place) + _STREET, region)
    ]
    if not found:
        return {}
    precise = max(found)[:2]
    return {name: share for end, length, name, share in found if (end, length) == precise}


def _digits(number: str) -> str:
    digits = re.sub(r"\D", "", number)
    return digits[2:] if digits.startswith("0086") else digits


def _logit(share: float) -> float:
    kept = min(max(share, 1 - _SUREST), _SUREST) if share > RARE else RARE
    return math.log(kept / (1 - kept))
