"""What a thread is made of, and whose words are whose in a conversation that several people used."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that happened. ``at`` is aware; ``who`` did it; ``where``: which conversation, ``""`` for none."""

    at: datetime
    who: str
    where: str
    text: str


@dataclass(frozen=True, slots=True)
class Story:
    """A taxpayer's whole thread in order of time. ``left_out``: messages of somebody else in the same conversations."""

    taxpayer_id: uuid.UUID
    name: str
    identifier_mask: str
    region: str
    fictional: bool
    conversations: int
    calls: int
    left_out: int
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Proofs:
    """Who was proven when in one conversation (in order of time), and since when somebody else is said to speak."""

    proven: tuple[tuple[datetime, uuid.UUID], ...] = ()
    stranger_since: datetime | None = None

    def speaker(self, at: datetime) -> uuid.UUID | None:
        """Whose words of this instant are: who was proven last, else who was first; ``None`` for nobody known."""
        last = next(((when, who) for when, who in reversed(self.proven) if when <= at), None)
        stranger = self.stranger_since
        if stranger is not None and stranger < at and (last is None or last[0] <= stranger):
            return None
        if last is not None:
            return last[1]
        return self.proven[0][1] if self.proven else None


@dataclass(slots=True)
class Thread:
    """What all parts are read with, and what they find out for each other.

    ``names``: how a conversation is called on paper. ``staff``: name and login by id. ``spoken``: of a conversation
    with calls, the letters said on the telephone by ``bot`` and ``caller``. ``calls``
    and ``left_out`` as in :class:`Story`.
    """

    session: AsyncSession
    taxpayer_id: uuid.UUID
    names: Mapping[uuid.UUID, str]
    staff: Mapping[uuid.UUID, str]
    proofs: Mapping[uuid.UUID, Proofs]
    spoken: dict[uuid.UUID, dict[str, str]] = field(default_factory=dict)
    calls: int = 0
    left_out: int = 0

    def theirs(self, conversation_id: uuid.UUID, at: datetime, owner: uuid.UUID | None = None) -> bool:
        """Whether what happened then is the taxpayer's: of the recorded ``owner`` if there is one, else of who spoke.

        A conversation nobody was ever proven in is here because the bureau called them in it.
        """
        if owner is not None:
            return owner == self.taxpayer_id
        proofs = self.proofs[conversation_id]
        return not proofs.proven or proofs.speaker(at) == self.taxpayer_id

    def colleague(self, staff_id: uuid.UUID | None) -> str:
        """Who of the staff it was; 系统 for nobody."""
        return self.staff.get(staff_id, "工作人员") if staff_id is not None else "系统"
