"""Many speakers: ttskit's multi-speaker Mellotron and MelGAN (MIT package, weights inside), on the processor.

Its own start-up code wants audio libraries and a speaker encoder; only the networks are needed, and a speaker is a name
hashed into sixteen digits. Alignment is left to :mod:`dialects.training.align`.
"""

from __future__ import annotations

import hashlib
import random
import sys
import types
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.signal import resample_poly

from dialects.training.phones import Syllable, flat, split, syllables
from dialects.training.speech import Utterance

SPEAKERS = (
    "Aibao",
    "Aicheng",
    "Aijia",
    "Aijing",
    "Aimei",
    "Aina",
    "Aiqi",
    "Aiwei",
    "Aixia",
    "Aiya",
    "Aiyu",
    "Aiyue",
    "Xiaobei",
    "Xiaomei",
    "Xiaomeng",
    "Xiaowei",
    "Xiaoxue",
    "Xiaoyun",
    "Yina",
)
"""Speakers to train with; nearly all are women."""
RARE = ("Xiaoyun", "biaobei", "cctvfa", "cctvma", "cctvmb", "cctvmc", "cctvmd")
"""Speakers to train with oftener: men, and those whose voices are far from the others."""
HELD_OUT = ("Xiaogang", "Siyue", "Aitong", "Aida")
"""Speakers never trained with: what "unseen voice" means in the figures."""
_UNUSED = (
    "aukit",
    "aukit.audio_spectrogram",
    "aukit.audio_griffinlim",
    "aukit.audio_io",
    "aukit.audio_player",
)
_RATES = (320, 441)
_MOST_STEPS = 990
_STOP = 0.8
_SLOWEST, _FASTEST = 0.55, 0.09
_EDGE_S = 1.0
_PURE = 0.5
_NEAREST = "a5"
_SHARES = (0.2, 0.7)


@dataclass(frozen=True)
class Blend:
    """A speaker who is nobody: ``one`` with a ``share`` (0 to 1) of ``other``. Between speakers the network speaks as
    clearly as it does for them; names it was never trained with come out as babble."""

    one: str
    other: str
    share: float

    def __str__(self) -> str:
        return f"{self.one}+{self.other}"


class _Unused(dict[str, Any]):
    """Whatever the synthesiser's modules import from audio libraries: nothing of it matters when speech is made."""

    def __call__(self, *_: object) -> _Unused:
        return self


class Ttskit:
    """The synthesiser; one instance a process."""

    def __init__(self) -> None:
        """Raises :class:`ModuleNotFoundError` when the package with the weights is not installed."""
        home = _pretend_packages()
        from phkit.chinese import text_to_sequence
        from phkit.chinese.phoneme import pinyin2ph_dict

        self._sequence = text_to_sequence
        self._pinyin = _spellings(pinyin2ph_dict)
        models = home / "resource" / "model"
        # The files hold whole objects; they come from a package pinned by hash.
        self._mellotron: Any = torch.load(
            models / "mellotron.kuangdd-mspk.pt", map_location="cpu", weights_only=False
        )
        self._melgan: Any = torch.load(models / "melgan.kuangdd.pt", map_location="cpu", weights_only=False)
        self._mellotron.eval()
        self._melgan.eval()

    def utterance(
        self, text: str, speaker: str | Blend, surface: Sequence[Syllable] | None = None
    ) -> Utterance | None:
        """``text`` said by ``speaker`` (as ``surface`` when given), not aligned.

        ``None`` when it came out far too long or too short. A syllable of ``surface`` that Mandarin does not have is said
        in its standard form.
        """
        canonical = syllables(text)
        if not canonical:
            return None
        if surface is None:
            sequence = self._sequence(text + "。", cleaner_names="hanzi")
        else:
            surface = [s if s in self._pinyin else c for s, c in zip(surface, canonical, strict=True)]
            pinyin = (self._pinyin.get(s, _NEAREST) for s in surface)
            sequence = self._sequence(" ".join((*pinyin, ".")), cleaner_names="pinyin")
        ids = torch.tensor(sequence)[None].long()
        with torch.no_grad():
            _, mel, gate, _ = self._mellotron.inference((ids, 0, _speaker(speaker), None))
            stops = torch.sigmoid(gate)[0].numpy().ravel() > _STOP
            steps = int(np.argmax(stops)) if stops.any() else len(stops)
            wave = self._melgan.inference(mel[:, :, :steps]).squeeze().numpy().astype(np.float32)
        audio = np.clip(resample_poly(wave, *_RATES), -32768, 32767).astype(np.int16)
        seconds = len(audio) / 16_000
        if steps >= _MOST_STEPS or not _FASTEST * len(text) <= seconds <= _SLOWEST * len(text) + _EDGE_S:
            return None
        said = tuple(flat(surface)) if surface is not None else ()
        return Utterance(text, audio, tuple(flat(canonical)), voice=str(speaker), said=said)


def blended(draw: random.Random) -> str | Blend:
    """A rare speaker, or as often a blend in which there is one."""
    one, other = draw.choice(RARE), draw.choice(SPEAKERS + RARE)
    if one == other or draw.random() < _PURE:
        return one
    return Blend(one, other, draw.uniform(*_SHARES))


def _spellings(known: Iterable[str]) -> dict[Syllable, str]:
    """Pinyin of each syllable that the synthesiser can say."""
    found: dict[Syllable, str] = {}
    for plain in known:
        for tone in "12345":
            try:
                found.setdefault(split(plain.rstrip("12345") + tone), plain.rstrip("12345") + tone)
            except ValueError:
                break
    return found


def _speaker(name: str | Blend) -> Any:
    if isinstance(name, Blend):
        return _speaker(name.one) * (1 - name.share) + _speaker(name.other) * name.share
    digits = [int(sign, 16) for sign in hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()]
    return torch.tensor((np.array([digits]) - 7) / 10).float()


@lru_cache(maxsize=1)
def _pretend_packages() -> Path:
    """Make the pickled networks' modules importable without running the package's start-up code."""
    spec = find_spec("ttskit")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("ttskit is missing: run scripts/training.sh")
    home = Path(next(iter(spec.submodule_search_locations)))
    sys.path.append(str(home))
    for name in _UNUSED:
        module = types.ModuleType(name)
        module.__getattr__ = lambda _: _Unused()  # type: ignore[method-assign]
        sys.modules.setdefault(name, module)
    for name, path in (
        ("ttskit", home),
        *((n, home / n.split(".")[-1]) for n in ("ttskit.mellotron", "ttskit.melgan", "mellotron", "melgan")),
    ):
        module = types.ModuleType(name)
        module.__path__ = [str(path)]
        sys.modules[name] = module
    return home
