"""TwiML as our own gateway and Twilio's library write it."""

from __future__ import annotations

import pytest
from twilio.twiml.voice_response import Dial as TwilioDial
from twilio.twiml.voice_response import VoiceResponse

from telephony.standin.twiml import (
    ConnectStream,
    Dial,
    Hangup,
    Pause,
    Redirect,
    Reject,
    Say,
    TwimlError,
    parse,
)

pytestmark = pytest.mark.unit


def test_what_twilios_library_writes_is_read_in_order() -> None:
    response = VoiceResponse()
    stream = response.connect(action="/after").stream(
        url="wss://a.test/s", status_callback="https://a.test/ss"
    )
    stream.parameter(name="call", value="一")
    dial = TwilioDial(time_limit=60)
    dial.conference("room-1", beep="false")
    response.append(dial)
    response.dial("+8613900001234")
    response.say("稍等", language="zh-CN")
    response.pause(length=3)
    response.redirect("/next")
    response.reject(reason="busy")
    response.hangup()
    assert parse(str(response)) == (
        ConnectStream("wss://a.test/s", (("call", "一"),), "https://a.test/ss", "/after"),
        Dial("conference", "room-1", 60),
        Dial("number", "+8613900001234"),
        Say("稍等"),
        Pause(3),
        Redirect("/next"),
        Reject("busy"),
        Hangup(),
    )


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("<Response>", 12100),
        ("<Answer/>", 12102),
        ('<!DOCTYPE x [<!ENTITY a "b">]><Response/>', 12100),
        ("<Response><Dance/></Response>", 12200),
        ("<Response><Connect/></Response>", 12200),
        ('<Response><Connect><Stream url="ws://a.test/s"/></Connect></Response>', 11100),
        ('<Response><Connect><Stream url="wss://a.test/s?call=1"/></Connect></Response>', 31920),
        ("<Response><Pause length='x'/></Response>", 12200),
        ("<Response><Redirect/></Response>", 12200),
        ("<Response>" + " " * 70_000 + "</Response>", 11750),
    ],
)
def test_what_cannot_be_run_is_refused_with_twilios_code(document: str, code: int) -> None:
    with pytest.raises(TwimlError) as error:
        parse(document)
    assert error.value.code == code


def test_a_gateway_without_tls_may_be_reached_only_where_that_is_allowed() -> None:
    document = '<Response><Connect><Stream url="ws://127.0.0.1:8000/s"/></Connect></Response>'
    assert parse(document, plain=True) == (ConnectStream("ws://127.0.0.1:8000/s"),)
