"""What a human reads first: why, who, and what was last said, in the taxpayer's own words."""

from __future__ import annotations

import uuid

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from store.identity import VerifiedTaxpayer
from store.models import Message

QUOTED = 3
LONGEST = 60
_WORDS = "[一-龥]{2}"
"""A code or a number alone tells a human nothing, and a code is nobody else's business."""


async def summarize(
    session: AsyncSession, conversation_id: uuid.UUID, label: str, who: VerifiedTaxpayer | None
) -> str:
    """Two or three sentences; numbers were taken out of the messages when they came in."""
    proven = f"已核实：{who.name}（{who.region}）。" if who else "未核实身份。"
    said = (
        await session.scalars(
            select(Message.text)
            .where(
                Message.conversation_id == conversation_id,
                Message.sender == "taxpayer",
                Message.text.regexp_match(_WORDS),
            )
            .order_by(Message.id.desc())
            .limit(QUOTED)
        )
    ).all()
    quoted = "".join(f"「{_cut(text)}」" for text in reversed(said))
    return f"{label}。{proven}" + (f"最近说：{quoted}" if quoted else "")


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"
