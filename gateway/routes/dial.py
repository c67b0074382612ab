"""Asking for a call, and the media stream of a carrier's call.

``POST /calls`` ``{"to", "carrier"?}`` with the internal or the operators' token (none in the demonstration) calls the
taxpayer who has registered that number: 201 ``{"id"}``; 409 they must not be called, or not now (the demonstration calls
at any hour, however often), or nobody knows whether the carrier has dialled; 422 the number; 502 the carrier refused.
``GET /calls/live`` tells of those under way.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import time
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Header, HTTPException, WebSocket
from fastapi.websockets import WebSocketDisconnect
from pydantic import BaseModel, Field
from starlette.requests import HTTPConnection

from gateway.calls.build import Telephone
from gateway.calls.callee import CalleeError
from gateway.calls.dialling import DialResult
from gateway.calls.wire import SocketWire
from gateway.routes.voice import open_stream, signed_socket
from store.phones import PhoneError
from telephony.carriers import callbacks
from telephony.events import StreamStarted

router = APIRouter()
log = structlog.get_logger("gateway.calls")
START_S = 10.0
"""How long a carrier may take to say whose stream it has opened."""


class Wanted(BaseModel):
    """A call to make."""

    to: str = Field(max_length=40)
    carrier: str | None = Field(default=None, max_length=20)


def _telephone(connection: HTTPConnection) -> Telephone:
    telephone: Telephone = connection.app.state.telephone
    return telephone


def _may(telephone: Telephone, authorization: str | None) -> None:
    given = (authorization or "").encode()
    if not hmac.compare_digest(given, f"Bearer {telephone.internal_token}".encode()):
        telephone.access.require(authorization)


@router.post("/calls", status_code=201)
async def call(
    connection: HTTPConnection, wanted: Wanted, authorization: Annotated[str | None, Header()] = None
) -> dict[str, str]:
    """Dial."""
    telephone = _telephone(connection)
    _may(telephone, authorization)
    service = telephone.service
    carrier = wanted.carrier or telephone.usual_carrier
    if carrier not in service.carriers:
        known = "、".join(service.carriers)
        raise HTTPException(422, f"没有叫“{carrier}”的线路，现在可用的是：{known}。")
    try:
        call_id, dialled = await service.place(wanted.to, carrier)
    except PhoneError as error:
        raise HTTPException(422, str(error)) from error
    except CalleeError as error:
        raise HTTPException(409, str(error)) from error
    if dialled.result is not DialResult.PLACED:
        status = 502 if dialled.result is DialResult.REFUSED else 409
        raise HTTPException(status, dialled.words)
    return {"id": str(call_id)}


@router.get("/calls/live")
async def live(
    connection: HTTPConnection, authorization: Annotated[str | None, Header()] = None
) -> list[dict[str, Any]]:
    """The calls under way in this process."""
    telephone = _telephone(connection)
    _may(telephone, authorization)
    now = time.monotonic()
    return [
        {
            "id": str(each.call_id),
            "carrier": each.carrier,
            "seconds": round(now - each.began, 1),
            "heard": each.last_heard,
            "said": each.last_said,
        }
        for each in telephone.service.live
    ]


@router.websocket(callbacks.STREAM)
async def stream(socket: WebSocket) -> None:
    """A carrier's media stream: the upgrade is signed, and the stream's start says with a token whose it is."""
    telephone = _telephone(socket)
    hooks = telephone.hooks
    if hooks is None or not signed_socket(hooks, socket):
        await socket.close(4403)
        return
    await socket.accept()
    wire = SocketWire(socket)
    try:
        async with asyncio.timeout(START_S):
            started = await wire.opening()
        row = None
        if isinstance(started, StreamStarted):
            given = started.parameters
            row = await open_stream(hooks, given.get("call", ""), given.get("token", ""), started.carrier_id)
        if row is not None:
            await telephone.service.serve(wire, row)
    except TimeoutError:
        log.warning("stream_without_start")
    finally:
        # The carrier may have closed it already.
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            await socket.close()
