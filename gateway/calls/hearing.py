"""How calls hear here: models shared by all calls, an ear for each, the dialect pack chosen from what is known."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

from dialects.acoustic import Models
from dialects.choice import MultiPackRecogniser
from dialects.pack import all_packs
from dialects.prior import Remembered, prior
from telephony.call.ports import Ear as CallEar
from telephony.hearing.activity import SileroActivity
from telephony.hearing.ear import Ear

_REMEMBERED_ODDS = 2.0
"""What the pack noted at an earlier call is believed, as log-odds: likely, not certain."""


@dataclass(frozen=True, slots=True)
class Hearing:
    """How a call hears, and which voice answers.

    ``ear`` makes the ear of a call, given the pack remembered of the taxpayer, their region and the number;
    ``voice_of`` names the voice of a pack, ``ask_again`` the confidence below which it asks again; ``warm`` loads what the
    first call would have to wait for.
    """

    ear: Callable[[str | None, str, str], CallEar]
    voice_of: Callable[[str], str]
    ask_again: Callable[[str], float]
    warm: Callable[[], None]


def build_hearing(pool: Executor, rivals: Executor, mandarin: Path | None = None) -> Hearing:
    """Hearing that decodes in ``pool``, and in ``rivals`` what a second pack hears at the same time.

    ``mandarin`` is another model for Mandarin, such as one of Vosk's own.
    """
    packs = all_packs()
    models = Models(mandarin=mandarin)

    def ear(pack: str | None, region: str, number: str) -> CallEar:
        before = Remembered({pack: _REMEMBERED_ODDS}, 1) if pack in packs and pack is not None else None
        odds = prior(packs, region, number, before)

        def recogniser() -> MultiPackRecogniser:
            return MultiPackRecogniser(packs, models, odds, workers=rivals)

        return Ear(recogniser(), recogniser, SileroActivity(), pool)

    def voice_of(pack: str) -> str:
        return packs[pack].voice if pack in packs else ""

    def ask_again(pack: str) -> float:
        return packs[pack].ask_again_below if pack in packs else 0.0

    def warm() -> None:
        ear(None, "", "")

    return Hearing(ear, voice_of, ask_again, warm)
