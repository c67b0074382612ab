"""Rasa's public REST channel shape, so that existing Rasa clients work unchanged.

``POST /webhooks/rest/webhook`` with ``{"sender", "message", "metadata"?}`` → list of ``{"recipient_id", "text",
"buttons"?, "custom"?}``. The caller names its senders, so it is trusted like a server: set ``SHUILING_REST_TOKEN`` and
send it as ``Authorization: Bearer``; without one the route answers on the loopback only, and not in production.
"""

from __future__ import annotations

import hmac
import ipaddress
from typing import Annotated, Any

from fastapi import APIRouter, Header, HTTPException, Request
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from chat import threads
from chat.incoming import BadMessage, clean
from gateway.parts import Parts, PartsDep, address
from gateway.routes.window import TOO_FAST

router = APIRouter()


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("sender must be printable")
    return value


class Said(BaseModel):
    """One message of a sender."""

    sender: Annotated[
        str,
        StringConstraints(min_length=1, max_length=255, strip_whitespace=True),
        AfterValidator(_printable),
    ] = "default"
    message: str = ""
    metadata: dict[str, Any] | None = Field(default=None)


def _allowed(parts: Parts, request: Request, authorization: str | None) -> bool:
    token = parts.settings.rest_token
    if token is not None:
        return hmac.compare_digest(
            (authorization or "").encode(), f"Bearer {token.get_secret_value()}".encode()
        )
    if parts.settings.env == "production":
        return False
    try:
        return ipaddress.ip_address(address(request)).is_loopback
    except ValueError:
        return False


@router.post("/webhooks/rest/webhook")
async def message(
    parts: PartsDep, request: Request, said: Said, authorization: Annotated[str | None, Header()] = None
) -> Any:
    """Answer one message; messages of one sender are answered one after the other."""
    if not _allowed(parts, request, authorization):
        raise HTTPException(403, "没有权限：请设置 SHUILING_REST_TOKEN 并在 Authorization 里带上它。")
    if not parts.message_rate.allow(f"rest:{said.sender}"):
        parts.metrics.refused("rate")
        raise HTTPException(429, TOO_FAST)
    try:
        text = clean(said.message, parts.settings.max_message_chars)
    except BadMessage as error:
        parts.metrics.refused(error.code)
        return [{"recipient_id": said.sender, "text": str(error)}]
    async with parts.sessions() as session, session.begin():
        conversation = await threads.by_external(session, "rest", said.sender)
        accepted = await threads.accept(
            session, parts.cipher, conversation.id, text, None, parts.clock.today()
        )
    answers = await parts.turns.wait_for(accepted.message)
    return JSONResponse(
        [
            {
                "recipient_id": said.sender,
                "text": a.text,
                **({"buttons": a.payload["buttons"]} if a.payload.get("buttons") else {}),
                **({"custom": a.payload["custom"]} if a.payload.get("custom") else {}),
            }
            for a in answers
        ]
    )
