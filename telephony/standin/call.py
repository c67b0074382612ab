"""A call as the carrier keeps it: what its REST answers, callbacks and the table are made from."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime

from telephony.carriers.base import CarrierStatus
from telephony.standin.figures import Figures, measure
from telephony.standin.orders import CallOrder
from telephony.standin.person import Person
from telephony.standin.recording import Recording
from telephony.standin.script import Script
from telephony.standin.speech import Performance

API_VERSION = "2010-04-01"


def new_sid(prefix: str) -> str:
    """``CA`` or ``MZ`` and 32 hexadecimal digits."""
    return prefix + secrets.token_hex(16)


@dataclass(frozen=True, slots=True)
class Assigned:
    """Who picks up at a number: a script, filled in, and the pack it is spoken in."""

    script: Script
    pack: str
    performance: Performance | None = None
    """Rendered ahead; None is rendered when it rings."""


@dataclass(slots=True)
class Call:
    """One call. ``directed`` is set when REST ends or redirects it: then ``ending`` or ``redirect`` says how."""

    account_sid: str
    order: CallOrder
    created: datetime
    sid: str = field(default_factory=lambda: new_sid("CA"))
    assigned: Assigned | None = None
    status: CarrierStatus = CarrierStatus.QUEUED
    dialled: datetime | None = None
    answered: datetime | None = None
    ended: datetime | None = None
    answered_by: str | None = None
    sequence: int = 0
    directed: asyncio.Event = field(default_factory=asyncio.Event)
    ending: CarrierStatus | None = None
    redirect: tuple[str | None, str | None] | None = None
    """(url, twiml)."""
    person: Person | None = None
    recording: Recording | None = None
    dialled_on: str = ""
    errors: Counter[int] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    _figures: Figures | None = None

    @property
    def seconds(self) -> int:
        """Since it was answered, or how long it lasted."""
        if self.answered is None:
            return 0
        return round(((self.ended or datetime.now(UTC)) - self.answered).total_seconds())

    async def directed_within(self, seconds: float) -> bool:
        """Wait so long; whether REST ended or redirected the call meanwhile."""
        try:
            async with asyncio.timeout(seconds):
                await self.directed.wait()
        except TimeoutError:
            return False
        return True

    def ids(self) -> dict[str, str]:
        """Whose call it is."""
        return {"CallSid": self.sid, "AccountSid": self.account_sid}

    def progress(self) -> dict[str, str]:
        """The parameters of the next status callback; it uses up a number."""
        number, self.sequence = self.sequence, self.sequence + 1
        return {
            **self.common(),
            "CallbackSource": "call-progress-events",
            "SequenceNumber": str(number),
            "Timestamp": format_datetime(datetime.now(UTC)),
        }

    def common(self) -> dict[str, str]:
        """The parameters that a request for TwiML and every status callback carry."""
        return {
            **self.ids(),
            "From": self.order.from_,
            "To": self.order.to,
            "Caller": self.order.from_,
            "Called": self.order.to,
            "CallStatus": self.status.value,
            "ApiVersion": API_VERSION,
            "Direction": "outbound-api",
            **({"AnsweredBy": self.answered_by} if self.answered_by else {}),
        }

    def resource(self) -> dict[str, object]:
        """The JSON of ``GET …/Calls/{sid}.json``."""
        base = f"/{API_VERSION}/Accounts/{self.account_sid}/Calls/{self.sid}"
        return {
            "sid": self.sid,
            "account_sid": self.account_sid,
            "parent_call_sid": None,
            "to": self.order.to,
            "to_formatted": self.order.to,
            "from": self.order.from_,
            "from_formatted": self.order.from_,
            "phone_number_sid": None,
            "status": self.status.value,
            "date_created": _rfc2822(self.created),
            "date_updated": _rfc2822(self.ended or self.answered or self.dialled or self.created),
            "start_time": _rfc2822(self.dialled),
            "end_time": _rfc2822(self.ended),
            "duration": str(self.seconds) if self.status is CarrierStatus.COMPLETED else None,
            "price": None,
            "price_unit": "USD",
            "direction": "outbound-api",
            "answered_by": self.answered_by,
            "api_version": API_VERSION,
            "forwarded_from": None,
            "group_sid": None,
            "caller_name": None,
            "queue_time": str(int(((self.dialled or self.created) - self.created).total_seconds() * 1000)),
            "trunk_sid": None,
            "uri": f"{base}.json",
            "subresource_uris": {"recordings": f"{base}/Recordings.json"},
        }

    def figures(self) -> Figures | None:
        """Measured once, when it is over."""
        if self._figures is None and self.recording is not None and self.status.terminal:
            self._figures = measure(self.recording)
        return self._figures

    def view(self) -> dict[str, object]:
        """What the table and the runner show; ``figures`` once it is over."""
        person, assigned, figures = self.person, self.assigned, self.figures()
        return {
            "sid": self.sid,
            "to": self.order.to,
            "script": assigned.script.name if assigned else None,
            "title": assigned.script.title if assigned else None,
            "pack": assigned.pack if assigned else None,
            "state": self.status.value,
            "seconds": self.seconds,
            "saying": person.said[-1].text if person and person.said else "",
            "bot_talking": bool(person and person.bot_talking and not self.status.terminal),
            "answered_by": self.answered_by,
            "dialled_on": self.dialled_on or None,
            "errors": {str(code): count for code, count in sorted(self.errors.items())},
            "notes": [*self.notes, *(person.notes if person else ())],
            "faults": list(assigned.script.faults.names()) if assigned else [],
            "figures": figures.as_json() if figures else None,
        }


def _rfc2822(moment: datetime | None) -> str | None:
    return format_datetime(moment) if moment else None
