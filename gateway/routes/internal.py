"""Rasa's action calls, answered by rasa-sdk's executor. Only Rasa holds the token."""

from __future__ import annotations

import hmac
import time
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Header, HTTPException, Request
from fastapi.responses import JSONResponse
from rasa_sdk.interfaces import ActionExecutionRejection, ActionNotFoundException

from gateway.parts import PartsDep

router = APIRouter()
log = structlog.get_logger("gateway.actions")


@router.post("/internal/actions/webhook")
async def run_action(
    parts: PartsDep, request: Request, authorization: Annotated[str | None, Header()] = None
) -> Any:
    """Run one action; the shapes are those of Rasa's action server protocol."""
    expected = f"Bearer {parts.settings.internal_token.get_secret_value()}"
    if not hmac.compare_digest((authorization or "").encode(), expected.encode()):
        raise HTTPException(403)
    call = await request.json()
    name = str(call.get("next_action"))
    began = time.monotonic()
    try:
        call.setdefault("domain", {})
        result = await parts.executor.run(call)
    except ActionExecutionRejection as error:
        return JSONResponse({"error": str(error), "action_name": error.action_name}, status_code=400)
    except ActionNotFoundException as error:
        return JSONResponse({"error": str(error), "action_name": error.action_name}, status_code=404)
    except Exception:
        log.exception("action_failed", action=name)
        return JSONResponse({"error": "action failed", "action_name": name}, status_code=500)
    parts.metrics.action(name, time.monotonic() - began)
    return JSONResponse(result.model_dump() if result is not None else {"events": [], "responses": []})
