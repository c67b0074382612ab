"""Carries the Twilio library's requests over httpx, with deadlines, to Twilio or to another host that speaks alike.

The library's own asynchronous client ignores its time-out and logs the numbers that are looked up.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
from twilio.base.exceptions import (  # type: ignore[import-untyped]
    TwilioException,
    TwilioRestException,
    TwilioServiceException,
)
from twilio.http.response import Response  # type: ignore[import-untyped]

from telephony.carriers.base import CarrierError, CarrierUnsure

HOST = "api.twilio.com"
CONNECT_S = 3.0
E164 = re.compile(r"\+[1-9]\d{6,14}")
NO_ENVIRONMENT = {"SHUILING": ""}
"""So that the library does not look for keys in the process's own environment."""
UNSURE = "运营商没有答复，不确定请求是否已经生效。系统会先向运营商核对，不会重复拨打。"

T = TypeVar("T")


async def answered(asked: Awaitable[T], refused: Callable[[int, int | None], CarrierError]) -> T:
    """What the library makes of an answer; ``refused`` makes the error of HTTP status 4xx and Twilio's code.

    Raises:
        CarrierError: as ``refused`` says, or no connection came about.
        CarrierUnsure: there was no clear answer.
    """
    try:
        return await asked
    except (TwilioRestException, TwilioServiceException) as error:
        code = error.code if isinstance(error.code, int) else None
        if not 400 <= error.status < 500 or error.status == 408:
            raise CarrierUnsure(UNSURE) from error
        raise refused(error.status, code) from error
    except (TwilioException, ValueError, LookupError, TypeError, AttributeError) as error:
        # The library says so when it cannot read an answer.
        raise CarrierUnsure(UNSURE) from error


class ApiClient:
    """What the library calls ``http_client``.

    Args:
        base: replaces ``https://api.twilio.com``, e.g. ``http://127.0.0.1:8100``; ``None`` leaves it.
        timeout_s: seconds a request may take in all.
    """

    is_async = True

    def __init__(self, base: str | None, timeout_s: float) -> None:
        if base is not None and not _usable(base):
            raise ValueError(
                "SHUILING_TWILIO_API_BASE 应是 http:// 或 https:// 开头的地址，例如 http://127.0.0.1:8100。"
            )
        self._base = base.rstrip("/") if base else None
        self._timeout_s = timeout_s
        # A proxy set for the outside world must not stand before a carrier on this machine.
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(timeout_s, connect=min(CONNECT_S, timeout_s)), trust_env=base is None
        )

    async def request(
        self,
        method: str,
        uri: str,
        params: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
        allow_redirects: bool = False,
    ) -> Response:
        """Send one request.

        Raises:
            CarrierError: no connection came about, so nothing was sent.
            CarrierUnsure: it may have arrived, but no whole answer came back.
        """
        try:
            async with asyncio.timeout(timeout or self._timeout_s):
                answer = await self._client.request(
                    method,
                    self._address(uri),
                    params=params or None,
                    data=dict(data) if data else None,
                    headers=headers,
                    auth=auth or httpx.USE_CLIENT_DEFAULT,
                    follow_redirects=allow_redirects,
                )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise CarrierError("连不上运营商的接口，请求没有送出，请检查网络后再试。") from error
        except (httpx.HTTPError, TimeoutError) as error:
            raise CarrierUnsure(UNSURE) from error
        return Response(answer.status_code, answer.text, answer.headers)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def _address(self, uri: str) -> str:
        if self._base is None or urlsplit(uri).hostname != HOST:
            return uri
        return self._base + uri.partition(HOST)[2]


def _usable(base: str) -> bool:
    try:
        parts = urlsplit(base)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)
