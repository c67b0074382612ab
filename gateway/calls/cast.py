"""The fictional taxpayers as people who can be called through the stand-in carrier."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date
from pathlib import Path

from store.demo import everybody
from store.identity import CALL_DIGITS
from store.phones import e164
from tax.identifiers import last_digits
from telephony.standin.cast import Member


def cast(today: date) -> tuple[Member, ...]:
    """Everybody the demonstration adds on this day."""
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
        )
        for persona in everybody(today)
    )


def write_cast(path: Path, today: date) -> None:
    """Write them as the stand-in reads them (``telephony.standin.cast``)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(member) for member in cast(today)], ensure_ascii=False))
