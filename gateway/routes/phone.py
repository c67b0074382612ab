"""The browser phone: its page, the socket it waits for calls on, and the media socket of a call.

``/phone/ring``, JSON both ways. The page says ``{"type": "hello", "token"?, "number"?, "resume"?: {"call", "carrier"}}``
first, later ``answer``, ``reject`` and ``hang_up``, each with ``call``, and ``ping``. It hears:

=========  =========================================================================================================
ready      the page is waiting now
ring       ``call``, ``ring_s``, ``from``: ``{name, number}``: a call for it
stop       ``call``, ``reason`` (``elsewhere``, ``no_answer``, ``rejected``, ``canceled``): it rings no longer
connect    ``call``, ``carrier``, ``token``: answered; open the media socket
line       ``call``, ``speaker`` (``bot``, ``caller``), ``text``, ``final``: the live transcript; one that is not final
           is replaced by the speaker's next
ended      ``call``, ``reason`` (``ended``, ``limit``, ``failed``): the call is over
error      ``code``, ``text``: not accepted
pong       after ``ping``
=========  =========================================================================================================

``/phone/media/{call}`` is opened with the subprotocols ``shuiling-phone`` and the token, which so stands in no address
and no log, and is good once. Over it goes Twilio's Media Streams JSON, the page being the carrier.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from fastapi import APIRouter, HTTPException, WebSocket
from fastapi.responses import FileResponse
from fastapi.websockets import WebSocketDisconnect
from starlette.requests import HTTPConnection

from gateway.operators import REFUSED, OperatorAccess, same_origin
from gateway.routes.frames import receive_object, until_one_ends
from gateway.settings import ROOT
from store.phones import PhoneError, e164
from telephony.carriers.browser import BrowserCarrier
from telephony.carriers.browser_call import GOODBYE_S

router = APIRouter()
STATIC = ROOT / "telephony" / "static"
PROTOCOL = "shuiling-phone"
HELLO_TIMEOUT_S = 15
FRAME_LIMIT = 4096
QUEUE_LIMIT = 500
"""Messages kept for a page that does not read; beyond it the page is cut."""
PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "media-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    ),
    "Permissions-Policy": "microphone=(self)",
    "Cache-Control": "no-cache",
}
_MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css"}
log = structlog.get_logger("gateway.phone")


@dataclass(frozen=True, slots=True)
class Phone:
    """What the routes need; the application keeps it as ``app.state.phone``.

    ``serve_media`` runs a call on its accepted socket until the call is over or the socket breaks; it is cancelled when
    the page does not let go.
    """

    carrier: BrowserCarrier
    serve_media: Callable[[WebSocket, uuid.UUID], Awaitable[None]]
    access: OperatorAccess
    public_origin: str | None = None


class RingPage:
    """One open page: what the carrier has for it waits in a queue."""

    def __init__(self, number: str | None) -> None:
        self.number = number
        self.queue: asyncio.Queue[Mapping[str, Any] | None] = asyncio.Queue(QUEUE_LIMIT)

    def send(self, message: dict[str, Any]) -> None:
        """Queue a message; a page that has stopped reading is cut."""
        try:
            self.queue.put_nowait(message)
        except asyncio.QueueFull:
            while not self.queue.empty():
                self.queue.get_nowait()
            self.queue.put_nowait(None)


def _phone(connection: HTTPConnection) -> Phone:
    phone: Phone = connection.app.state.phone
    return phone


def page(name: str) -> FileResponse:
    """One of the telephone's pages, with the policy it needs."""
    return FileResponse(STATIC / name, headers=PAGE_HEADERS)


@router.get("/phone", include_in_schema=False)
async def phone_page(connection: HTTPConnection) -> FileResponse:
    """The phone."""
    if not _phone(connection).access.exists:
        raise HTTPException(404)
    return page("phone.html")


@router.get("/phone/static/{name}", include_in_schema=False)
async def static(name: str) -> FileResponse:
    """The scripts and style sheets of the telephone's pages."""
    files = {file.name: file for file in STATIC.iterdir() if file.suffix in _MEDIA_TYPES}
    if name not in files:
        raise HTTPException(404)
    return FileResponse(
        files[name], media_type=_MEDIA_TYPES[files[name].suffix], headers={"Cache-Control": "no-cache"}
    )


@router.websocket("/phone/ring")
async def ring(socket: WebSocket) -> None:
    """A page waits for calls, and has them."""
    phone = _phone(socket)
    if not phone.access.exists or not same_origin(socket, phone.public_origin):
        await socket.close(4403)
        return
    await socket.accept()
    with contextlib.suppress(TimeoutError, WebSocketDisconnect, RuntimeError):
        async with asyncio.timeout(HELLO_TIMEOUT_S):
            hello = await receive_object(socket, FRAME_LIMIT)
        try:
            shown = _greeted(phone, hello)
        except _RefusedError as error:
            await socket.send_json({"type": "error", "code": error.code, "text": str(error)})
            await socket.close(4401)
            return
        await _wait_for_calls(phone, socket, shown, hello)
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        await socket.close()


class _RefusedError(Exception):
    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


def _greeted(phone: Phone, hello: Mapping[str, Any]) -> RingPage:
    token, number = hello.get("token"), hello.get("number")
    if hello.get("type") != "hello" or not phone.access.allows(token if isinstance(token, str) else None):
        raise _RefusedError("auth", REFUSED)
    if not isinstance(number, str) or not number.strip():
        return RingPage(None)
    try:
        return RingPage(e164(number))
    except PhoneError as error:
        raise _RefusedError("number", str(error)) from error


async def _wait_for_calls(phone: Phone, socket: WebSocket, shown: RingPage, hello: Mapping[str, Any]) -> None:
    shown.send({"type": "ready"})
    with phone.carrier.present(shown):
        back = hello.get("resume")
        if isinstance(back, dict) and (call := _uuid(back.get("call"))):
            phone.carrier.resume(shown, call, str(back.get("carrier")))
        await until_one_ends(_write(socket, shown), _read(phone, socket, shown))


async def _write(socket: WebSocket, shown: RingPage) -> None:
    while (message := await shown.queue.get()) is not None:
        await socket.send_json(message)
    await socket.close(1013)


async def _read(phone: Phone, socket: WebSocket, shown: RingPage) -> None:
    while True:
        message = await receive_object(socket, FRAME_LIMIT)
        kind, call = message.get("type"), _uuid(message.get("call"))
        if kind == "ping":
            shown.send({"type": "pong"})
        elif kind == "answer" and call:
            if not phone.carrier.answer(shown, call):
                shown.send({"type": "stop", "call": str(call), "reason": "elsewhere"})
        elif kind == "reject" and call:
            phone.carrier.reject(shown, call)
        elif kind == "hang_up" and call:
            phone.carrier.hang_up_by(shown, call)
        else:
            shown.send({"type": "error", "code": "frame", "text": "这条消息的格式不对，没有收下。"})


def _uuid(value: object) -> uuid.UUID | None:
    try:
        return uuid.UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None


@router.websocket("/phone/media/{call}")
async def media(socket: WebSocket, call: uuid.UUID) -> None:
    """The media stream of one call."""
    phone = _phone(socket)
    name, token = [*socket.scope.get("subprotocols", []), "", ""][:2]
    good = name == PROTOCOL and same_origin(socket, phone.public_origin)
    with phone.carrier.media(call, token if good else "") as over:
        if over is None:
            await socket.close(4403)
            return
        await socket.accept(subprotocol=PROTOCOL)
        serving = asyncio.ensure_future(phone.serve_media(socket, call))
        ending = asyncio.create_task(over.wait())
        try:
            await asyncio.wait({serving, ending}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({serving}, timeout=GOODBYE_S)
        finally:
            for task in (serving, ending):
                task.cancel()
            outcome, _ = await asyncio.gather(serving, ending, return_exceptions=True)
        if isinstance(outcome, Exception) and not isinstance(outcome, WebSocketDisconnect):
            log.error("media_failed", call=str(call), exc_info=outcome)
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        await socket.close()
