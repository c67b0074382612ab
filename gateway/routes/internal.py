"""Rasa's action calls, answered by rasa-sdk's executor. Only Rasa holds the token."""

from __future__ import annotations

import asyncio
import hmac
import time
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Header, HTTPException, Request
from fastapi.responses import JSONResponse
from rasa_sdk.interfaces import ActionExecutionRejection, ActionNotFoundException
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection

from gateway.parts import PartsDep

router = APIRouter()
log = structlog.get_logger("gateway.actions")


@router.post("/internal/actions/webhook")
async def run_action(
    parts: PartsDep, request: Request, authorization: Annotated[str | None, Header()] = None
) -> Any:
    """Run one action; the shapes are those of Rasa's action server protocol.

    A failure is told apart (``bot/turn.py``): 503 when the database is away, so that the turn may succeed when it is
    repeated; any other status is the end of the turn.
    """
    expected = f"Bearer {parts.settings.internal_token.get_secret_value()}"
    if not hmac.compare_digest((authorization or "").encode(), expected.encode()):
        raise HTTPException(403)
    call = await request.json()
    name = str(call.get("next_action"))
    began = time.monotonic()
    try:
        call.setdefault("domain", {})
        # Nobody waits any longer than this: what comes later must not happen behind the taxpayer's back.
        async with asyncio.timeout(parts.settings.rasa_patience_s):
            result = await parts.executor.run(call)
    except ActionExecutionRejection as error:
        return JSONResponse({"error": str(error), "action_name": error.action_name}, status_code=400)
    except Exception as error:
        parts.metrics.action_failed(name)
        if isinstance(error, OperationalError | InterfaceError | NoConnection):
            log.warning("action_put_off", action=name, error=type(error).__name__)
            return JSONResponse({"error": "not now", "action_name": name}, status_code=503)
        log.exception("action_failed", action=name)
        known = not isinstance(error, ActionNotFoundException)
        return JSONResponse(
            {"error": "action failed", "action_name": name}, status_code=500 if known else 404
        )
    parts.metrics.action(name, time.monotonic() - began)
    return JSONResponse(result.model_dump() if result is not None else {"events": [], "responses": []})
