"""Numbers that look right and can belong to nobody: their region code 99 does not exist, their check digits are good.

Phones are 199 0000 followed by the serial.
"""

from __future__ import annotations

from datetime import date, timedelta

from store.models import TaxpayerKind
from tax.identifiers import check_resident_id, check_uscc

REGIONS: tuple[str, ...] = ("成都市", "广州市", "沈阳市", "上海市", "厦门市", "郑州市")
MARK = "（虚构）"

_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_ORGANISATION_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
_FIRST_BIRTHDAY = date(1962, 3, 1)


def identifier(kind: TaxpayerKind, region: str, serial: int) -> str:
    """The credit code of a company or sole trader, or the resident id of a person; ``serial`` is 1 to 999."""
    area = f"9901{REGIONS.index(region) + 1:02d}"
    if kind is TaxpayerKind.PERSON:
        born = _FIRST_BIRTHDAY + timedelta(days=serial * 37 % 14000)
        body = f"{area}{born:%Y%m%d}{serial:03d}"
        return next(body + c for c in "0123456789X" if check_resident_id(body + c, date(2020, 1, 1)))
    body = ("91" if kind is TaxpayerKind.COMPANY else "92") + area + _organisation(f"MA0X{serial:04d}")
    return next(body + c for c in _ALPHABET if check_uscc(body + c))


def phone(serial: int) -> str:
    """The mobile number of ``serial``, 1 to 9999."""
    return f"1990000{serial:04d}"


def _organisation(body: str) -> str:
    """Eight characters with the check character of an organisation code (GB 11714)."""
    total = sum(int(c, 36) * weight for c, weight in zip(body, _ORGANISATION_WEIGHTS, strict=True))
    return body + "0123456789X0"[(11 - total % 11) % 12]
