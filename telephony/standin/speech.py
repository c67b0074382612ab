"""Renders what people of a script say, through the voice seam, and keeps it on disk."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from telephony.events import RATE
from telephony.hearing.mulaw import decode
from telephony.standin import tones
from telephony.standin.script import Background, Manner, Play, Say, Script
from telephony.standin.sound import Pcm, band_limited, clipped, louder, pitched
from telephony.voice.base import Style, Voice


@dataclass(frozen=True, slots=True)
class Performance:
    """A script with its sounds: ``sounds`` by the index of the step, ``bed`` the noise under the whole call (it repeats)."""

    script: Script
    sounds: Mapping[int, Pcm]
    bed: Pcm | None = None


class Studio:
    """Turns scripts into performances; a pack's name, or a script's ``voice``, is what the voice is asked for by.

    ``folder`` keeps rendered speech, by what makes it sound as it does; ``version`` names the voice's own state.
    """

    def __init__(self, voice: Voice, folder: Path | None = None, version: str = "") -> None:
        self._voice, self._folder, self._version = voice, folder, version

    async def perform(self, script: Script, pack: str) -> Performance:
        """Render a filled-in script in the accent of ``pack``.

        Raises:
            VoiceError: no voice can say a line.
        """
        sounds: dict[int, Pcm] = {}
        for index, step in enumerate(script.steps):
            if isinstance(step, Say):
                sounds[index] = await self._line(step, pack, index)
            elif isinstance(step, Play):
                sounds[index] = _sound(step, index)
        background = script.background
        return Performance(script, sounds, _bed(background) if background else None)

    async def _line(self, step: Say, pack: str, seed: int) -> Pcm:
        manner = step.manner
        spoken = await self._spoken(step.text, manner.voice or manner.accent or pack, manner)
        pcm = louder(pitched(spoken, manner.pitch), manner.volume)
        if manner.band is not None:
            pcm = band_limited(pcm, manner.band)
        if manner.noise is not None:
            noise = tones.noise("white", pcm.size * 1000 // RATE + 1, manner.noise, seed)[: pcm.size]
            pcm = clipped(pcm.astype(np.float64) + noise)
        return pcm

    async def _spoken(self, text: str, voice: str, manner: Manner) -> Pcm:
        # A lower voice is made by playing slower, so it is asked to speak faster.
        style = Style(voice, round(manner.speed / manner.pitch, 3))
        file = self._file(text, style)
        if file is not None and file.exists():
            return decode(file.read_bytes())
        mulaw = b"".join([piece.mulaw async for piece in self._voice.say(text, style)])
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            half = file.with_suffix(f".{os.getpid()}")
            half.write_bytes(mulaw)
            half.replace(file)
        return decode(mulaw)

    def _file(self, text: str, style: Style) -> Path | None:
        if self._folder is None:
            return None
        said = f"{self._version}\0{style.voice}\0{style.speed}\0{text}"
        key = hashlib.sha256(said.encode()).hexdigest()
        return self._folder / key[:2] / f"{key}.ulaw"


@lru_cache(maxsize=32)
def _bed(background: Background) -> Pcm:
    return tones.noise(background.kind, 20_000, background.snr, seed=7)


def _sound(step: Play, seed: int) -> Pcm:
    match step.what:
        case "music":
            return tones.music(step.ms)
        case "fax":
            return tones.fax(step.ms)
        case "beep":
            return tones.beep()
        case "noise":
            return tones.noise("babble", step.ms, step.snr, seed)
