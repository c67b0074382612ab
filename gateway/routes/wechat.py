"""Where WeChat's servers call: ``GET /wechat`` proves that the address is ours, ``POST /wechat`` brings what followers do.

WeChat waits five seconds for a reply and asks up to three times, so a message has a key by which it is taken once. Where
the bot is slower, or a human answers, the words go out later by ``outreach.wechat_outbox``.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from datetime import datetime
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from actions.talk import GREETING, MENU
from chat import threads
from chat.incoming import BadMessage, clean
from chat.wechat.envelope import Envelope, Forged
from chat.wechat.fields import Malformed
from chat.wechat.incoming import Followed, Heard, Left, Reported, Unreadable, Words, heard
from chat.wechat.reply import NOTHING, text_reply
from gateway.parts import Parts, PartsDep
from gateway.routes.window import TOO_FAST
from handoff.survey import NoSurvey, rate
from outreach import wechat_users
from outreach.wechat_handover import take_reply, thread_of
from outreach.wechat_users import CHANNEL
from outreach.wechat_words import SCORES, number_in, offer_of
from store.models import Message, MessageState, Owner

router = APIRouter()
log = structlog.get_logger("gateway.wechat")
BODY_LIMIT = 64 * 1024
ANSWER_WITHIN_S = 4.4
"""How long the bot is waited for; the rest of WeChat's five seconds is for the way back."""
ONLY_TEXT = (
    "收到您发的{kind}了，不过我在微信里只看得懂文字。请打字告诉我；材料请到税务局网页的对话窗口里上传。"
)
NOT_SHOWN = "〔发来{kind}，微信里没有收下〕"
THANKS = "谢谢您的评价！"


def _envelope(parts: PartsDep) -> Envelope:
    account = parts.settings.wechat
    if account is None:
        raise HTTPException(404)
    return Envelope(account.app_id, account.token, account.aes_key)


EnvelopeDep = Annotated[Envelope, Depends(_envelope)]


@router.get("/wechat")
async def prove(
    request: Request, parts: PartsDep, envelope: EnvelopeDep, echostr: Annotated[str, Query(max_length=200)]
) -> Response:
    """Say back what WeChat sends when somebody enters our address on its platform."""
    try:
        envelope.check(request.query_params, parts.clock.unix())
    except Forged:
        raise HTTPException(403) from None
    return Response(echostr, media_type="text/plain")


@router.post("/wechat")
async def post(request: Request, parts: PartsDep, envelope: EnvelopeDep) -> Response:
    """Take a message or an event; answers with XML, or ``success`` where there is nothing to say now."""
    until = asyncio.get_running_loop().time() + ANSWER_WITHIN_S
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > BODY_LIMIT:
            raise HTTPException(413)
    try:
        told = heard(envelope.open(request.query_params, bytes(body), parts.clock.unix()))
    except Forged:
        log.warning("wechat_forged")
        raise HTTPException(403) from None
    except Malformed:
        log.warning("wechat_malformed")
        raise HTTPException(400) from None
    words = await _answer(parts, told, until)
    if told is None or not words:
        return Response(NOTHING, media_type="text/plain")
    now = parts.clock.unix()
    return Response(envelope.seal(text_reply(told.ends, words, now), now), media_type="application/xml")


async def _answer(parts: Parts, told: Heard, until: float) -> str:
    """What to reply at once; empty: nothing."""
    match told:
        case Words():
            return await _said(parts, told, until)
        case Unreadable():
            return await _unreadable(parts, told)
        case Followed():
            return await _greeted(parts, told)
        case Left(ends):
            async with parts.sessions() as session, session.begin():
                await wechat_users.left(session, ends.openid)
            return ""
        case Reported(ends, message_id, problem):
            async with parts.sessions() as session, session.begin():
                known = await wechat_users.template_reported(
                    session, ends.openid, message_id, problem, parts.clock.now()
                )
            if not known:
                log.warning("wechat_report_unknown")
            return ""
        case None:
            return ""


async def _said(parts: Parts, words: Words, until: float) -> str:
    openid = words.ends.openid
    if not parts.message_rate.allow(f"{CHANNEL}:{openid}"):
        parts.metrics.refused("rate")
        return TOO_FAST
    try:
        text = clean(words.text, parts.settings.max_message_chars)
    except BadMessage as error:
        parts.metrics.refused(error.code)
        return str(error)
    async with parts.sessions() as session, session.begin():
        conversation = await threads.by_external(session, CHANNEL, openid)
        since = await wechat_users.met(session, openid, conversation.id, spoke=True)
        number = number_in(text)
        if number is not None and conversation.owner != Owner.AGENT:
            offer = offer_of(await thread_of(session, conversation.id))
            if offer.ticket is not None and number in SCORES:
                with contextlib.suppress(NoSurvey, ValueError):
                    await rate(
                        session, conversation.id, uuid.UUID(offer.ticket), number, "", parts.clock.today()
                    )
                    return THANKS
            if 0 < number <= len(offer.choices):
                text = offer.choices[number - 1].says
        accepted = await threads.accept(
            session, parts.cipher, conversation.id, text, words.key, parts.clock.today()
        )
    if accepted.message.state == MessageState.PENDING:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                await parts.turns.wait_for(accepted.message)
    return await _reply(parts, openid, accepted.message.id, since)


async def _unreadable(parts: Parts, sent: Unreadable) -> str:
    """Say that only text is read; a human who has the conversation is shown that something came."""
    openid = sent.ends.openid
    async with parts.sessions() as session, session.begin():
        conversation = await threads.by_external(session, CHANNEL, openid)
        await wechat_users.met(session, openid, conversation.id, spoke=True)
        if conversation.owner == Owner.AGENT:
            note = NOT_SHOWN.format(kind=sent.kind)
            await threads.accept(session, parts.cipher, conversation.id, note, sent.key, parts.clock.today())
    parts.turns.wake(conversation.id)
    return ONLY_TEXT.format(kind=sent.kind)


async def _greeted(parts: Parts, followed: Followed) -> str:
    openid = followed.ends.openid
    async with parts.sessions() as session, session.begin():
        conversation = await threads.by_external(session, CHANNEL, openid)
        since = await wechat_users.met(session, openid, conversation.id, spoke=False)
        await session.execute(
            insert(Message)
            .values(
                conversation_id=conversation.id,
                sender="bot",
                client_id=followed.key,
                text=GREETING,
                payload={"buttons": [{"title": b.title, "payload": b.says} for b in MENU]},
            )
            .on_conflict_do_nothing(index_elements=["conversation_id", "client_id"])
        )
        greeting = await session.scalars(
            select(Message.id).where(
                Message.conversation_id == conversation.id, Message.client_id == followed.key
            )
        )
        greeting_id = greeting.one()
    return await _reply(parts, openid, greeting_id, since)


async def _reply(parts: Parts, openid: str, answers: int, since: datetime) -> str:
    async with parts.sessions() as session, session.begin():
        return await take_reply(session, parts.cipher, openid, answers, since, parts.clock.now())
