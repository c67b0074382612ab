"""Anger that grows over the talk brings a human: once, with the right urgency, and never over the head of another wish."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher
from sqlalchemy import select

from actions.core import Capability, Services, Turn
from actions.registry import CAPABILITIES, build_executor
from actions.upset import soothe
from handoff.entry import enter
from handoff.moves import leave_queue
from handoff.reasons import Reason
from kb.embed import HashingEmbedder
from kb.search import KnowledgeBase
from store.handoff_models import HandoffTicket
from store.models import Conversation, Owner
from tests.actions.conftest import CODE_LIFE, PROOF_LIFE, SHANGHAI, Door
from tests.chat.database import CIPHER

pytestmark = pytest.mark.unit

OPEN = datetime(2026, 11, 23, 10, 0, tzinfo=SHANGHAI)
SHUT = datetime(2026, 11, 22, 10, 0, tzinfo=SHANGHAI)
"""The Sunday before."""
ANGRY = ("怎么又是这句，烦死了", "你们到底能不能查，气死我了")


@pytest.fixture(scope="module")
def kb(tmp_path_factory: pytest.TempPathFactory) -> KnowledgeBase:
    cache: Path = tmp_path_factory.mktemp("vectors")
    return KnowledgeBase.load(embedder=HashingEmbedder(), cache_dir=cache)


@pytest.fixture
def plain(door: Door, kb: KnowledgeBase) -> Services:
    """As the gateway hands them to the registry."""
    door.now = OPEN
    return Services(
        sessions=door.sessions,
        cipher=CIPHER,
        kb=kb,
        now=lambda: door.now,
        today=lambda: door.today,
        code_life=CODE_LIFE,
        proof_life=PROOF_LIFE,
        document_link=lambda application: f"/chat/documents/{application}.pdf",
    )


@pytest.fixture
def services(plain: Services) -> Services:
    return replace(plain, soothe=soothe)


def tracker(
    conversation: uuid.UUID,
    said: Sequence[str],
    intent: str = "ask_how_to_pay",
    form: str | None = None,
    after: Sequence[dict[str, Any]] = (),
    minutes_between: float = 1.0,
) -> Tracker:
    """The dialogue's memory after ``said``; ``after``: what happened since the last words."""
    now = time.time()
    events: list[dict[str, Any]] = []
    for back, text in zip(range(len(said) - 1, -1, -1), said, strict=True):
        events.append({"event": "user", "text": text, "timestamp": now - back * 60 * minutes_between})
        events.append({"event": "bot", "text": "好的", "timestamp": now - back * 60 * minutes_between})
    latest = {"text": said[-1], "intent": {"name": intent, "confidence": 0.9}, "entities": []}
    loop = {"name": form} if form else {}
    return Tracker(str(conversation), {}, latest, [*events, *after], False, None, loop, "action_listen")


async def said(
    services: Services, conversation: uuid.UUID, *texts: str, name: str = "action_answer", **more: Any
) -> list[str]:
    """What one action answers to the last of ``texts``."""
    capability: type[Capability] = next(c for c in CAPABILITIES if c.action_name == name)
    dispatcher = CollectingDispatcher()
    await capability(services).run(dispatcher, tracker(conversation, texts, **more), {})
    return [str(m.get("text") or "") for m in dispatcher.messages]


async def tickets(door: Door, conversation: uuid.UUID) -> list[HandoffTicket]:
    async with door.sessions() as session:
        found = await session.scalars(
            select(HandoffTicket)
            .where(HandoffTicket.conversation_id == conversation)
            .order_by(HandoffTicket.created_at)
        )
        return list(found.all())


async def owner(door: Door, conversation: uuid.UUID) -> Owner:
    async with door.sessions() as session:
        return Owner((await session.get_one(Conversation, conversation)).owner)


async def wait_for(door: Door, conversation: uuid.UUID, reason: Reason) -> None:
    async with door.sessions() as session, session.begin():
        await enter(
            session, conversation_id=conversation, who=None, reason=reason, trigger="转人工", now=door.now
        )


async def test_growing_anger_opens_a_ticket_first_and_is_answered_all_the_same(
    services: Services, door: Door
) -> None:
    talk = await door.conversation()
    answers = await said(services, talk, *ANGRY)
    assert "对不起" in answers[0] and "请人工来帮您" in answers[0]
    assert len(answers) > 1
    (ticket,) = await tickets(door, talk)
    assert (ticket.reason, ticket.skill, ticket.priority) == ("upset", "general", 2)
    assert ticket.number in answers[0] and ticket.trigger_text == ANGRY[-1]
    assert await owner(door, talk) is Owner.QUEUE


async def test_outside_office_hours_the_bot_keeps_the_talk_and_says_so(
    services: Services, door: Door
) -> None:
    door.now = SHUT
    talk = await door.conversation()
    answers = await said(services, talk, *ANGRY)
    assert "不在人工服务时间" in answers[0]
    assert await owner(door, talk) is Owner.BOT


@pytest.mark.parametrize(
    "texts",
    [
        ("滞纳金怎么算", "气死我了"),
        ("滞纳金怎么算", "怎么缴税"),
        ("气死我了，你们这群废物", "烦死了"),
        ("/call_opening", "气死我了"),
    ],
)
async def test_one_outburst_or_anger_that_passes_calls_nobody(
    services: Services, door: Door, texts: tuple[str, ...]
) -> None:
    talk = await door.conversation()
    assert not any("对不起" in text for text in await said(services, talk, *texts))
    assert await tickets(door, talk) == []


async def test_anger_of_hours_ago_is_forgotten(services: Services, door: Door) -> None:
    talk = await door.conversation()
    await said(services, talk, *ANGRY, minutes_between=61)
    assert await tickets(door, talk) == []


async def test_nobody_is_told_twice(services: Services, door: Door) -> None:
    talk = await door.conversation()
    await said(services, talk, *ANGRY)
    again = await said(services, talk, *ANGRY, "气死我了，一群饭桶")
    assert not any("让您着急了" in text for text in again)
    assert len(await tickets(door, talk)) == 1


async def test_who_left_the_line_is_not_put_back_into_it(services: Services, door: Door) -> None:
    talk = await door.conversation()
    await wait_for(door, talk, Reason.ASKED)
    async with door.sessions() as session, session.begin():
        assert await leave_queue(session, talk)
    assert not any("让您着急了" in text for text in await said(services, talk, *ANGRY))
    assert len(await tickets(door, talk)) == 1


async def test_who_waits_already_becomes_more_urgent_and_hears_their_place(
    services: Services, door: Door
) -> None:
    talk = await door.conversation()
    await wait_for(door, talk, Reason.ASKED)
    answers = await said(services, talk, *ANGRY)
    assert "优先" in answers[0] and "已经在排队" in answers[0]
    (ticket,) = await tickets(door, talk)
    assert (ticket.reason, ticket.priority) == ("upset", 2)


async def test_a_ticket_that_has_its_people_keeps_them(services: Services, door: Door) -> None:
    talk = await door.conversation()
    await wait_for(door, talk, Reason.DISPUTE)
    await said(services, talk, *ANGRY)
    (ticket,) = await tickets(door, talk)
    assert (ticket.skill, ticket.priority) == ("dispute", 2)


async def test_an_urgent_general_ticket_gets_the_people_the_matter_turns_out_to_need(
    services: Services, door: Door
) -> None:
    talk = await door.conversation()
    await said(services, talk, *ANGRY)
    await wait_for(door, talk, Reason.DISPUTE)
    (ticket,) = await tickets(door, talk)
    assert (ticket.reason, ticket.skill, ticket.priority) == ("dispute", "dispute", 2)


@pytest.mark.parametrize("reason", [Reason.COMPLAINT, Reason.DISTRESS])
async def test_the_most_urgent_stay_as_they_are(services: Services, door: Door, reason: Reason) -> None:
    talk = await door.conversation()
    await wait_for(door, talk, reason)
    assert not any("让您着急了" in text for text in await said(services, talk, *ANGRY))
    (ticket,) = await tickets(door, talk)
    assert (ticket.reason, ticket.priority) == (reason.value, 1)


@pytest.mark.parametrize(
    ("name", "intent"),
    [("action_opt_out", "opt_out"), ("action_wrong_person", "wrong_person"), ("action_busy", "busy_now")],
)
async def test_who_wants_to_be_left_alone_is_left_alone(
    services: Services, door: Door, name: str, intent: str
) -> None:
    talk = await door.conversation()
    await said(
        services, talk, "都说了打错了，烦死了", "你打错了，别再打电话了，气死我了", name=name, intent=intent
    )
    assert await tickets(door, talk) == []


async def test_who_asks_for_a_human_in_growing_anger_is_urgent_and_told_once(
    services: Services, door: Door
) -> None:
    talk = await door.conversation()
    answers = await said(
        services, talk, ANGRY[0], "废物机器人，给我转人工", name="action_human", intent="request_human"
    )
    assert len(answers) == 1
    (ticket,) = await tickets(door, talk)
    assert (ticket.reason, ticket.priority) == ("upset", 2)


async def test_what_is_on_the_list_goes_to_its_own_people(services: Services, door: Door) -> None:
    talk = await door.conversation()
    angry = "气死我了，我的账户已经被你们冻结了"
    answers = await said(services, talk, ANGRY[0], angry, intent="ask_enforcement")
    assert not any("让您着急了" in text for text in answers)
    (ticket,) = await tickets(door, talk)
    assert (ticket.reason, ticket.skill) == ("enforcement", "enforcement")


@pytest.mark.parametrize("form", ["complaint_form", "dispute_form"])
async def test_a_form_that_ends_with_a_human_calls_none_before(
    services: Services, door: Door, form: str
) -> None:
    talk = await door.conversation()
    await said(services, talk, *ANGRY, name=f"validate_{form}", intent="inform", form=form)
    assert await tickets(door, talk) == []


async def test_a_calm_turn_asks_the_database_nothing_more(services: Services, door: Door) -> None:
    async def never(ctx: Any) -> Any:
        raise AssertionError("nobody is angry")

    talk = await door.conversation()
    await said(replace(services, soothe=never), talk, "滞纳金怎么算", "麻烦您再说一遍")


async def test_every_registered_action_attends_to_anger(plain: Services, door: Door) -> None:
    talk = await door.conversation()
    executor = build_executor(plain)
    call = {
        "next_action": "action_answer",
        "sender_id": str(talk),
        "tracker": tracker(talk, ANGRY).current_state() | {"sender_id": str(talk)},
        "domain": {},
    }
    result = await executor.run(call)  # type: ignore[arg-type]
    assert result is not None and "请人工来帮您" in result.responses[0]["text"]


@pytest.mark.parametrize(
    ("after", "fresh", "unanswered"),
    [
        ((), True, True),
        (({"event": "action_execution_rejected", "name": "deferral_form"},), False, True),
        (({"event": "action", "name": "deferral_form"},), True, True),
        (
            ({"event": "action_execution_rejected"}, {"event": "action", "name": "action_answer"}),
            False,
            False,
        ),
    ],
)
def test_words_a_form_left_to_others_are_still_to_be_answered(
    after: tuple[dict[str, Any], ...], fresh: bool, unanswered: bool
) -> None:
    turn = Turn.from_tracker(tracker(uuid.uuid4(), ("会不会坐牢",), form="deferral_form", after=after))
    assert (turn.fresh, turn.unanswered) == (fresh, unanswered)


def test_only_the_last_words_are_heard_and_no_steps_of_our_own() -> None:
    turn = Turn.from_tracker(tracker(uuid.uuid4(), ("一", "二", "三", "/call_opening", "四")))
    assert turn.heard == ("二", "三", "四")
    assert Turn.from_tracker(tracker(uuid.uuid4(), ("一", "/greet"))).ordered
