"""The part of Twilio's REST that we use, with its paths, its form encoding, its JSON and its errors.

Sources: Twilio's pages "Call resource" and "Message resource" (2010-04-01).
"""

from __future__ import annotations

import asyncio
import hmac
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Protocol
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Depends, FastAPI, Header, Request
from fastapi.responses import JSONResponse

from telephony.carriers.base import CarrierStatus
from telephony.standin.call import API_VERSION
from telephony.standin.exchange import Exchange
from telephony.standin.messages import read_text
from telephony.standin.orders import Form, RestError, check_instructions, read_order

_MAX_BODY = 128 * 1024
_PAGE, _MAX_PAGE = 50, 1000


def exchange_of(request: Request) -> Exchange:
    """The exchange of this application."""
    exchange = request.app.state.exchange
    if not isinstance(exchange, Exchange):
        raise TypeError("the application has no exchange")
    return exchange


ExchangeDep = Annotated[Exchange, Depends(exchange_of)]


def authorised(exchange: ExchangeDep, authorization: Annotated[str | None, Header()] = None) -> None:
    """HTTP basic authentication with the account's id and token.

    Raises:
        RestError: 401, 20003.
    """
    kind, _, given = (authorization or "").partition(" ")
    try:
        pair = b64decode(given, validate=True) if kind.lower() == "basic" else b""
    except NotBase64:
        pair = b""
    expected = f"{exchange.rules.account_sid}:{exchange.rules.auth_token}".encode()
    if not hmac.compare_digest(pair, expected):
        raise RestError(401, 20003, "Authenticate")


def own_account(exchange: ExchangeDep, account_sid: str) -> None:
    """Only one account exists.

    Raises:
        RestError: 404, 20404.
    """
    if account_sid != exchange.rules.account_sid:
        raise RestError(404, 20404, f"The requested resource /Accounts/{account_sid} was not found")


router = APIRouter(
    prefix=f"/{API_VERSION}/Accounts/{{account_sid}}",
    dependencies=[Depends(authorised), Depends(own_account)],
)


async def form_of(request: Request) -> Form:
    """The form in the body.

    Raises:
        RestError: too large, or not a form.
    """
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BODY:
            raise RestError(413, 20413, "The request is too large")
    try:
        return Form(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=200))
    except ValueError as error:
        raise RestError(400, 20001, "The body is not a form") from error


@router.post("/Calls.json", status_code=201)
async def place(exchange: ExchangeDep, request: Request) -> dict[str, object]:
    """Place a call."""
    call = exchange.place(read_order(await form_of(request)))
    if exchange.faults.rest_hang_s:
        await asyncio.sleep(exchange.faults.rest_hang_s)
    return call.resource()


@router.post("/Calls/{sid}.json")
async def update(exchange: ExchangeDep, sid: str, request: Request) -> dict[str, object]:
    """End a call, or give it other instructions."""
    call = exchange.call(sid)
    form = await form_of(request)
    status, url, twiml = form.one("Status"), form.one("Url"), form.one("Twiml")
    if status is not None and status not in ("completed", "canceled"):
        raise RestError(400, 21220, f"Invalid Status: {status}")
    check_instructions(url, twiml)
    if status is not None:
        exchange.end(call, CarrierStatus(status))
    elif url is not None or twiml is not None:
        exchange.redirect(call, None if twiml else url, twiml)
    return call.resource()


@router.get("/Calls/{sid}.json")
async def fetch(exchange: ExchangeDep, sid: str) -> dict[str, object]:
    """One call."""
    return exchange.call(sid).resource()


@router.get("/Calls.json")
async def listing(exchange: ExchangeDep, request: Request) -> dict[str, object]:
    """Calls by number, state and time of dialling, newest first, in pages."""
    asked = request.query_params
    day = _moment(asked.get("StartTime"))
    since = _moment(asked.get("StartTime>")) or day
    until = _moment(asked.get("StartTime<")) or (day + timedelta(days=1) if day else None)
    status = asked.get("Status")
    found = [
        call for call in exchange.calls(asked.get("To"), since, until) if status in (None, call.status.value)
    ]
    return _page(request, "calls", found)


@router.post("/Messages.json", status_code=201)
async def send(exchange: ExchangeDep, request: Request) -> dict[str, object]:
    """Send a text message."""
    message = exchange.text(read_text(await form_of(request)))
    answer = message.resource()
    if exchange.faults.rest_hang_s:
        await asyncio.sleep(exchange.faults.rest_hang_s)
    return answer


@router.get("/Messages/{sid}.json")
async def fetch_message(exchange: ExchangeDep, sid: str) -> dict[str, object]:
    """One text message."""
    return exchange.texts.message(sid).resource()


@router.get("/Messages.json")
async def list_messages(exchange: ExchangeDep, request: Request) -> dict[str, object]:
    """Text messages by number, newest first, in pages."""
    return _page(request, "messages", exchange.texts.messages(request.query_params.get("To")))


class _Resource(Protocol):
    def resource(self) -> dict[str, object]: ...


def _page(request: Request, name: str, found: Sequence[_Resource]) -> dict[str, object]:
    asked = request.query_params
    size = min(_MAX_PAGE, max(1, int(asked.get("PageSize", str(_PAGE)))))
    page = max(0, int(asked.get("Page", "0")))
    part = found[page * size : (page + 1) * size]
    base = f"{request.url.path}?"
    same = [(key, value) for key, value in asked.multi_items() if key not in ("Page", "PageSize")]

    def uri(number: int) -> str:
        return base + urlencode([*same, ("PageSize", str(size)), ("Page", str(number))])

    return {
        name: [each.resource() for each in part],
        "page": page,
        "page_size": size,
        "start": page * size,
        "end": page * size + max(0, len(part) - 1),
        "uri": uri(page),
        "first_page_uri": uri(0),
        "next_page_uri": uri(page + 1) if len(found) > (page + 1) * size else None,
        "previous_page_uri": uri(page - 1) if page else None,
    }


def _moment(text: str | None) -> datetime | None:
    """A day or a moment, UTC."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise RestError(400, 20001, f"Invalid time: {text}") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def explain(app: FastAPI) -> None:
    """Answer errors in Twilio's shape."""

    @app.exception_handler(RestError)
    async def refused(request: Request, error: RestError) -> JSONResponse:
        return JSONResponse(error.as_json(), status_code=error.status)
