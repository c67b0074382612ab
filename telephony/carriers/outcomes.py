"""How a call has ended when the carrier alone knows, from its status and the SIP code behind it (RFC 3261, 21.4–6)."""

from __future__ import annotations

from telephony.carriers.base import CarrierStatus
from telephony.events import Outcome

_NO_SUCH_NUMBER = frozenset({404, 410, 484, 604})
_AWAY = frozenset({408, 480, 487})
_REFUSED = frozenset({603, 607, 608})
_BUSY = frozenset({486, 600})


def outcome_of(status: CarrierStatus, sip_code: int | None = None) -> Outcome | None:
    """The outcome a final status implies; ``None`` for ``completed`` (the talk decides) and for what is not final."""
    if status is CarrierStatus.BUSY:
        # Some networks report a refused call as busy; the code behind it tells.
        return Outcome.REJECTED if sip_code in _REFUSED else Outcome.BUSY
    if status in (CarrierStatus.NO_ANSWER, CarrierStatus.CANCELED):
        return Outcome.REJECTED if sip_code in _REFUSED else Outcome.NO_ANSWER
    if status is not CarrierStatus.FAILED:
        return None
    if sip_code in _NO_SUCH_NUMBER:
        return Outcome.INVALID_NUMBER
    if sip_code in _AWAY:
        return Outcome.NO_ANSWER
    if sip_code in _REFUSED:
        return Outcome.REJECTED
    return Outcome.BUSY if sip_code in _BUSY else Outcome.CARRIER_FAILURE
