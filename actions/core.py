"""What every action shares: the turn it answers, the reply it gives, the services it may use."""

from __future__ import annotations

import asyncio
import uuid
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, ClassVar

from rasa_sdk import Action, Tracker
from rasa_sdk.events import FollowupAction
from rasa_sdk.executor import CollectingDispatcher
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from actions.doubts import note_doubt
from actions.facts import Fact
from actions.mood import LOOKED_BACK, getting_worse
from kb.search import KnowledgeBase, SearchResult
from store.crypto import FieldCipher
from store.identity import VerifiedTaxpayer, proof
from store.models import Conversation

Event = dict[str, Any]
ACTION_LISTEN = "action_listen"
PHONE = "phone"
"""The channel of calls."""
_REMEMBERED_S = 3600
"""Seconds after which what was said before no longer counts towards the mood."""


async def _nothing(ctx: Context) -> Reply:
    """Where nobody attends to anger."""
    return Reply()


@dataclass(frozen=True, slots=True)
class Services:
    """What actions may use; built once by the gateway, replaced by twins in tests."""

    sessions: async_sessionmaker[AsyncSession]
    cipher: FieldCipher
    kb: KnowledgeBase
    now: Callable[[], datetime]
    """The present instant, timezone-aware."""
    today: Callable[[], date]
    """The present day in Asia/Shanghai."""
    code_life: timedelta
    proof_life: timedelta
    document_link: Callable[[uuid.UUID], str]
    """Address of the printable application, good for the conversation's taxpayer only."""
    soothe: Callable[[Context], Awaitable[Reply]] = _nothing
    """What is said first to somebody who sounds more and more angry."""

    async def search(self, question: str) -> SearchResult:
        """Search the knowledge base off the event loop: sentence vectors cost tens of milliseconds."""
        return await asyncio.to_thread(self.kb.search, question)


@dataclass(frozen=True, slots=True)
class Entity:
    """One thing found in the text, normalised by ``bot.parsing``."""

    kind: str
    value: Any
    text: str
    negated: bool = False
    invalid: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """What the taxpayer just said and where the talk stands."""

    conversation_id: uuid.UUID
    text: str
    intent: str
    confidence: float
    intents: tuple[str, ...]
    entities: tuple[Entity, ...]
    slots: Mapping[str, Any]
    active_loop: str | None
    message_id: int | None = None
    """Which stored message this turn answers."""
    ranking: tuple[tuple[str, float], ...] = ()
    """All readings with their probability, likeliest first."""
    phone: bool = False
    """Whether they were spoken in a call: the answer is heard, not read."""
    fresh: bool = True
    """Whether these words have not been acted on yet; false when a form is come back to within the same turn."""
    unanswered: bool = True
    """Whether no action has answered these words yet; a form that left them to others is none."""
    heard: tuple[str, ...] = ()
    """The last things the taxpayer said, oldest first, this one included."""

    @property
    def ordered(self) -> bool:
        """Whether this is a step of our own (``/call_opening``) and nothing anybody said."""
        return self.text.startswith("/")

    @classmethod
    def from_tracker(cls, tracker: Tracker) -> Turn:
        """Read a turn from Rasa's tracker."""
        latest = tracker.latest_message or {}
        intent = latest.get("intent") or {}
        text = str(latest.get("text") or "")
        found = tuple(
            Entity(
                kind=str(e["entity"]),
                value=e.get("value"),
                text=text[e.get("start", 0) : e.get("end", 0)],
                negated=bool(e.get("negated")),
                invalid=bool(e.get("invalid")),
            )
            for e in latest.get("entities") or ()
        )
        name = str(intent.get("name") or "nlu_fallback")
        several = tuple(str(i["name"]) for i in latest.get("intents") or () if i.get("name"))
        loop = (tracker.active_loop or {}).get("name")
        return cls(
            conversation_id=uuid.UUID(tracker.sender_id),
            text=text,
            intent=name,
            confidence=float(intent.get("confidence") or 0.0),
            intents=several or (name,),
            entities=found,
            slots=dict(tracker.slots),
            active_loop=str(loop) if loop else None,
            message_id=_message_id(latest.get("metadata")),
            ranking=tuple(
                (str(i["name"]), float(i.get("confidence") or 0.0))
                for i in latest.get("intent_ranking") or ()
                if i.get("name")
            ),
            phone=_of(latest.get("metadata"), "channel") == PHONE,
            fresh=_is_fresh(tracker.events, str(loop) if loop else None),
            unanswered=_is_unanswered(tracker.events, str(loop) if loop else None),
            heard=_heard(tracker.events, text),
        )

    def all(self, kind: str) -> tuple[Entity, ...]:
        """Entities of one kind, negated ones left out."""
        return tuple(e for e in self.entities if e.kind == kind and not e.negated)

    def first(self, kind: str) -> Any:
        """Value of the first entity of a kind, or ``None``."""
        found = self.all(kind)
        return found[0].value if found else None

    def slot(self, name: str) -> Any:
        """Slot value or ``None``."""
        return self.slots.get(name)


def _of(metadata: Any, name: str) -> Any:
    return metadata.get(name) if isinstance(metadata, dict) else None


def _message_id(metadata: Any) -> int | None:
    given = _of(metadata, "message_id")
    return int(given) if isinstance(given, str) and given.isdigit() else None


def _is_fresh(events: Sequence[Event], form: str | None) -> bool:
    """Whether nothing but the form itself has run since the taxpayer spoke.

    Rasa asks a form's validation action again when it comes back to the form after another action.
    """
    for event in reversed(events):
        if event["event"] == "user":
            return True
        if event["event"] == "action_execution_rejected":
            return False
        if event["event"] == "action" and event.get("name") != form:
            return False
    return True


def _is_unanswered(events: Sequence[Event], form: str | None) -> bool:
    for event in reversed(events):
        if event["event"] == "user":
            return True
        if event["event"] == "action" and event.get("name") != form:
            return False
    return True


def _heard(events: Sequence[Event], text: str) -> tuple[str, ...]:
    """``text`` and what was said shortly before it; steps of our own are not heard."""
    said = [e for e in events if e["event"] == "user"]
    now = float(said[-1].get("timestamp") or 0.0) if said else 0.0
    earlier = [
        str(e["text"])
        for e in said[:-1]
        if e.get("text") and now - float(e.get("timestamp") or 0.0) <= _REMEMBERED_S
    ]
    return tuple(words for words in (*earlier, text) if not words.startswith("/"))[-LOOKED_BACK:]


@dataclass(frozen=True, slots=True)
class Button:
    """A quick reply: what is shown and what is said when it is pressed (always plain words)."""

    title: str
    says: str

    @classmethod
    def same(cls, words: str) -> Button:
        """A button that says its own title."""
        return cls(words, words)


@dataclass(frozen=True, slots=True)
class Bubble:
    """One message to the taxpayer. Every amount in ``text`` must follow from one of ``facts``.

    ``response`` names a text kept in ``domain.yml``, for words that need nothing filled in.
    """

    text: str = ""
    buttons: tuple[Button, ...] = ()
    custom: Mapping[str, Any] | None = None
    facts: tuple[Fact, ...] = ()
    response: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """Messages and Rasa events of one action."""

    bubbles: tuple[Bubble, ...] = ()
    events: tuple[Event, ...] = ()

    @classmethod
    def say(
        cls,
        text: str,
        *,
        buttons: Sequence[Button] = (),
        facts: Sequence[Fact] = (),
        custom: Mapping[str, Any] | None = None,
        events: Sequence[Event] = (),
    ) -> Reply:
        """A reply of one message."""
        return cls((Bubble(text, tuple(buttons), custom, tuple(facts)),), tuple(events))

    def then(self, *events: Event) -> Reply:
        """The same messages with more events."""
        return Reply(self.bubbles, (*self.events, *events))

    def __add__(self, other: Reply) -> Reply:
        return Reply(self.bubbles + other.bubbles, self.events + other.events)


@dataclass(slots=True)
class Context:
    """One action's run: the turn, the open transaction, the services."""

    turn: Turn
    session: AsyncSession
    services: Services
    now: datetime
    today: date
    _who: VerifiedTaxpayer | None = field(default=None)
    _asked: bool = field(default=False)

    def number(self, label: str, number: str, end: str = "，") -> str:
        """The number of a paper with what stands around it; nothing in a call, where nobody can keep it in mind."""
        return "" if self.turn.phone else f"{label}{number}{end}"

    async def who(self) -> VerifiedTaxpayer | None:
        """The proof of identity of this conversation, looked up in the store (never in a slot)."""
        if not self._asked:
            self._who = await proof(self.session, self.turn.conversation_id, self.now)
            self._asked = True
        return self._who


class Capability(Action):
    """Base of all actions: one transaction, a reply, nothing shared between runs.

    After its reply an action says what comes next: the next action it names itself, else the form that was being
    filled (so that a question asked in between leads back to it), else waiting for the taxpayer.
    """

    action_name: ClassVar[str]
    understood: ClassVar[bool] = True
    """Whether running this action means the taxpayer was understood."""

    def __init__(self, services: Services) -> None:
        self.services = services

    def name(self) -> str:
        """Name in ``domain.yml``."""
        return self.action_name

    @abstractmethod
    async def handle(self, ctx: Context) -> Reply:
        """Answer one turn."""

    async def reply(self, ctx: Context) -> Reply:
        """What is said to this turn; :meth:`handle` unless something comes first."""
        return await self.handle(ctx)

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[Event]:
        """Rasa's entry point."""
        turn = Turn.from_tracker(tracker)
        async with self.services.sessions() as session, session.begin():
            ctx = Context(turn, session, self.services, self.services.now(), self.services.today())
            await note_doubt(ctx)
            angry = turn.fresh and not turn.ordered and getting_worse(turn.heard)
            first = await self.services.soothe(ctx) if angry else Reply()
            reply = first + await self.reply(ctx)
            if self.understood and turn.fresh:
                await session.execute(
                    update(Conversation)
                    .where(Conversation.id == turn.conversation_id, Conversation.misunderstandings > 0)
                    .values(misunderstandings=0)
                )
        acted = {"action": self.name(), "intent": turn.intent} if turn.phone else {}
        for bubble in reply.bubbles:
            if bubble.response:
                dispatcher.utter_message(response=bubble.response)
                if acted:
                    dispatcher.utter_message(json_message=acted)
                continue
            dispatcher.utter_message(
                text=bubble.text,
                buttons=[{"title": b.title, "payload": b.says} for b in bubble.buttons],
                json_message={
                    **({"show": dict(bubble.custom)} if bubble.custom else {}),
                    "facts": [fact.to_wire() for fact in bubble.facts],
                    **acted,
                },
            )
        return [*reply.events, *self.next_event(turn, reply)]

    def next_event(self, turn: Turn, reply: Reply) -> list[Event]:
        """The follow-up that brings the talk back to where it was."""
        if any(event["event"] == "followup" for event in reply.events):
            return []
        left_form = any(event["event"] == "active_loop" for event in reply.events)
        back_to = turn.active_loop if turn.active_loop and not left_form else ACTION_LISTEN
        return [FollowupAction(back_to)]
