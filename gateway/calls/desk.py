"""What one call asks of the house: the dialogue, the proof of identity, callbacks, humans, the transcript."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from actions.callback import in_words, next_staffed, wanted_time
from actions.cases import open_case
from actions.core import Context, Entity, Services, Turn
from actions.handoff import open_ticket
from actions.talk import note_exclusion
from chat import threads
from chat.ports import DialogueUnavailable
from chat.turns import Turns
from gateway.calls.lines import redacted
from gateway.dialogue import RasaDialogue
from handoff.calls import newest, not_taken
from handoff.entry import Place
from handoff.moves import leave_queue
from handoff.office import hours
from handoff.reasons import Reason
from handoff.survey import rate
from handoff.thread import tell
from store import audit, call_lines, calls
from store.crypto import FieldCipher
from store.handoff_models import TicketStatus
from store.identity import CodeOutcome, enter_digits
from store.models import CaseKind, Conversation, Message, MessageState, Owner
from telephony.call.inputs import Choice, Reading, Reply, Standing, Verdict
from telephony.call.ports import DeskError, Line
from telephony.events import Outcome

_OPENING = "/call_opening"
_OPENING_SHOWN = "（电话提醒）"
_VERDICTS = {CodeOutcome.VERIFIED: Verdict.RIGHT, CodeOutcome.WRONG: Verdict.WRONG}
_REMEMBERED = frozenset({Outcome.COMPLETED, Outcome.CALLBACK, Outcome.HUMAN})
"""Outcomes after which the dialect is worth remembering: somebody spoke and was understood."""


@dataclass(frozen=True, slots=True)
class House:
    """What all desks share."""

    sessions: async_sessionmaker[AsyncSession]
    cipher: FieldCipher
    services: Services
    turns: Turns
    dialogue: RasaDialogue
    now: Callable[[], datetime]
    today: Callable[[], date]
    proof_life: timedelta


class CallDesk:
    """The desk of one call; see :class:`telephony.call.ports.Desk`."""

    def __init__(
        self,
        house: House,
        call_id: uuid.UUID,
        conversation_id: uuid.UUID,
        taxpayer_id: uuid.UUID | None,
        media_seconds: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._house = house
        self._call_id = call_id
        self._conversation_id = conversation_id
        self._taxpayer_id = taxpayer_id
        self._media_seconds = media_seconds

    async def understand(self, text: str) -> Reading:
        """Rasa's reading of the words."""
        parsed = await self._parsed(text)
        intent = parsed.get("intent") or {}
        return Reading(
            str(intent.get("name") or "nlu_fallback"),
            float(intent.get("confidence") or 0.0),
            {entity.kind: entity.value for entity in _entities(text, parsed) if not entity.negated},
        )

    async def foresee(self, text: str) -> None:
        """Has Rasa read the words: it remembers their vector, which is most of the time that reading takes."""
        await self._house.dialogue.foresee(text)

    async def open_matter(self) -> Reply:
        """Lets the dialogue begin with the reminder."""
        async with self._house.sessions() as session, session.begin():
            message = await threads.prompt(session, self._conversation_id, _OPENING, _OPENING_SHOWN)
        return (await self._replied(message))[0]

    async def answer(self, text: str) -> Reply:
        """The dialogue's answer, stored and guarded as in a chat."""
        house = self._house
        async with house.sessions() as session, session.begin():
            accepted = await threads.accept(
                session, house.cipher, self._conversation_id, text, None, house.today()
            )
        reply, owner = await self._replied(accepted.message)
        return replace(reply, queued=owner == Owner.QUEUE)

    async def _replied(self, message: Message) -> tuple[Reply, Owner]:
        """The answers, and who owns the conversation then; words that stand for an answer are written, not spoken."""
        reply = _reply(await self._house.turns.wait_for(message))
        async with self._house.sessions() as session:
            state, owner = (
                await session.execute(
                    select(Message.state, Conversation.owner)
                    .join(Conversation, Message.conversation_id == Conversation.id)
                    .where(Message.id == message.id)
                )
            ).one()
        if state == MessageState.FAILED:
            raise DeskError("not answered")
        return reply, Owner(owner)

    async def check_digits(self, digits: str) -> tuple[Verdict, int]:
        """Compares with the registered number; a call to nobody in particular proves nothing."""
        house = self._house
        if self._taxpayer_id is None:
            return Verdict.LOCKED, 0
        async with house.sessions() as session, session.begin():
            found = await enter_digits(
                session,
                house.cipher,
                conversation_id=self._conversation_id,
                taxpayer_id=self._taxpayer_id,
                digits=digits,
                now=house.now(),
                valid_for=house.proof_life,
            )
            await audit.record(
                session,
                actor="taxpayer",
                action=f"verification.{found.outcome.value}",
                subject=f"conversation:{self._conversation_id}",
                detail={"by": "call_digits", "call": str(self._call_id)},
            )
        return _VERDICTS.get(found.outcome, Verdict.LOCKED), found.left

    async def book(self, words: str) -> tuple[str, str]:
        """A callback case at the time named, within the hours somebody is there."""
        parsed = await self._parsed(words) if words else {}
        async with self._house.sessions() as session, session.begin():
            ctx = self._context(session, words, _entities(words, parsed))
            opening = await hours(session)
            at = wanted_time(ctx, opening) if words else next_staffed(ctx.now, opening)
            if not isinstance(at, datetime):
                return "", at or ""
            await open_case(
                ctx,
                CaseKind.CALLBACK,
                "请求回电",
                who=await ctx.who(),
                details={"phone": "called", "call": str(self._call_id)},
                due_at=at,
            )
            return in_words(at, ctx.today), ""

    async def exclude(self, kind: str) -> None:
        """Notes not to call again."""
        async with self._house.sessions() as session, session.begin():
            await note_exclusion(self._context(session, ""), kind)

    async def call_human(self, reason: str, words: str) -> None:
        """Opens a ticket; after despair no more is collected."""
        await self._open_ticket(reason, words)

    async def join_line(self, reason: str, words: str) -> Standing | None:
        """Opens a ticket, and says whether it is worth waiting for somebody."""
        place = await self._open_ticket(reason, words)
        if place.with_agent:
            return Standing(0, max(place.agents, 1), claimed=True)
        return Standing(place.ahead, place.agents, place.minutes) if place.agents else None

    async def leave_line(self, *, callback: bool) -> bool:
        """Closes the ticket, unless a human has it."""
        async with self._house.sessions() as session, session.begin():
            if await leave_queue(session, self._conversation_id, callback=callback):
                return True
            ticket = await newest(session, self._conversation_id)
            return ticket is None or ticket.status is not TicketStatus.ASSIGNED

    async def back_in_line(self) -> None:
        """Puts the ticket back into the queue."""
        async with self._house.sessions() as session, session.begin():
            ticket = await newest(session, self._conversation_id)
            if ticket is not None:
                await not_taken(session, ticket.ticket_id)

    async def rate(self, score: int) -> None:
        """Keeps the rating."""
        async with self._house.sessions() as session, session.begin():
            ticket = await newest(session, self._conversation_id)
            if ticket is not None:
                await rate(session, self._conversation_id, ticket.ticket_id, score, "", self._house.today())

    async def _open_ticket(self, reason: str, words: str) -> Place:
        async with self._house.sessions() as session, session.begin():
            ctx = self._context(session, words)
            place = await open_ticket(ctx, Reason(reason), redacted(words, ctx.today))
            if reason == Reason.DISTRESS:
                await session.execute(
                    update(Conversation)
                    .where(Conversation.id == self._conversation_id)
                    .values(collection_stopped=True)
                )
        return place

    async def line(self, line: Line) -> None:
        """Adds to the transcript, numbers taken out."""
        text = redacted(line.text, self._house.today())
        share = len(line.heard) / len(line.text) if line.speaker == "bot" and line.text else None
        async with self._house.sessions() as session, session.begin():
            await call_lines.add_line(
                session,
                self._call_id,
                call_lines.Line(
                    line.speaker, text, line.began_ms, line.ended_ms, share, line.confidence, line.pack
                ),
            )

    async def finish(self, outcome: Outcome, note: str, pack: str) -> None:
        """Stores the outcome, and the dialect for the next call."""
        house = self._house
        async with house.sessions() as session, session.begin():
            await calls.finish(
                session,
                self._call_id,
                outcome.value,
                note or None,
                now=house.now(),
                media_seconds=self._media_seconds(),
            )
            if pack and outcome in _REMEMBERED and self._taxpayer_id is not None:
                await calls.remember_pack(session, self._taxpayer_id, pack)
        async with house.sessions() as session, session.begin():
            ticket = await newest(session, self._conversation_id)
            if ticket is not None and ticket.status is not TicketStatus.CLOSED:
                await tell(session, self._conversation_id, "电话已经挂断。")

    async def _parsed(self, text: str) -> Mapping[str, Any]:
        try:
            return await self._house.dialogue.understand(text)
        except DialogueUnavailable as error:
            raise DeskError(str(error)) from error

    def _context(self, session: AsyncSession, text: str, entities: Sequence[Entity] = ()) -> Context:
        turn = Turn(
            self._conversation_id, text, "nlu_fallback", 0.0, (), tuple(entities), {}, None, phone=True
        )
        return Context(turn, session, self._house.services, self._house.now(), self._house.today())


def _entities(text: str, parsed: Mapping[str, Any]) -> tuple[Entity, ...]:
    return tuple(
        Entity(
            str(e["entity"]),
            e.get("value"),
            text[e.get("start", 0) : e.get("end", 0)],
            bool(e.get("negated")),
            bool(e.get("invalid")),
        )
        for e in parsed.get("entities") or ()
    )


def _reply(messages: Sequence[Message]) -> Reply:
    cue: Mapping[str, Any] = next((m.payload["cue"] for m in messages if m.payload.get("cue")), {})
    buttons = next((m.payload["buttons"] for m in reversed(messages) if m.payload.get("buttons")), ())
    return Reply(
        tuple(m.text for m in messages),
        tuple(Choice(str(b["title"]), str(b["payload"])) for b in buttons),
        cue.get("asks"),
        str(cue.get("action") or ""),
        str(cue.get("intent") or ""),
    )
