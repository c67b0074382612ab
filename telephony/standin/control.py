"""The stand-in's own addresses, which no carrier has: people, faults, live calls and their recordings, texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from telephony.standin.call import Call
from telephony.standin.callbacks import CallbackError
from telephony.standin.faults import FaultError, parse
from telephony.standin.loader import load_text
from telephony.standin.orders import RestError
from telephony.standin.recording import Recording
from telephony.standin.rest import ExchangeDep, authorised
from telephony.standin.script import FillError
from telephony.standin.yaml_reader import ScriptError
from telephony.voice.base import VoiceError

router = APIRouter(dependencies=[Depends(authorised)])


class Assignment(BaseModel):
    """Who picks up at a number: the text of a script file, the pack, and values for its placeholders."""

    to: str = Field(pattern=r"^\+[1-9]\d{6,14}$")
    script: str = Field(max_length=64 * 1024)
    pack: str = "mandarin"
    fields: dict[str, str] = {}


@router.post("/standin/people", status_code=204)
async def assign(exchange: ExchangeDep, assignment: Assignment) -> None:
    """From now on; answers when the speech has been rendered."""
    script = load_text(assignment.script, "script")
    await exchange.assign(assignment.to, script, assignment.pack, assignment.fields)


@router.get("/standin/calls")
async def live(exchange: ExchangeDep, limit: int = 200) -> list[dict[str, object]]:
    """Every call, newest first."""
    return [call.view() for call in exchange.calls()[: max(1, limit)]]


@router.get("/standin/calls/{sid}/timeline")
async def timeline(exchange: ExchangeDep, sid: str) -> dict[str, object]:
    """All that was recorded but the sound."""
    call = exchange.call(sid)
    return {**call.view(), "timeline": _recorded(call).timeline()}


@router.get("/standin/calls/{sid}/recording.wav")
async def recording(exchange: ExchangeDep, sid: str) -> Response:
    """Both sides, stereo: the caller left, the bot right."""
    return Response(_recorded(exchange.call(sid)).stereo(), media_type="audio/wav")


class Reply(BaseModel):
    """What whoever got a text writes back."""

    body: str = Field(max_length=1600)


@router.get("/standin/messages")
async def messages(exchange: ExchangeDep, limit: int = 200) -> list[dict[str, object]]:
    """Every text message, newest first."""
    return [message.view() for message in exchange.texts.messages()[: max(1, limit)]]


@router.post("/standin/messages/{sid}/reply", status_code=204)
async def reply(exchange: ExchangeDep, sid: str, said: Reply) -> None:
    """Answer a text; 退订 and the like also stop the number."""
    await exchange.texts.answer(exchange.texts.message(sid), said.body)


@router.get("/faults")
async def faults(exchange: ExchangeDep) -> dict[str, Any]:
    """Those of every new call and text."""
    now = exchange.faults
    return {name: getattr(now, name) for name in now.names()}


@router.post("/faults")
async def disturb(exchange: ExchangeDep, wanted: Annotated[Mapping[str, Any], Body()]) -> dict[str, Any]:
    """Replace them; ``{}`` is none."""
    exchange.faults = parse(wanted)
    return {name: getattr(exchange.faults, name) for name in exchange.faults.names()}


def _recorded(call: Call) -> Recording:
    if call.recording is None:
        raise RestError(404, 20404, "Nothing was recorded")
    return call.recording


def explain(app: FastAPI) -> None:
    """Answer bad input in words."""

    @app.exception_handler(ScriptError)
    @app.exception_handler(FillError)
    @app.exception_handler(FaultError)
    @app.exception_handler(VoiceError)
    @app.exception_handler(CallbackError)
    async def bad(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"message": str(error)}, status_code=422)
