"""A carrier's callbacks, read into the store's reports.

Source: Twilio's pages "Call resource" (``StatusCallback``), "Answering Machine Detection" and "Recording status
callbacks". Only the fields named here are kept: the others hold numbers and places of people.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from store.call_states import Report
from store.models import CallState
from telephony.carriers.base import CarrierCall, CarrierStatus
from telephony.carriers.outcomes import outcome_of
from telephony.events import Outcome

_STATES = {
    CarrierStatus.QUEUED: CallState.PLACED,
    CarrierStatus.INITIATED: CallState.PLACED,
    CarrierStatus.RINGING: CallState.RINGING,
    CarrierStatus.IN_PROGRESS: CallState.ANSWERED,
}
_ANSWERED_BY = re.compile(r"[a-z_]{1,30}")
_RECORDING_STATUS = re.compile(r"[a-z-]{1,30}")
_CLOCKS_APART = timedelta(hours=12)
_STATUS, _AMD, _RECORDING, _TWIML, _LOOKED_UP = "status", "amd", "recording", "twiml", "reconcile"
_BROWSER = "browser"


def status_report(form: Mapping[str, str], now: datetime) -> Report | None:
    """How far the call has come; ``None`` for a status nobody knows."""
    try:
        status = CarrierStatus(form.get("CallStatus", ""))
    except ValueError:
        return None
    sip_code = _number(form, "SipResponseCode")
    error = _number(form, "ErrorCode")
    outcome = outcome_of(status, sip_code)
    seen = {"seconds": _number(form, "CallDuration"), "sip": sip_code, "error": error}
    return Report(
        source=_STATUS,
        sequence=_number(form, "SequenceNumber") or 0,
        kind=status.value,
        at=_at(form, now),
        carrier_id=form.get("CallSid", ""),
        state=CallState.ENDED if status.terminal else _STATES[status],
        outcome=outcome.value if outcome else None,
        note=_note(sip_code, error) if outcome else None,
        answered_by=_answered_by(form),
        detail={name: value for name, value in seen.items() if value is not None},
    )


def machine_report(form: Mapping[str, str], now: datetime) -> Report | None:
    """Who has answered; ``None`` when the carrier does not say."""
    answered_by = _answered_by(form)
    if answered_by is None:
        return None
    took = _number(form, "MachineDetectionDuration")
    return Report(
        source=_AMD,
        sequence=0,
        kind=answered_by,
        at=now,
        carrier_id=form.get("CallSid", ""),
        answered_by=answered_by,
        detail={"took_ms": took} if took is not None else {},
    )


def recording_report(form: Mapping[str, str], now: datetime) -> Report | None:
    """That the carrier has a recording of its own, which it should not; ``None`` when there is none."""
    status = form.get("RecordingStatus", "")
    if not _RECORDING_STATUS.fullmatch(status):
        return None
    recording = form.get("RecordingSid", "")
    seconds = _number(form, "RecordingDuration")
    return Report(
        source=_RECORDING,
        sequence=0,
        kind=status,
        at=now,
        carrier_id=form.get("CallSid", ""),
        detail={"recording": recording[:40], **({"seconds": seconds} if seconds is not None else {})},
    )


def twiml_report(carrier_id: str, now: datetime) -> Report:
    """The carrier asks what to do with the call: somebody has answered."""
    return Report(_TWIML, 0, "asked", now, carrier_id, CallState.ANSWERED)


def browser_report(carrier_id: str, status: CarrierStatus, detail: str, now: datetime) -> Report:
    """What the browser phone tells; ``detail`` as ``telephony.carriers.browser`` words it."""
    outcome = Outcome.REJECTED if detail == "rejected" else outcome_of(status)
    return Report(
        source=_BROWSER,
        sequence=0,
        kind=status.value,
        at=now,
        carrier_id=carrier_id,
        state=CallState.ENDED if status.terminal else _STATES[status],
        outcome=outcome.value if outcome else None,
        note=detail or None,
    )


def looked_up(found: CarrierCall, now: datetime) -> Report:
    """Where the carrier says the call stands when it is asked."""
    outcome = outcome_of(found.status)
    return Report(
        source=_LOOKED_UP,
        sequence=0,
        kind=found.status.value,
        at=now,
        carrier_id=found.carrier_id,
        state=CallState.ENDED if found.status.terminal else _STATES[found.status],
        outcome=outcome.value if outcome else None,
    )


def _at(form: Mapping[str, str], now: datetime) -> datetime:
    """The carrier's time, unless it is missing or cannot be."""
    try:
        told = parsedate_to_datetime(form.get("Timestamp", ""))
    except ValueError:
        return now
    told = told if told.tzinfo else told.replace(tzinfo=UTC)
    return told if abs(told - now) < _CLOCKS_APART else now


def _number(form: Mapping[str, str], name: str) -> int | None:
    value = form.get(name, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else None


def _answered_by(form: Mapping[str, str]) -> str | None:
    value = form.get("AnsweredBy", "")
    return value if _ANSWERED_BY.fullmatch(value) else None


def _note(sip_code: int | None, error: int | None) -> str | None:
    parts = [f"SIP {sip_code}" if sip_code else "", f"error {error}" if error else ""]
    return ", ".join(filter(None, parts)) or None
