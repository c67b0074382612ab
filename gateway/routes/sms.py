"""What the carrier of text messages reports over HTTP, signed: what became of a text, and what people write back.

Reports carry ``?sms=<our id>``. A forged request gets 403, one about a text we do not have 404; the same report twice
changes nothing, and their order does not matter. Numbers in them are neither logged nor kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response

from gateway.routes.voice import Form, signed_form
from outreach.sms_reports import Taken, answered, reported
from store.crypto import FieldCipher
from store.engine import SessionFactory
from store.outreach_models import OutboxState
from telephony.carriers import callbacks
from telephony.carriers.signature import SignatureCheck
from telephony.carriers.twilio_sms import SmsStatus, in_words

router = APIRouter()
log = structlog.get_logger("gateway.sms")
_STATES: Mapping[SmsStatus, OutboxState] = {
    SmsStatus.DELIVERED: OutboxState.DELIVERED,
    SmsStatus.READ: OutboxState.DELIVERED,
    SmsStatus.UNDELIVERED: OutboxState.FAILED,
    SmsStatus.FAILED: OutboxState.FAILED,
    SmsStatus.CANCELED: OutboxState.FAILED,
}
_NO_ANSWER = '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'


@dataclass(frozen=True, slots=True)
class SmsHooks:
    """What the routes need; the application keeps it as ``app.state.sms``, ``None`` without a carrier."""

    sessions: SessionFactory
    cipher: FieldCipher
    check: SignatureCheck
    now: Callable[[], datetime]


async def _hooks(request: Request) -> SmsHooks:
    hooks: SmsHooks | None = getattr(request.app.state, "sms", None)
    if hooks is None:
        raise HTTPException(404)
    return hooks


HooksDep = Annotated[SmsHooks, Depends(_hooks)]


async def _form(request: Request, hooks: HooksDep) -> Form:
    return await signed_form(request, hooks.check)


FormDep = Annotated[Form, Depends(_form)]


@router.post(callbacks.SMS_STATUS, status_code=204)
async def status(sms: Annotated[int, Query(ge=1, lt=2**63)], form: FormDep, hooks: HooksDep) -> None:
    """What became of a text."""
    carrier_id, said = form.get("MessageSid", ""), form.get("MessageStatus", "")
    if not carrier_id or said not in set(SmsStatus):
        log.warning("callback_unreadable", outbox=sms)
        raise HTTPException(400)
    state = _STATES.get(SmsStatus(said), OutboxState.SENT)
    code = form.get("ErrorCode", "")
    error = in_words(int(code) if code.isdecimal() else None) if state is OutboxState.FAILED else None
    async with hooks.sessions() as session, session.begin():
        taken = await reported(session, sms, carrier_id, state, hooks.now(), error)
    if taken is Taken.UNKNOWN:
        raise HTTPException(404)
    if taken is Taken.STRANGE:
        log.warning("callback_strange", outbox=sms)


@router.post(callbacks.SMS_REPLY)
async def reply(form: FormDep, hooks: HooksDep) -> Response:
    """Somebody wrote back; who wants no more texts gets none from now on."""
    async with hooks.sessions() as session, session.begin():
        stopped = await answered(
            session, hooks.cipher, form.get("From", ""), form.get("Body", ""), hooks.now()
        )
    if stopped:
        log.info("sms_unwanted")
    return Response(_NO_ANSWER, media_type="text/xml")
