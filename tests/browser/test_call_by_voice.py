"""A reminder call from the first ring to a submitted deferral application, by voice alone: the page in a real chromium, its
microphone hearing rendered speech, and behind it the whole product with real Vosk, Rasa and PostgreSQL."""

from __future__ import annotations

import asyncio
import base64
import io
import time
import wave
from collections.abc import Sequence
from itertools import pairwise

import httpx
import psycopg
import pytest
from playwright.sync_api import Page, expect

from store.personas import by_key
from store.phones import e164
from telephony.events import RATE
from telephony.hearing.mulaw import decode
from telephony.voice.base import Style
from telephony.voice.speaker import open_speaker
from tests.support.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.audio, pytest.mark.model, pytest.mark.timeout(420)]

ANSWER_MS = 45_000
"""How long an answer, spoken to its end, may take on a busy machine."""
MICROPHONE = """
const context = new AudioContext({ sampleRate: 48000 });
const microphone = context.createMediaStreamDestination();
navigator.mediaDevices.getUserMedia = async () => { await context.resume(); return microphone.stream; };
window.saySomething = async (sound) => {
  await context.resume();
  const bytes = Uint8Array.from(atob(sound), (sign) => sign.charCodeAt(0));
  const source = context.createBufferSource();
  source.buffer = await context.decodeAudioData(bytes.buffer);
  source.connect(microphone);
  source.start();
};
"""
AGAIN = ("没听清", "还在听吗", "没太听明白", "没完全听明白")
"""What the bot says when it has not heard or understood."""
HEARD_OUT = """() => {
  const now = performance.now();
  if (document.getElementById('phone').classList.contains('speaking')) window.spokeAt = now;
  return now - window.spokeAt > 900;
}"""
"""Whether the bot has been silent for longer than it pauses within a sentence."""
BREAKS_IN = "() => performance.now() - window.lineAt > 4000"
TALK = (
    ("请问是", "是的，我就是。", HEARD_OUT),
    ("最后四个数字", "零幺五七。", BREAKS_IN),
    ("对吗", "对。", HEARD_OUT),
    ("给您提个醒", "我想申请延期缴纳。", BREAKS_IN),
    ("什么困难", "货款没有收回来，账上没钱。", HEARD_OUT),
    ("几个月", "两个月。", HEARD_OUT),
    ("账上能用的钱", "两万块。", HEARD_OUT),
    ("应付的工资", "三万五千块。", HEARD_OUT),
    ("社会保险费一共", "八千块。", HEARD_OUT),
    ("材料以后补，可以吗", "材料以后补。", HEARD_OUT),
    ("现在提交吗", "确认提交。", BREAKS_IN),
    ("申请已经提交", "", HEARD_OUT),
)
"""What the bot says, what is answered, and when: once it has finished, or in the middle of it."""


@pytest.fixture(scope="module")
def speech() -> dict[str, str]:
    """Everything the caller says, as base64 of WAV."""

    async def render() -> dict[str, str]:
        speaker = open_speaker(None)
        await speaker.start()
        try:
            found = {}
            for _, text, _ in TALK:
                pieces = [piece.mulaw async for piece in speaker.say(text, Style())] if text else []
                found[text] = base64.b64encode(_wav(b"".join(pieces))).decode()
            return found
        finally:
            await speaker.close()

    return asyncio.run(render())


def _wav(mulaw: bytes) -> bytes:
    held = io.BytesIO()
    with wave.open(held, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(decode(mulaw).tobytes())
    return held.getvalue()


def transcript(telephone: Stack, call: str) -> str:
    """What was said and heard, for a failure's message."""
    sheet = httpx.get(f"{telephone.url}/calls/{call}.json", trust_env=False).json()
    return "\n".join(f"{line['began_ms']:7} {line['speaker']:6} {line['text']}" for line in sheet["lines"])


def converse(page: Page, speech: dict[str, str]) -> None:
    """Answer each question; what was not heard is said again, as people do."""
    at = bot_says(page, (TALK[0][0],), 0)
    for (_, answer, when), (following, *_) in pairwise(TALK):
        for _ in range(3):
            page.evaluate("() => { window.lineAt = window.spokeAt = performance.now(); }")
            page.wait_for_function(when, timeout=ANSWER_MS, polling=100)
            page.evaluate("(sound) => window.saySomething(sound)", speech[answer])
            at = bot_says(page, (following, *AGAIN), at)
            if following in bot_lines(page)[at - 1]:
                break
            when = HEARD_OUT
        else:
            raise AssertionError(f"not heard: {answer}")


def bot_lines(page: Page) -> list[str]:
    return page.locator("#lines li.bot").all_inner_texts()


def bot_says(page: Page, wanted: Sequence[str], at: int) -> int:
    """Wait for a line after the first ``at`` that holds one of these; returns how many lines there are up to it."""
    deadline = time.monotonic() + ANSWER_MS / 1000
    while time.monotonic() < deadline:
        for place, line in enumerate(bot_lines(page)[at:], at + 1):
            if any(words in line for words in wanted):
                return place
        page.wait_for_timeout(200)
    raise TimeoutError(f"the bot said none of {wanted}")


def test_a_deferral_is_applied_for_by_voice(telephone: Stack, speech: dict[str, str], page: Page) -> None:
    persona = by_key("not_due_company")
    page.add_init_script(MICROPHONE)
    page.goto(f"{telephone.url}/phone")
    expect(page.locator("#state")).to_contain_text("在线")
    order = {"to": e164(persona.phone), "carrier": "browser"}
    placed = httpx.post(f"{telephone.url}/calls", json=order, timeout=30, trust_env=False)
    assert placed.status_code == 201, placed.text
    page.get_by_role("button", name="接听").click()
    try:
        converse(page, speech)
    except (AssertionError, TimeoutError) as error:
        raise AssertionError(f"{error}\n{transcript(telephone, placed.json()['id'])}") from None
    page.get_by_role("button", name="挂断").click()
    with psycopg.connect(telephone.database_url) as database:
        found = database.execute(
            "select a.months, a.cash, a.wages_payable, a.social_insurance, a.status, t.name"
            " from deferral_application a join taxpayer t on t.id = a.taxpayer_id where t.name = %s",
            (persona.name,),
        ).fetchall()
    assert [(*map(int, row[:4]), *row[4:]) for row in found] == [
        (2, 20_000, 35_000, 8_000, "submitted", persona.name)
    ]
