"""Only what the carrier signed, over the address it was told, is believed."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from telephony.carriers.callbacks import Callbacks
from telephony.carriers.signature import SignatureCheck

pytestmark = pytest.mark.unit
TOKEN = "token-of-the-tests"
CHECK = SignatureCheck(TOKEN, Callbacks("https://voice.example.gov.cn"))
TARGET = "/voice/status?call=1"
FIELDS = [("CallSid", "CA1"), ("CallStatus", "ringing"), ("Empty", ""), ("City", "北京")]


def signed(url: str, fields: list[tuple[str, str]], token: str = TOKEN) -> str:
    """The signature by the rule on Twilio's page, written out."""
    text = url + "".join(name + value for name, value in sorted(fields))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


GOOD = signed("https://voice.example.gov.cn" + TARGET, FIELDS)


def test_a_signed_request_is_believed_in_any_order_of_fields() -> None:
    assert CHECK.http(TARGET, FIELDS, GOOD)
    assert CHECK.http(TARGET, FIELDS[::-1], GOOD)


@pytest.mark.parametrize(
    ("target", "fields", "signature"),
    [
        (TARGET, FIELDS, None),
        (TARGET, FIELDS, ""),
        (TARGET, FIELDS, "é" * 28),
        (TARGET, FIELDS[1:], GOOD),
        (TARGET, [*FIELDS, ("CallDuration", "9")], GOOD),
        ("/voice/status?call=2", FIELDS, GOOD),
        (TARGET, FIELDS, signed("https://voice.example.gov.cn" + TARGET, FIELDS, "another token")),
        (TARGET, FIELDS, signed("http://127.0.0.1:8000" + TARGET, FIELDS)),
    ],
)
def test_anything_else_is_not(target: str, fields: list[tuple[str, str]], signature: str | None) -> None:
    assert not CHECK.http(target, fields, signature)


def test_a_socket_is_signed_over_its_wss_address() -> None:
    for written in ("wss://voice.example.gov.cn/voice/stream", "wss://voice.example.gov.cn/voice/stream/"):
        assert CHECK.socket("/voice/stream", signed(written, []))
    for wrong in ("https://voice.example.gov.cn/voice/stream", "wss://voice.example.gov.cn/voice/other"):
        assert not CHECK.socket("/voice/stream", signed(wrong, []))
    assert not CHECK.socket("/voice/stream", None)


def test_a_port_of_the_origin_counts() -> None:
    check = SignatureCheck(TOKEN, Callbacks("http://127.0.0.1:8000"))
    assert check.http("/voice/amd?call=1", [], signed("http://127.0.0.1:8000/voice/amd?call=1", []))
    assert check.socket("/voice/stream", signed("ws://127.0.0.1:8000/voice/stream", []))
