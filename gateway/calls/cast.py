"""The fictional taxpayers as people who can be called through the stand-in carrier."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date
from itertools import cycle
from pathlib import Path

from store.demo import everybody, simply_overdue
from store.identity import CALL_DIGITS
from store.personas import PERSONAS
from store.phones import e164
from tax.identifiers import last_digits
from telephony.standin.cast import Member

_CROWD = (
    "pays", "no_answer", "pays", "short_of_cash", "pays", "busy", "pays", "pays", "voicemail", "pays",
    "no_answer", "pays", "family", "pays", "hangs_up", "pays", "short_of_cash", "no_answer", "pays", "rejects",
)  # fmt: skip
"""How those without a story of their own pick up, in turn: about three of four do."""
_OVERDUE = "overdue_company"
"""The story of those who simply have not paid: a script that calls this company may call them."""


def cast(today: date) -> tuple[Member, ...]:
    """Everybody the demonstration adds on this day."""
    crowd = cycle(_CROWD)
    stories = {persona.key for persona in PERSONAS}
    overdue = set(simply_overdue(today))
    return tuple(
        Member(
            persona.key,
            persona.name,
            e164(persona.phone),
            {
                "last4": last_digits(persona.identifier, CALL_DIGITS),
                "identifier": persona.identifier,
                "contact": persona.contact,
                "name": persona.name,
            },
            None if persona.key in stories else next(crowd),
            _OVERDUE if persona.key in overdue else None,
        )
        for persona in everybody(today)
    )


def write_cast(path: Path, today: date) -> None:
    """Write them as the stand-in reads them (``telephony.standin.cast``)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(member) for member in cast(today)], ensure_ascii=False))
