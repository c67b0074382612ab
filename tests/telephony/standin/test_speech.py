"""Rendering lines through the voice seam."""

from __future__ import annotations

from pathlib import Path

import pytest

from telephony.standin.sound import rms
from telephony.standin.speech import Studio
from telephony.voice.base import Style
from tests.telephony.standin.fakes import Hum, script

pytestmark = pytest.mark.unit


async def test_each_line_is_said_in_its_accent_and_manner() -> None:
    hum = Hum()
    steps = "  - say: 喂\n  - say: 是我\n    accent: cantonese\n    speed: 0.5\n  - say: 好\n    voice: old"
    await Studio(hum).perform(script(steps), "sichuan")
    assert hum.asked == [
        ("喂", Style("sichuan", 1.0)),
        ("是我", Style("cantonese", 0.5)),
        ("好", Style("old", 1.0)),
    ]


async def test_a_lower_voice_takes_no_longer() -> None:
    hum = Hum()
    made = await Studio(hum).perform(
        script("  - say: 一二三四五\n  - say: 一二三四五\n    pitch: 0.8"), "mandarin"
    )
    assert made.sounds[1].size == pytest.approx(made.sounds[0].size, rel=0.02)


async def test_a_shout_is_louder_and_noise_lies_under_the_words() -> None:
    hum = Hum()
    made = await Studio(hum).perform(
        script(
            "  - say: 一二三\n    volume: -12\n  - shout: 一二三\n    volume: -3\n  - say: 一二三\n    noise: 0"
        ),
        "mandarin",
    )
    assert rms(made.sounds[1]) > 2 * rms(made.sounds[0])
    assert rms(made.sounds[2]) > 1.02 * rms((await _plain(hum)).sounds[0])


async def _plain(hum: Hum):  # type: ignore[no-untyped-def]
    return await Studio(hum).perform(script("  - say: 一二三"), "mandarin")


async def test_what_was_rendered_once_is_kept_on_disk(tmp_path: Path) -> None:
    first, second = Hum(), Hum()
    one = await Studio(first, tmp_path).perform(script("  - say: 喂"), "mandarin")
    two = await Studio(second, tmp_path).perform(script("  - say: 喂"), "mandarin")
    assert len(first.asked) == 1
    assert second.asked == []
    assert (one.sounds[0] == two.sounds[0]).all()
    await Studio(second, tmp_path).perform(script("  - say: 喂\n    speed: 0.8"), "mandarin")
    await Studio(second, tmp_path).perform(script("  - say: 喂"), "sichuan")
    await Studio(second, tmp_path, "newer").perform(script("  - say: 喂"), "mandarin")
    assert len(second.asked) == 3
