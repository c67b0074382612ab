"""What carriers ask and report over HTTP, signed: what to do with a call, how far it is, who answered, recordings.

Every address carries ``?call=<our id>``. A forged request gets 403, one about a call we do not have 404; the same
report twice changes nothing. Bodies are form fields; names and numbers in them are neither stored nor logged.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from urllib.parse import parse_qsl

import structlog
from fastapi import APIRouter, Depends, HTTPException, Request, Response, WebSocket
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import HTTPConnection

from gateway.calls.reports import machine_report, recording_report, status_report, twiml_report
from gateway.calls.tokens import StreamTokens
from store import calls
from store.call_states import Applied, Report
from store.engine import SessionFactory
from store.models import Call, CallState
from telephony.carriers import callbacks, twiml
from telephony.carriers.signature import HEADER, SignatureCheck

router = APIRouter()
log = structlog.get_logger("gateway.voice")
BODY_LIMIT = 64 * 1024
FIELD_LIMIT = 200
SORRY = "您好，这里是税务提醒电话。系统暂时繁忙，今天先不打扰您。如有疑问请拨打12366，再见。"
Form = dict[str, str]


async def nobody_listens(_: uuid.UUID, __: str) -> None:
    """For gateways that do not care who has answered."""


@dataclass(frozen=True, slots=True)
class VoiceHooks:
    """What the routes need; the application keeps it as ``app.state.voice``, ``None`` without a carrier that calls back.

    Attributes:
        sessions: the store.
        check: tells forged requests.
        tokens: makes and checks the streams' tokens.
        stream_url: the media WebSocket as the carrier reaches it (``Callbacks.stream``).
        now: the present.
        answered_by: told ``(call id, human, machine_end_beep, …)`` when the carrier has found out, once a call.
    """

    sessions: SessionFactory
    check: SignatureCheck
    tokens: StreamTokens
    stream_url: str
    now: Callable[[], datetime]
    answered_by: Callable[[uuid.UUID, str], Awaitable[None]] = nobody_listens


async def _hooks(connection: HTTPConnection) -> VoiceHooks:
    hooks: VoiceHooks | None = getattr(connection.app.state, "voice", None)
    if hooks is None:
        raise HTTPException(404)
    return hooks


HooksDep = Annotated[VoiceHooks, Depends(_hooks)]


async def signed_form(request: Request, check: SignatureCheck) -> Form:
    """The form fields of a request that the carrier has signed; HTTP 403, 400 or 413 for any other."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > BODY_LIMIT:
            raise HTTPException(413)
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=FIELD_LIMIT)
    except ValueError:
        raise HTTPException(400) from None
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if not check.http(target, fields, request.headers.get(HEADER)):
        log.warning("callback_forged", path=request.url.path)
        raise HTTPException(403)
    return dict(fields)


async def _form(request: Request, hooks: HooksDep) -> Form:
    return await signed_form(request, hooks.check)


FormDep = Annotated[Form, Depends(_form)]


async def _apply(hooks: VoiceHooks, call: uuid.UUID, report: Report | None) -> Applied:
    if report is None or not report.carrier_id:
        log.warning("callback_unreadable", call=str(call))
        raise HTTPException(400)
    async with hooks.sessions() as session, session.begin():
        applied = await calls.apply_status(session, call, report)
    if applied is Applied.UNKNOWN:
        raise HTTPException(404)
    if applied is Applied.STRANGE:
        log.warning("callback_strange", call=str(call), source=report.source, kind=report.kind)
    return applied


@router.post(callbacks.TWIML)
async def answered(call: uuid.UUID, form: FormDep, hooks: HooksDep) -> Response:
    """Somebody has answered: connect them with our media stream, once."""
    carrier_id = form.get("CallSid", "")
    try:
        applied = await _apply(hooks, call, twiml_report(carrier_id, hooks.now()))
        async with hooks.sessions() as session:
            row = await session.get(Call, call)
    except SQLAlchemyError:
        log.exception("callback_failed", call=str(call))
        return _twiml(twiml.sorry(SORRY))
    if row is None or applied is Applied.STRANGE or row.state == CallState.ENDED or row.stream_opened_at:
        return _twiml(twiml.hang_up())
    token = hooks.tokens.make(call, carrier_id)
    return _twiml(twiml.stream(hooks.stream_url, {"call": str(call), "token": token}))


@router.post(callbacks.STATUS, status_code=204)
async def status(call: uuid.UUID, form: FormDep, hooks: HooksDep) -> None:
    """How far the call has come."""
    await _apply(hooks, call, status_report(form, hooks.now()))


@router.post(callbacks.AMD, status_code=204)
async def machine_detection(call: uuid.UUID, form: FormDep, hooks: HooksDep) -> None:
    """Whether a person, a machine or a fax answered."""
    report = machine_report(form, hooks.now())
    applied = await _apply(hooks, call, report)
    if applied is Applied.APPLIED and report is not None and report.answered_by:
        await hooks.answered_by(call, report.answered_by)


@router.post(callbacks.RECORDING, status_code=204)
async def recording(call: uuid.UUID, form: FormDep, hooks: HooksDep) -> None:
    """The carrier has recorded something itself, though we asked it not to: noted, so that somebody can delete it."""
    if await _apply(hooks, call, recording_report(form, hooks.now())) is Applied.APPLIED:
        log.warning("carrier_recorded", call=str(call))


def signed_socket(hooks: VoiceHooks, socket: WebSocket) -> bool:
    """Whether the media WebSocket's upgrade was signed by the carrier; check before accepting it."""
    signed = hooks.check.socket(socket.url.path, socket.headers.get(HEADER))
    if not signed:
        log.warning("stream_forged", path=socket.url.path)
    return signed


async def open_stream(hooks: VoiceHooks, call: str, token: str, carrier_id: str) -> Call | None:
    """The call a media stream belongs to, by the parameters and ``callSid`` of its ``start`` message.

    ``None``, and the socket is to be closed: the token is forged or was used, or the call has ended.
    """
    try:
        call_id = uuid.UUID(call)
    except ValueError:
        log.warning("stream_refused", reason="call")
        return None
    if not hooks.tokens.valid(call_id, carrier_id, token):
        log.warning("stream_refused", call=str(call_id), reason="token")
        return None
    async with hooks.sessions() as session, session.begin():
        taken = await calls.take_stream(session, call_id, carrier_id, hooks.now())
    if taken is None:
        log.warning("stream_refused", call=str(call_id), reason="used")
    return taken


def _twiml(document: str) -> Response:
    return Response(document, media_type="text/xml")
