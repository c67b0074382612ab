"""The TwiML a carrier gets."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from telephony.carriers import twiml

pytestmark = pytest.mark.unit
URL = "wss://voice.example.gov.cn/voice/stream"
CALLER_ID = "+15005550006"


def verbs(document: str) -> list[str]:
    return [verb.tag for verb in ET.fromstring(document)]


def test_a_stream_carries_its_parameters_and_nothing_in_its_address() -> None:
    document = twiml.stream(URL, {"call": "1", "token": 'a<b&"c'})
    opened = ET.fromstring(document).find("Connect/Stream")
    assert opened is not None and opened.attrib == {"url": URL}
    assert {p.attrib["name"]: p.attrib["value"] for p in opened} == {"call": "1", "token": 'a<b&"c'}
    assert verbs(document) == ["Connect", "Hangup"]


def test_what_comes_after_the_stream() -> None:
    document = twiml.stream(URL, {}, twiml.Target("+861088880000", CALLER_ID))
    assert verbs(document) == ["Connect", "Dial", "Hangup"]
    dial = ET.fromstring(document).find("Dial")
    assert dial is not None
    assert dial.attrib == {"answerOnBridge": "true", "callerId": CALLER_ID, "timeout": "30"}
    assert [noun.tag for noun in dial] == ["Number"]


def test_a_conference_begins_and_ends_with_the_caller() -> None:
    room = ET.fromstring(twiml.transfer(twiml.Target("desk-7", CALLER_ID))).find("Dial/Conference")
    assert room is not None and room.text == "desk-7"
    assert room.attrib == {"beep": "false", "startConferenceOnEnter": "true", "endConferenceOnExit": "true"}


@pytest.mark.parametrize("to", ["", "13900001234", "会议", "a b", "x" * 65, "+0139", "sip:x@y"])
def test_no_other_targets(to: str) -> None:
    with pytest.raises(ValueError, match="转接目标"):
        twiml.Target(to, CALLER_ID)


def test_ending_with_and_without_a_word() -> None:
    assert verbs(twiml.hang_up()) == ["Hangup"]
    said = ET.fromstring(twiml.sorry("再见。"))
    assert [verb.tag for verb in said] == ["Say", "Hangup"]
    assert (said[0].text, said[0].attrib) == ("再见。", {"language": "zh-CN"})
