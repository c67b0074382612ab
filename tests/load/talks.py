"""What is said in the bench, and the conversations it is said in."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select

from store.engine import SessionFactory
from store.models import Conversation, Owner, Taxpayer, Verification
from store.personas import by_key
from tests.support.stack import TODAY

SCRIPT: tuple[str, ...] = (
    "你好",
    "滞纳金是怎么算的",
    "我欠多少税",
    "取消",
    "五万块的税晚三十天，滞纳金是多少",
    "怎么缴税",
    "阿巴阿巴呱呱呱",
    "最晚什么时候缴",
    "取消",
    "欠税会影响信用吗",
    "逾期会被罚款吗",
    "我的滞纳金是多少",
    "取消",
    "你们是哪个单位的",
)
"""One round: a greeting, courtesies, four questions of law, an example on given numbers, a line of nonsense, and three
questions about one's own taxes. The verified get their bills and amounts, the others are asked who they are and
cancel the form. Two misunderstandings never follow each other, so nobody is handed to a human."""

PROBE: tuple[str, ...] = (
    "滞纳金是怎么算的",
    "五万块的税晚三十天，滞纳金是多少",
    "怎么缴税",
    "我的滞纳金是多少",
    "取消",
    "你好",
)
"""Said both as turns 3 to 8 and late in a conversation, so that only the length of the talk differs."""

_VERIFIED = ("overdue_company", "partly_paid", "two_bills", "not_due_company")


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation that is in the store: the REST route knows it by ``sender``, Rasa by ``id``."""

    id: uuid.UUID
    sender: str
    turn: int
    """Where in the script it begins."""

    def line(self, number: int) -> str:
        """The ``number``-th thing said, from 0."""
        return SCRIPT[(self.turn + number) % len(SCRIPT)]


async def open_talks(sessions: SessionFactory, count: int) -> list[Talk]:
    """``count`` new conversations at different places of the script; every second one is verified."""
    talks = [Talk(uuid.uuid4(), f"bench-{uuid.uuid4()}", 5 * number % len(SCRIPT)) for number in range(count)]
    now = datetime.combine(TODAY, time(8), ZoneInfo("Asia/Shanghai"))
    async with sessions() as session, session.begin():
        names = [by_key(key).name for key in _VERIFIED]
        found = await session.execute(select(Taxpayer.name, Taxpayer.id).where(Taxpayer.name.in_(names)))
        ids = {row.name: row.id for row in found}
        for number, talk in enumerate(talks):
            owner = ids[names[number // 2 % len(names)]] if number % 2 == 0 else None
            session.add(Conversation(id=talk.id, channel="rest", external_id=talk.sender, taxpayer_id=owner))
            await session.flush()
            if owner is not None:
                session.add(
                    Verification(
                        conversation_id=talk.id,
                        taxpayer_id=owner,
                        state="verified",
                        verified_at=now,
                        valid_until=now + timedelta(days=2),
                    )
                )
    return talks


async def left_the_bot(sessions: SessionFactory, talks: list[Talk]) -> int:
    """How many of the conversations the bot no longer answers; must be none for the figures to mean anything."""
    async with sessions() as session:
        gone = await session.scalars(
            select(Conversation.id).where(
                Conversation.id.in_([talk.id for talk in talks]), Conversation.owner != Owner.BOT
            )
        )
        return len(gone.all())
