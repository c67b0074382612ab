"""The widget's side: sessions, the WebSocket, uploads, printable applications, and its files."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, HTTPException, Query, Request, Response, WebSocket
from fastapi.websockets import WebSocketDisconnect
from pydantic import BaseModel, Field
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import selectinload
from starlette.datastructures import UploadFile as StarletteUpload
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect

from actions.documents.deferral_pdf import ApplicationSheet, render
from actions.talk import GREETING, MENU
from chat import threads
from chat.incoming import BadMessage, clean
from chat.ports import Answer
from chat.redaction import redact
from chat.uploads import MAX_FILES, Stored, UploadRefused
from gateway.parts import Parts, PartsDep, address
from gateway.routes.frames import receive_object
from gateway.routes.window import FRAME_LIMIT, TOO_FAST, Window, after, greeted
from handoff import survey
from handoff.decisions import material_came
from handoff.thread import taxpayer_spoke
from store.feedback import vote
from store.models import Bill, DeferralApplication, DeferralMaterial
from tax.deferral import Ground, Status

router = APIRouter()
FORM_OVERHEAD = 64 * 1024
"""Bytes a multipart form may add to its file."""
HELLO_TIMEOUT_S = 15
HELLO = Answer(GREETING, tuple({"title": b.title, "payload": b.says} for b in MENU))
"""The first words of a new conversation, before anybody asks."""
SESSION_BUSY = "现在访问的人比较多，请过一分钟再试。"
RATED = "谢谢您的评价。"
REVIEWED = "谢谢您告诉我们，这次服务会有专人复查。"


def _token(authorization: str | None) -> str | None:
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


@router.post("/chat/sessions")
async def open_session(
    parts: PartsDep,
    response: Response,
    request: Request,
    authorization: Annotated[str | None, Header()] = None,
) -> dict[str, Any]:
    """A session token: the given one if it is known, else a new one."""
    if not parts.session_rate.allow(address(request)):
        raise HTTPException(429, SESSION_BUSY)
    async with parts.sessions() as session, session.begin():
        token, _, resumed = await threads.open_session(session, _token(authorization), HELLO)
    response.headers["Cache-Control"] = "no-store"
    return {"token": token, "resumed": resumed}


@router.websocket("/chat/ws")
async def talk(socket: WebSocket) -> None:
    """One open widget. The token comes in the first frame, so that it stands in no log."""
    parts: Parts = socket.app.state.parts
    await socket.accept()
    try:
        async with asyncio.timeout(HELLO_TIMEOUT_S):
            hello = await receive_object(socket, FRAME_LIMIT)
        conversation = await greeted(parts, hello)
        if conversation is None:
            await socket.send_json({"type": "error", "code": "auth", "text": "会话已失效，请重新开始。"})
            await socket.close(4401)
            return
        await Window(parts, socket, conversation.id).serve(conversation.owner, after(hello))
    except (TimeoutError, WebSocketDisconnect, RuntimeError):
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            await socket.close()


@router.post("/chat/uploads", status_code=201)
async def upload(
    parts: PartsDep, request: Request, authorization: Annotated[str | None, Header()] = None
) -> dict[str, Any]:
    """Take one material; it belongs to the application this conversation submits next.

    Who sends it and how long it says it is are looked at before any of its bytes are read.
    """
    token = _token(authorization)
    async with parts.sessions() as session:
        conversation = await threads.by_token(session, token) if token else None
        if conversation is None:
            raise HTTPException(401, "会话已失效，请刷新页面再传。")
        if not parts.message_rate.allow(str(conversation.id)):
            raise HTTPException(429, TOO_FAST)
        count = await session.scalar(
            select(func.count())
            .select_from(DeferralMaterial)
            .where(DeferralMaterial.conversation_id == conversation.id)
        )
    if (count or 0) >= MAX_FILES:
        raise HTTPException(422, f"已经传了{MAX_FILES}个文件，不能再多了。")
    try:
        stored = await _stored(parts, request)
    except UploadRefused as error:
        raise HTTPException(error.status, str(error)) from error
    async with parts.sessions() as session, session.begin():
        added = await session.execute(
            insert(DeferralMaterial)
            .values(
                id=uuid.uuid4(),
                conversation_id=conversation.id,
                filename=stored.filename,
                content_type=stored.content_type,
                size=stored.size,
                sha256=stored.sha256,
            )
            .on_conflict_do_nothing(index_elements=["conversation_id", "sha256"])
            .returning(DeferralMaterial.id)
        )
        new = added.scalar()
        words = f"已收到材料：{stored.filename}" if new else f"这个文件已经传过了：{stored.filename}"
        note = await threads.note(session, conversation.id, words)
        if new:
            await taxpayer_spoke(session, conversation.id, parts.clock.now())
            await material_came(session, conversation.id)
    parts.hub.publish(conversation.id, threads.frame(note))
    return {"id": str(new) if new else None, "filename": stored.filename, "size": stored.size}


async def _stored(parts: Parts, request: Request) -> Stored:
    declared = request.headers.get("content-length", "")
    if not declared.isdigit():
        raise UploadRefused(411, "没有说明文件大小，请换个浏览器再传。")
    if int(declared) > parts.settings.upload_max_bytes + FORM_OVERHEAD:
        raise parts.uploads.too_large()
    try:
        async with request.form(max_files=1, max_fields=4) as form:
            file = form.get("file")
            if not isinstance(file, StarletteUpload):
                raise UploadRefused(422, "没有收到文件，请重新选一个。")
            return await parts.uploads.store(file.filename or "", _chunks(file))
    except (MultiPartException, ClientDisconnect, StarletteHTTPException) as error:
        raise UploadRefused(422, "文件没有传完整，请再传一次。") from error


async def _chunks(file: StarletteUpload) -> AsyncIterator[bytes]:
    while chunk := await file.read(256 * 1024):
        yield chunk


class Vote(BaseModel):
    """Whether the answer in one bubble helped."""

    message_id: int = Field(ge=1, lt=2**62)
    helpful: bool


@router.post("/chat/feedback", status_code=204)
async def feedback(
    parts: PartsDep, said: Vote, authorization: Annotated[str | None, Header()] = None
) -> Response:
    """Take the vote on an answer quoted from an article; voting again changes it."""
    token = _token(authorization)
    async with parts.sessions() as session, session.begin():
        conversation = await threads.by_token(session, token) if token else None
        if conversation is None:
            raise HTTPException(401, "会话已失效，请刷新页面再试。")
        if not parts.message_rate.allow(str(conversation.id)):
            raise HTTPException(429, TOO_FAST)
        if not await vote(session, conversation.id, said.message_id, said.helpful):
            raise HTTPException(404, "没有找到这条回答。")
    return Response(status_code=204)


class Rating(BaseModel):
    """How a talk with a human was: ``score`` 1 to 5, and a word about it."""

    ticket: uuid.UUID
    score: int
    word: str = ""


@router.post("/chat/survey")
async def rate(
    parts: PartsDep, said: Rating, authorization: Annotated[str | None, Header()] = None
) -> dict[str, Any]:
    """Take the rating of a finished talk; rating again changes it. ``text`` thanks the taxpayer."""
    token = _token(authorization)
    try:
        async with parts.sessions() as session, session.begin():
            conversation = await threads.by_token(session, token) if token else None
            if conversation is None:
                raise HTTPException(401, "会话已失效，请刷新页面再试。")
            if not parts.message_rate.allow(str(conversation.id)):
                raise HTTPException(429, TOO_FAST)
            word = _without_numbers(parts, said.word)
            await survey.rate(session, conversation.id, said.ticket, said.score, word, parts.clock.today())
    except survey.NoSurvey as error:
        raise HTTPException(404, "没有找到要评价的这次服务。") from error
    except ValueError as error:
        raise HTTPException(422, str(error)) from error
    parts.hub.publish(conversation.id, {"type": "rated", "ticket": str(said.ticket), "score": said.score})
    return {"score": said.score, "text": REVIEWED if said.score <= survey.LOW else RATED}


def _without_numbers(parts: Parts, word: str) -> str:
    """What was written beside a rating, cleaned, identity numbers and phones masked."""
    if len(word) > survey.LONGEST:
        raise ValueError(f"这句话太长了，最多{survey.LONGEST}个字。")
    try:
        return redact(clean(word, survey.LONGEST), parts.clock.today(), 1).shown
    except BadMessage:
        return ""


@router.get("/chat/documents/{application_id}.pdf")
async def document(
    parts: PartsDep,
    application_id: uuid.UUID,
    until: Annotated[int, Query()],
    sign: Annotated[str, Query(max_length=64)],
) -> Response:
    """The printable application, for whoever holds a fresh link to it."""
    if not parts.links.valid(application_id, until, sign):
        raise HTTPException(403, "这个下载链接已经过期。请在对话里问“我的延期申请批了吗”，会给您新的链接。")
    async with parts.sessions() as session:
        application = await session.scalar(
            select(DeferralApplication)
            .where(DeferralApplication.id == application_id)
            .options(
                selectinload(DeferralApplication.taxpayer),
                selectinload(DeferralApplication.bill),
                selectinload(DeferralApplication.materials),
            )
        )
    if application is None:
        raise HTTPException(404, "没有这份申请。")
    pdf = await asyncio.to_thread(render, _sheet(application, application.bill))
    return Response(
        pdf,
        media_type="application/pdf",
        headers={
            "Content-Disposition": f'inline; filename="{application.number}.pdf"',
            "Cache-Control": "private, no-store",
        },
    )


def _sheet(application: DeferralApplication, bill: Bill) -> ApplicationSheet:
    taxpayer = application.taxpayer
    return ApplicationSheet(
        number=application.number,
        taxpayer_name=taxpayer.name,
        identifier_mask=taxpayer.identifier_mask,
        taxpayer_kind=taxpayer.kind,
        region=taxpayer.region,
        bill_no=bill.bill_no,
        tax_type=bill.tax_type,
        period=bill.period,
        tax_amount=application.tax_amount,
        due=bill.due_date,
        requested_until=application.requested_until,
        months=application.months,
        reason_text=application.reason_text,
        ground=Ground(application.reason),
        cash=application.cash,
        wages_payable=application.wages_payable,
        social_insurance=application.social_insurance,
        status=Status(application.status),
        submitted_at=application.submitted_at,
        materials=tuple((m.filename, m.size) for m in application.materials),
        fictional=taxpayer.fictional,
    )
