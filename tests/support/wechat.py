"""WeChat on a port of the loopback, for tests: its REST, and a follower whose phone posts to us as its servers do.

Both sides of the envelope are ``wechatpy``'s, which is not ours, so a mistake of ours cannot cancel itself out.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import httpx
import xmltodict
from wechatpy.crypto import WeChatCrypto
from wechatpy.utils import WeChatSigner

APP_ID, APP_SECRET, TOKEN = "wx0123456789abcdef", "app-secret", "token-of-the-tests"
AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
TEMPLATE = "template-1"
ACCOUNT = "gh_0123456789ab"
TEMPLATE_SEND, CUSTOM_SEND, STABLE_TOKEN = (
    "/cgi-bin/message/template/send",
    "/cgi-bin/message/custom/send",
    "/cgi-bin/stable_token",
)


class WechatTwin:
    """WeChat's REST.

    Attributes:
        texts: ``(openid, text)`` that followers have got from customer service.
        templates: bodies of the template messages that followers have got, with ``msgid``.
        errors: codes to answer with next, by path; nothing is sent then.
        dropped: how many of the next requests are carried out without an answer.
        forced: how often a new token was forced.
    """

    def __init__(self) -> None:
        self.texts: list[tuple[str, str]] = []
        self.templates: list[dict[str, Any]] = []
        self.errors: dict[str, list[int]] = defaultdict(list)
        self.dropped = 0
        self.forced = 0
        self.tokens_given = 0
        self._valid = "token-0"
        self._said = "token-0"
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.base = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def expire_token(self, *, told: bool = True) -> None:
        """The token is no longer taken; ``told``: who asks is given the new one without forcing it."""
        self._valid = f"token-{secrets.token_hex(4)}"
        if told:
            self._said = self._valid

    def texts_to(self, openid: str) -> list[str]:
        """What a follower has got."""
        return [text for to, text in self.texts if to == openid]

    def templates_to(self, openid: str) -> list[dict[str, Any]]:
        """Templates a follower has got."""
        return [sent for sent in self.templates if sent["touser"] == openid]

    def answer(self, path: str, query: dict[str, list[str]], raw: bytes) -> dict[str, Any]:
        """The answer to one request."""
        body = json.loads(raw)
        if path == STABLE_TOKEN:
            return self._token(body)
        if query.get("access_token") != [self._valid]:
            return {"errcode": 40001, "errmsg": "invalid credential, access_token is invalid or not latest"}
        if self.errors[path]:
            return {"errcode": self.errors[path].pop(0), "errmsg": "on demand"}
        if b"\\u" in raw:
            return {"errcode": 47001, "errmsg": "shown as escapes"}
        if path == CUSTOM_SEND:
            if len(body["text"]["content"].encode()) > 2048:
                return {"errcode": 45002, "errmsg": "content size out of limit"}
            self.texts.append((body["touser"], body["text"]["content"]))
            return {"errcode": 0, "errmsg": "ok"}
        if path == TEMPLATE_SEND:
            return self._template(body)
        return {"errcode": 40066, "errmsg": "invalid url"}

    def _template(self, body: dict[str, Any]) -> dict[str, Any]:
        if body["template_id"] != TEMPLATE:
            return {"errcode": 40037, "errmsg": "invalid template_id"}
        for name, field in body["data"].items():
            if name.startswith("thing") and len(field["value"]) > 20:
                return {"errcode": 47003, "errmsg": f"argument invalid! data.{name}.value invalid"}
        known = [t for t in self.templates if t["client_msg_id"] == body["client_msg_id"]]
        if not known:
            self.templates.append({**body, "msgid": 200_000_000 + len(self.templates)})
            known = self.templates[-1:]
        return {"errcode": 0, "errmsg": "ok", "msgid": known[0]["msgid"]}

    def _token(self, body: dict[str, Any]) -> dict[str, Any]:
        if (body["appid"], body["secret"]) != (APP_ID, APP_SECRET):
            return {"errcode": 40125, "errmsg": "invalid appsecret"}
        self.tokens_given += 1
        if body.get("force_refresh"):
            self.forced += 1
            self._said = self._valid
        return {"access_token": self._said, "expires_in": 7200}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        twin = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1

            def log_message(self, *_: Any) -> None:
                pass

            def do_POST(self) -> None:
                target = urlsplit(self.path)
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                answer = json.dumps(twin.answer(target.path, parse_qs(target.query), raw)).encode()
                if twin.dropped and target.path != STABLE_TOKEN:
                    twin.dropped -= 1
                    self.close_connection = True
                    return
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

        return Handler


class Follower:
    """Somebody with WeChat on their phone, as WeChat's servers post for them to ``/wechat``.

    ``aes``: the account is in the safe mode.
    """

    def __init__(self, client: httpx.Client, *, aes: bool = False, openid: str | None = None) -> None:
        self.openid = openid or f"o{secrets.token_urlsafe(20)}"
        self._client = client
        self._crypto = WeChatCrypto(TOKEN, AES_KEY, APP_ID) if aes else None

    def say(self, text: str, message_id: int | None = None) -> str | None:
        """Type something; the reply's text, ``None`` for ``success``."""
        return self.send(MsgType="text", Content=text, MsgId=str(message_id or new_id()))

    def event(self, name: str, created: int | None = None, **fields: str) -> str | None:
        """An event such as ``subscribe``."""
        return self.send(MsgType="event", Event=name, created=created, **fields)

    def send(self, *, created: int | None = None, **fields: str) -> str | None:
        """Any message."""
        response = self.post(self.document(created=created, **fields))
        assert response.status_code == 200, response.text
        return self.read(response)

    def document(self, *, created: int | None = None, **fields: str) -> str:
        """XML of a message."""
        return document(
            ToUserName=ACCOUNT,
            FromUserName=self.openid,
            CreateTime=str(created or int(time.time())),
            **fields,
        )

    def post(self, xml: str, *, at: float | None = None, **query: str) -> httpx.Response:
        """Post XML, signed now or ``at``; ``query`` replaces parameters."""
        stamp, nonce = str(int(at or time.time())), secrets.token_hex(5)
        given = {
            "timestamp": stamp,
            "nonce": nonce,
            "openid": self.openid,
            "signature": signed(TOKEN, stamp, nonce),
        }
        if self._crypto is not None:
            sealed = xmltodict.parse(self._crypto.encrypt_message(xml, nonce, stamp))["xml"]
            xml = document(ToUserName=ACCOUNT, Encrypt=sealed["Encrypt"])
            given |= {"encrypt_type": "aes", "msg_signature": sealed["MsgSignature"]}
        return self._client.post("/wechat", params={**given, **query}, content=xml.encode())

    def read(self, response: httpx.Response) -> str | None:
        """The text of a reply to this follower, ``None`` for ``success``."""
        if response.text == "success":
            return None
        xml = response.text
        if self._crypto is not None:
            envelope = xmltodict.parse(xml)["xml"]
            xml = self._crypto.decrypt_message(
                xml, envelope["MsgSignature"], envelope["TimeStamp"], envelope["Nonce"]
            )
        reply = xmltodict.parse(xml)["xml"]
        assert (reply["ToUserName"], reply["FromUserName"], reply["MsgType"]) == (
            self.openid,
            ACCOUNT,
            "text",
        )
        return str(reply["Content"])


def new_id() -> int:
    """A MsgId, 64 bits."""
    return secrets.randbelow(2**62)


def signed(*parts: str) -> str:
    """WeChat's signature."""
    signer = WeChatSigner()
    signer.add_data(*parts)
    return str(signer.signature)


def document(**fields: str) -> str:
    """XML of WeChat's kind."""
    return (
        "<xml>" + "".join(f"<{name}><![CDATA[{text}]]></{name}>" for name, text in fields.items()) + "</xml>"
    )
