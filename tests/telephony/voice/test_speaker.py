from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from telephony.voice.base import SpokenPiece, Style, VoiceError
from telephony.voice.cache import Cache
from telephony.voice.speaker import Speaker
from telephony.voice.voices import BY_NAME, CANTONESE, MANDARIN, PLAIN_MANDARIN
from telephony.voice.workers import Urgency

pytestmark = pytest.mark.unit

TEXT = "您的申请已经提交，请留意短信。工作人员会回电话。再见。"
PIECES = ["您的申请已经提交，", "请留意短信。", "工作人员会回电话。", "再见。"]


class FakeVoice:
    """Sounds as its name; holds each rendering until allowed, if asked to."""

    def __init__(self, name: str, failing: bool = False) -> None:
        self.name = name
        self.failing = failing
        self.asked: list[tuple[Mapping[str, object], Urgency]] = []
        self.cancelled = 0
        self.allowed = asyncio.Event()
        self.allowed.set()
        self._news = asyncio.Condition()

    async def asked_times(self, times: int) -> None:
        async with self._news:
            await self._news.wait_for(lambda: len(self.asked) >= times)

    async def start(self) -> None:
        if self.failing:
            raise VoiceError(f"{self.name}坏了")

    async def close(self) -> None:
        pass

    async def render(self, request: Mapping[str, object], urgency: Urgency = Urgency.NOW) -> bytes:
        self.asked.append((request, urgency))
        number = len(self.asked)
        async with self._news:
            self._news.notify_all()
        try:
            await self.allowed.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.failing:
            raise VoiceError("坏了")
        return f"{self.name}{number}".encode()


def speaker(*voices: FakeVoice, folder: Path | None = None) -> Speaker:
    return Speaker({voice.name: voice for voice in voices}, Cache(folder))


async def said(voice: Speaker, text: str = TEXT, style: Style = Style()) -> list[SpokenPiece]:  # noqa: B008
    return [piece async for piece in voice.say(text, style)]


async def settle() -> None:
    for _ in range(50):
        await asyncio.sleep(0.002)


async def test_an_answer_comes_in_pieces_and_the_next_is_rendered_while_one_is_out() -> None:
    mandarin = FakeVoice(MANDARIN.name)
    stream = speaker(mandarin).say(TEXT, Style())
    assert await anext(stream) == SpokenPiece(PIECES[0], b"mandarin1")
    await mandarin.asked_times(2)
    assert [urgency for _, urgency in mandarin.asked] == [Urgency.NOW, Urgency.NEXT]
    rest = [piece.text async for piece in stream]
    assert rest == PIECES[1:]


async def test_interrupting_stops_what_is_being_rendered() -> None:
    mandarin = FakeVoice(MANDARIN.name)
    stream = speaker(mandarin).say(TEXT, Style())
    await anext(stream)
    mandarin.allowed.clear()
    await mandarin.asked_times(2)
    await stream.aclose()
    await settle()
    assert mandarin.cancelled == 1
    assert len(mandarin.asked) == 2


async def test_the_same_words_are_rendered_once_even_at_the_same_time() -> None:
    mandarin = FakeVoice(MANDARIN.name)
    voice = speaker(mandarin)
    both = await asyncio.gather(said(voice), said(voice))
    assert both[0] == both[1] == await said(voice)
    assert len(mandarin.asked) == len(PIECES)


async def test_one_caller_who_hangs_up_does_not_take_the_words_from_another() -> None:
    mandarin = FakeVoice(MANDARIN.name)
    mandarin.allowed.clear()
    voice = speaker(mandarin)
    leaving, staying = (asyncio.create_task(said(voice, "再见。")) for _ in range(2))
    await mandarin.asked_times(1)
    await settle()
    leaving.cancel()
    await settle()
    mandarin.allowed.set()
    assert await staying == [SpokenPiece("再见。", b"mandarin1")]


async def test_another_voice_speaks_when_one_fails() -> None:
    broken, plain = FakeVoice(MANDARIN.name, failing=True), FakeVoice(PLAIN_MANDARIN.name)
    pieces = await said(speaker(broken, plain))
    assert [piece.text for piece in pieces] == PIECES
    assert pieces[0].mulaw == b"mandarin-plain1"
    assert "shen1qing3" in str(plain.asked[0][0]["words"])


async def test_without_any_voice_the_error_is_plain() -> None:
    broken = FakeVoice(MANDARIN.name, failing=True)
    voice = speaker(broken)
    with pytest.raises(VoiceError):
        await said(voice)
    with pytest.raises(VoiceError, match="坏了"):
        await voice.start()


async def test_a_missing_voice_does_not_keep_the_others_from_starting() -> None:
    await speaker(FakeVoice(CANTONESE.name, failing=True), FakeVoice(MANDARIN.name)).start()


async def test_packs_choose_the_voice_and_cantonese_reads_codes_its_own_way() -> None:
    mandarin, cantonese = FakeVoice(MANDARIN.name), FakeVoice(CANTONESE.name)
    voice = speaker(mandarin, cantonese)
    await said(voice, "尾号1234。", Style("cantonese"))
    assert cantonese.asked[0][0]["words"] == "尾号一二三四."
    for name in ("sichuan", "nowhere", ""):
        await said(voice, f"{name}你好", Style(name))
    assert len(cantonese.asked) == 1 and len(mandarin.asked) == 3
    assert {"", "mandarin", "sichuan", "cantonese"} <= BY_NAME.keys()


async def test_speed_is_part_of_what_is_rendered_and_bounded() -> None:
    mandarin = FakeVoice(MANDARIN.name)
    voice = speaker(mandarin)
    for speed in (1.0, 0.85, 0.01):
        await said(voice, "再见。", Style(speed=speed))
    assert [request["speed"] for request, _ in mandarin.asked] == [1.0, 0.85, 0.6]


async def test_phrases_prepared_are_ready_after_a_restart_and_nothing_else_is_kept(tmp_path: Path) -> None:
    mandarin = FakeVoice(MANDARIN.name)
    voice = speaker(mandarin, folder=tmp_path)
    await said(voice, "再见。")
    assert await voice.prepare(["再见。", TEXT]) == 1 + len(PIECES)
    await said(voice, "王先生欠12500.30元。")
    again = FakeVoice(MANDARIN.name)
    later = speaker(again, folder=tmp_path)
    assert [piece.text for piece in await said(later)] == PIECES
    assert again.asked == []
    await said(later, "王先生欠12500.30元。")
    assert len(again.asked) == 1


async def test_nothing_to_say_makes_no_sound() -> None:
    mandarin = FakeVoice(MANDARIN.name)
    voice = speaker(mandarin)
    assert await said(voice, "") == []
    assert await said(voice, "……") == [SpokenPiece("……", b"")]
    assert mandarin.asked == []
