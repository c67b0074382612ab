"""What every call says is rendered ahead, so that a greeting is there when somebody answers."""

from __future__ import annotations

from collections.abc import Iterable

import structlog

from gateway.settings import ROOT
from telephony.call.mouth import SLOW
from telephony.call.words import Words
from telephony.voice.base import Style, VoiceError
from telephony.voice.pieces import split
from telephony.voice.speaker import Speaker

log = structlog.get_logger("gateway.calls")
SPEECH = ROOT / ".cache" / "speech"
"""Speech that was rendered ahead and holds nothing personal. Safe to delete."""
OPENERS = ("好的，", "您好，", "给您提个醒：", "收到。", "请稍等，", "查过了，")
"""Beginnings of answers that actions put together."""


async def start_voice(speaker: Speaker, words: Words, bureau: str, articles: Iterable[str]) -> None:
    """Start the voices, then render what calls say often; ``articles`` are their short texts."""
    try:
        await speaker.start()
        named = [words.say(name, bureau=bureau) for name in ("disclosure", "who_we_are", "voicemail_neutral")]
        for style in (Style(), Style(speed=SLOW)):
            ready = await speaker.prepare([*named, *words.fixed()], style)
            log.info("voice_ready", pieces=ready, speed=style.speed)
        # Of the articles only the beginnings: while they are heard, the rest is rendered.
        await speaker.prepare([*OPENERS, *(split(short)[0] for short in articles)])
    except VoiceError as error:
        log.error("voice_unavailable", reason=str(error))
