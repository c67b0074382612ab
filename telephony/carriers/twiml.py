"""What a carrier is told to do with a call, as TwiML written by Twilio's library.

Source: Twilio's pages on ``<Connect><Stream>``, ``<Dial>``, ``<Conference>``, ``<Say>``. Verbs after ``<Connect>`` run
when our side closes the media WebSocket.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from twilio.twiml.voice_response import Dial, VoiceResponse  # type: ignore[import-untyped]

_NUMBER = re.compile(r"\+[1-9]\d{6,14}")
# A letter first, so that a number in no international form is not taken for a conference.
_ROOM = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
RING_S = 30


@dataclass(frozen=True, slots=True)
class Target:
    """Whom to connect a caller with: a number in E.164, or the name of a conference.

    Raises:
        ValueError: ``to`` is neither; the message is Chinese.
    """

    to: str
    caller_id: str

    def __post_init__(self) -> None:
        if not _NUMBER.fullmatch(self.to) and not _ROOM.fullmatch(self.to):
            raise ValueError(
                "转接目标应是国际格式的号码（例如 +861088880000），或以字母开头、由字母、数字和 _ . - 组成的会议名。"
            )

    @property
    def is_number(self) -> bool:
        """A number, and not a conference."""
        return _NUMBER.fullmatch(self.to) is not None


def stream(url: str, parameters: Mapping[str, str], after: Target | None = None) -> str:
    """Connect the call with our media WebSocket; when that is closed, connect it with ``after`` or hang up."""
    response = VoiceResponse()
    opened = response.connect().stream(url=url)
    for name, value in parameters.items():
        opened.parameter(name=name, value=value)
    if after is not None:
        response.append(_dial(after))
    response.hangup()
    return str(response)


def transfer(target: Target) -> str:
    """Connect the caller with somebody else, then hang up."""
    response = VoiceResponse()
    response.append(_dial(target))
    response.hangup()
    return str(response)


def hang_up() -> str:
    """End the call without a word."""
    response = VoiceResponse()
    response.hangup()
    return str(response)


def sorry(words: str) -> str:
    """Say one sentence in the carrier's own Mandarin voice and end the call: for when ours cannot be reached."""
    response = VoiceResponse()
    response.say(words, language="zh-CN")
    response.hangup()
    return str(response)


def _dial(target: Target) -> Dial:
    if target.is_number:
        dial = Dial(caller_id=target.caller_id, answer_on_bridge=True, timeout=RING_S)
        dial.number(target.to)
        return dial
    dial = Dial()
    dial.conference(target.to, beep="false", start_conference_on_enter=True, end_conference_on_exit=True)
    return dial
