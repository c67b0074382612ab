"""WeChat's REST for Official Accounts: access token, template messages, customer service messages.

Pages: https://developers.weixin.qq.com/doc/offiaccount/Basic_Information/getStableAccessToken.html (the token; several
processes get the same one), …/Message_Management/Template_Message_Interface.html (``client_msg_id`` leaves out repetitions for
ten minutes), …/Message_Management/Service_Center_messages.html, …/Getting_Started/Global_Return_Code.html.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any

import httpx
import structlog

from gateway.settings import Settings, WechatAccount
from outreach.ports import MessageRefused, MessageUnsure, WechatClosed, WechatGone

log = structlog.get_logger("gateway.wechat")
TIMEOUT_S = 10.0
THING = 20
"""Characters of a template's field whose name begins with ``thing``."""
_EARLY_S = 60.0
_TOKEN_BAD = frozenset({40001, 40014, 41001, 42001})
_CLOSED = {45015: "对方48小时内没有说话", 45047: "对方没有再说话，可以发的条数用完了"}
_GONE = 43004
_LATER = frozenset({-1, 45009, 45011})
"""The system is busy, the day's quota is used up, too many in this minute."""


class WechatClient:
    """Implements ``outreach.ports.WechatCarrier`` for one account."""

    def __init__(self, account: WechatAccount, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._account = account
        self._http = httpx.AsyncClient(
            base_url=account.api_base,
            timeout=TIMEOUT_S,
            transport=transport,
            # A proxy of the environment would see the secret.
            trust_env=False,
        )
        self._token = ""
        self._token_until = 0.0
        self._token_lock = asyncio.Lock()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def template(self, openid: str, about: str, outbox_id: int) -> str:
        """Send the reminder template; no link in it. Returns ``msgid``."""
        if self._account.template_id is None:
            raise MessageRefused("没有设置模板消息的编号（SHUILING_WECHAT_TEMPLATE_ID）")
        answer = await self._post(
            "/cgi-bin/message/template/send",
            {
                "touser": openid,
                "template_id": self._account.template_id,
                "client_msg_id": f"shuiling-{outbox_id}",
                "data": template_data(self._account.template_fields, about),
            },
        )
        return str(answer.get("msgid", ""))

    async def text(self, openid: str, text: str) -> None:
        """Send a text as customer service."""
        await self._post(
            "/cgi-bin/message/custom/send",
            {"touser": openid, "msgtype": "text", "text": {"content": text}},
        )

    async def _post(self, path: str, content: Mapping[str, Any]) -> Mapping[str, Any]:
        """The answer of an API that takes the token. A token that has run out is renewed once."""
        token = await self._access_token()
        answer = await self._ask(path, content, token)
        if answer.get("errcode") in _TOKEN_BAD:
            answer = await self._ask(path, content, await self._access_token(spent=token))
        code = int(answer.get("errcode") or 0)
        if code == 0:
            return answer
        log.warning("wechat_error", code=code, path=path)
        if code in _CLOSED:
            raise WechatClosed(_CLOSED[code])
        if code == _GONE:
            raise WechatGone("对方没有关注公众号")
        raise MessageRefused(f"微信没有接受：错误码{code}", for_good=code not in _LATER | _TOKEN_BAD)

    async def _ask(self, path: str, content: Mapping[str, Any], token: str) -> Mapping[str, Any]:
        try:
            return await self._json(path, content, {"access_token": token})
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise MessageRefused("连不上微信", for_good=False) from error
        except (httpx.HTTPError, ValueError) as error:
            raise MessageUnsure("微信没有回答") from error

    async def _json(
        self, path: str, content: Mapping[str, Any], query: Mapping[str, str] | None = None
    ) -> Mapping[str, Any]:
        # WeChat shows escapes of JSON as they are, so the signs are sent themselves.
        body = json.dumps(content, ensure_ascii=False).encode()
        response = await self._http.post(
            path, params=query, content=body, headers={"Content-Type": "application/json; charset=utf-8"}
        )
        response.raise_for_status()
        answer = response.json()
        if not isinstance(answer, dict):
            raise ValueError("not an object")
        return answer

    async def _access_token(self, spent: str | None = None) -> str:
        """The token kept, or a new one; ``spent`` is one that WeChat does not take any more."""
        async with self._token_lock:
            if self._token and self._token != spent and time.monotonic() < self._token_until:
                return self._token
            answer = await self._new_token(force=False)
            if answer.get("access_token") == spent:
                answer = await self._new_token(force=True)
            token = answer.get("access_token")
            if not token:
                log.error("wechat_token_refused", code=answer.get("errcode"))
                raise MessageRefused(f"微信没有给出访问凭据：错误码{answer.get('errcode')}", for_good=False)
            self._token = str(token)
            self._token_until = time.monotonic() + float(answer.get("expires_in") or 0) - _EARLY_S
            return self._token

    async def _new_token(self, *, force: bool) -> Mapping[str, Any]:
        wanted = {
            "grant_type": "client_credential",
            "appid": self._account.app_id,
            "secret": self._account.app_secret,
            "force_refresh": force,
        }
        try:
            return await self._json("/cgi-bin/stable_token", wanted)
        except (httpx.HTTPError, ValueError) as error:
            raise MessageRefused("连不上微信", for_good=False) from error


def template_data(fields: Mapping[str, str], about: str) -> dict[str, dict[str, str]]:
    """The template's fields filled in, ``{about}`` by the reminder's words; what WeChat would refuse as too long is cut."""
    filled = {name: words.replace("{about}", about) for name, words in fields.items()}
    return {
        name: {
            "value": words[: THING - 1] + "…" if name.startswith("thing") and len(words) > THING else words
        }
        for name, words in filled.items()
    }


def wechat_carrier(settings: Settings) -> WechatClient | None:
    """The carrier of the account in the settings; ``None`` without one."""
    return WechatClient(settings.wechat) if settings.wechat is not None else None
